"""One model of each kind, its export, and a process that serves it."""

import functools
import pathlib

import keras
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from selfsup import export, heads, networks
from selfsup.export import graph_check

import c_library
import fakes

LIMIT = 40_000
CLASSES = ("cat", "dog", "owl")
OPTIONS = {"hidden": 8, "hidden_stddev": 1.0}

# Layers of the signature `features`, where they are not the default.
LAYERS = {
    "classifier": ("fine",),
    "lab": ("res3a_relu", "res4a_relu"),
    "segmenter": ("relu4",),
    "single_label_classifier": ("fine", "coarse"),
}


def _taps(backbone, *names):
    """A few taps: many take long to build."""
    grids = networks.grids(backbone)
    return [
        networks.Tap(name, grids[name].stride, grids[name].offset, 0) for name in names
    ]


def _histogram():
    """Grouped convolutions, response normalization, bias padding."""
    alexnet = fakes.randomize(fakes.network("alexnet", padding="bias"), bias=0.1)
    taps = _taps(alexnet, "relu2", "drop7")
    model = heads.colorizer(alexnet, taps, 8, **OPTIONS)
    return export.ExportedModel("colorizer", model, side=24)


def _lab():
    """Residual blocks, affine batch normalization."""
    resnet = fakes.randomize(fakes.network("resnet", normalization="affine"), bias=0.1)
    taps = _taps(resnet, "conv1_relu", "res4a_relu")
    model = heads.colorizer(resnet, taps, loss="lab", **OPTIONS)
    return export.ExportedModel("colorizer", model, side=24)


def _segmenter():
    """Affine batch normalization, an input of another convention."""
    alexnet = fakes.network("alexnet", normalization="affine", rescaling=(2.0, 0.1))
    model = heads.segmenter(alexnet, _taps(alexnet, "relu1", "relu5"), 3, **OPTIONS)
    return export.ExportedModel("segmenter", model, classes=CLASSES)


def _classifier(multi_label=True):
    model = heads.classifier(_tiny(), 3, multi_label=multi_label)
    kind = "classifier" if multi_label else "single_label_classifier"
    return export.ExportedModel(kind, model, crop_size=30, classes=CLASSES)


def _backbone():
    """Color, a field-of-view block."""
    color = fakes.network("alexnet", input_channels=3, fov_blocks=1)
    return export.ExportedModel("backbone", fakes.randomize(color, bias=0.1))


def _tiny():
    """Two convolutions, of every pixel and of every fourth."""
    image = keras.Input((None, None, 1), name="gray")
    convolution = functools.partial(
        keras.layers.Conv2D, padding="same", activation="relu"
    )
    fine = convolution(4, 3, name="fine")(image)
    coarse = convolution(6, 5, 4, name="coarse")(fine)
    return fakes.randomize(keras.Model(image, coarse), bias=0.1)


_BUILDERS = {
    "backbone": _backbone,
    "classifier": _classifier,
    "histogram": _histogram,
    "lab": _lab,
    "segmenter": _segmenter,
    "single_label_classifier": functools.partial(_classifier, multi_label=False),
}


@pytest.fixture(scope="session")
def exported_models():
    """Returns the model of a name, one for all tests."""

    @functools.cache
    def build(name):
        # Of so few channels some seeds predict one color, or class.
        keras.utils.set_random_seed(0)
        return _BUILDERS[name]()

    return build


@pytest.fixture(scope="session")
def tiny():
    """A backbone of two convolutions and its taps."""
    taps = networks.Tap("fine", 1, 0, 4), networks.Tap("coarse", 4, 1.5, 6)
    return _tiny(), taps


@pytest.fixture(scope="session")
def layers():
    """Names of the layers of `features` by the model's name; a dict."""
    return LAYERS


@pytest.fixture(scope="session")
def folder(exported_models, tmp_path_factory):
    """Returns the version folder of a model, written on first use."""
    output = tmp_path_factory.mktemp("served")

    @functools.cache
    def written(name):
        config = export.ExportConfig(max_pixels=LIMIT, features=LAYERS.get(name, ()))
        return export.write(exported_models(name), output / name, config)

    return written


@pytest.fixture(scope="session")
def client():
    with c_library.Client() as client:
        yield client


@pytest.fixture(scope="session", autouse=True)
def known_operations():
    """Holds that each export consists of operations of TensorFlow 2.19.1.

    An older server that is still in use; its `TF_GetAllOpList` returned the file.
    """
    file = pathlib.Path(__file__).with_name("operations_2.19.1.txt")
    known = set(file.read_text().split())
    check = graph_check.check

    def check_all(folder):
        check(folder)
        content = saved_model_pb2.SavedModel()
        content.ParseFromString(pathlib.Path(folder, "saved_model.pb").read_bytes())
        for graph in (meta_graph.graph_def for meta_graph in content.meta_graphs):
            functions = graph.library.function
            found = {node.op for function in functions for node in function.node_def}
            found |= {node.op for node in graph.node}
            # Functions of the graph are called by their names.
            found -= {function.signature.name for function in functions}
            assert len(found) > 5 and found <= known, found - known

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_check, "check", check_all)
        yield
