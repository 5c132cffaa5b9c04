"""The code of the README and of docs/ runs as it stands there, only shorter."""

import base64
import concurrent.futures
import http.server
import importlib
import json
import pathlib
import re
import runpy
import shutil
import threading

import cv2
import numpy as np
import pytest
import tensorflow as tf

from selfsup import cli, export

import fakes

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]
BLOCKS = [
    block
    # Of labels.md the data are missing.
    for page in PAGES
    if page.name != "labels.md"
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
]

# Flags of TensorBoard, of a script, and of SLURM.
OTHERS = {"logdir", "wordnet", "classes", "nodes", "ntasks", "gpus", "cpus", "signal"}
OTHERS |= {"requeue"}
REQUESTS = [block for block in BLOCKS if "localhost" in block]
CODE = [block for block in BLOCKS if block not in REQUESTS]

SHORTER = (
    ("steps_per_epoch=50, epochs=2", "steps_per_epoch=1, epochs=1"),
    ("width=0.25", "width=0.03"),
)


def _run(code, name):
    exec(compile(code, f"README, {name}", "exec"), {})


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CODE)))
def test_code_runs(number, tmp_path, monkeypatch, photos):
    workdir = tmp_path / "runs" / "colorizer"
    workdir.mkdir(parents=True)
    fakes.network("vgg16").save(workdir / "backbone.keras")
    shutil.copy(photos / "coffee.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    code = CODE[number]
    for long, short in SHORTER:
        code = code.replace(long, short)
    _run(code, f"block {number}")


def test_there_is_code_to_run_and_the_shortening_applies():
    assert (len(CODE), len(REQUESTS)) == (5, 2)
    for long, _ in SHORTER:
        assert any(long in block for block in CODE)


@pytest.mark.slow
def test_the_diagram_is_drawn(tmp_path):
    script = shutil.copy(README.parent / "docs" / "draw_method.py", tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    folders = tmp_path, README.parent / "docs"
    drawn, kept = (cv2.imread(str(folder / "method.png")) for folder in folders)
    assert drawn.shape == kept.shape and drawn.std() > 10


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The signature of an exported colorizer, small and random."""
    folder = tmp_path_factory.mktemp("served") / "colors"
    config = export.ExportConfig(side=32)
    version = export.export_model("sample", folder, config)
    return tf.saved_model.load(str(version)).signatures["serving_default"]


class _Rest(http.server.BaseHTTPRequestHandler):
    """Answers as the REST interface of TensorFlow Serving is documented to."""

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        instances = json.loads(self.rfile.read(size))["instances"]
        files = [base64.b64decode(row["image_bytes"]["b64"]) for row in instances]
        outputs = self.server.signature(image_bytes=tf.constant(files))
        # A single output stands alone; strings named so are encoded.
        ((name, values),) = outputs.items()
        assert self.path == "/v1/models/colors:predict" and name.endswith("_bytes")
        rows = [{"b64": base64.b64encode(value).decode()} for value in values.numpy()]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"predictions": rows}).encode())

    def log_message(self, *args):
        pass


def _rest_server(signature):
    server = http.server.ThreadingHTTPServer(("localhost", 0), _Rest)
    server.signature = signature
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop():
        server.shutdown()
        server.server_close()

    return server.server_port, stop


def _grpc_server(signature):
    grpc = pytest.importorskip("grpc")
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            assert request.model_spec.name == "colors"
            inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
            outputs = signature(**{k: tf.constant(v) for k, v in inputs.items()})
            response = predict_pb2.PredictResponse()
            for name, value in outputs.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("localhost:0")
    server.start()
    return port, lambda: server.stop(None)


@pytest.mark.slow
@pytest.mark.parametrize("number, start", [(0, _rest_server), (1, _grpc_server)])
def test_requests_are_answered(number, start, served, tmp_path, monkeypatch, photos):
    shutil.copy(photos / "chelsea.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    port, stop = start(served)
    try:
        code = re.sub(r"localhost:\d+", f"localhost:{port}", REQUESTS[number])
        _run(code, f"request {number}")
    finally:
        stop()
    (written,) = tmp_path.glob("*.png")
    colored = cv2.imread(str(written)).astype(int)
    photo = cv2.imread("photo.jpg").astype(int)
    assert colored.shape == photo.shape
    assert np.ptp(colored, axis=-1).max() > 10
    assert np.abs(colored.mean(axis=-1) - photo.mean(axis=-1)).max() <= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_flags_exist(page):
    text = page.read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    for link in links:
        if not link.startswith("https://"):
            file, _, heading = link.partition("#")
            assert (page.parent / file).exists(), link
            assert heading.replace("-", " ") in text.lower(), link
    known = {"help", *OTHERS, *export.ExportConfig.__dataclass_fields__}
    for path in pathlib.Path(cli.__file__).parent.glob("*.py"):
        tool = getattr(
            importlib.import_module(f"selfsup.cli.{path.stem}"), "TOOL", None
        )
        for config in (tool.options, *tool.configs.values()) if tool else ():
            known |= config.__dataclass_fields__.keys()
    for flag in re.findall(r"--([a-z_]{3,})", text):
        assert flag in known or flag.removeprefix("no") in known, flag
