"""The report counts every image once, and stops at the first it cannot read."""

import cv2
import numpy as np
import pytest

from selfsup import data, evaluation, heads, networks

import fakes


@pytest.fixture(scope="module")
def model():
    backbone = fakes.network("vgg16")
    return fakes.randomize(
        heads.colorizer(backbone, networks.taps(backbone), hidden=8), bias=0.1
    )


def _config(**changes):
    fields = dict(
        crop_size=16, min_side=16, max_side=16, points=9, point_margin=3, batch_size=4
    )
    return data.PipelineConfig(**{**fields, "augment": False, **changes})


def test_report_of_held_out_photographs(model, tmp_path):
    config = _config(val_fraction=0.1, subset="val")
    report = evaluation.evaluate_colorizer(model, config, None, tmp_path / "s.png")
    # Six images are no multiple of the batch: the filling must not count.
    assert report["images"] == 6
    batches = list(data.pipeline(config, status=True))
    constants = evaluation.constant_predictions(batches)
    single = [data.pipeline(_config(val_fraction=0.1, subset="val", batch_size=1))]
    kl = []
    for inputs, targets, weights in single[0]:
        logits = model(inputs, training=False)["chroma"].numpy()
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        q = np.maximum(targets["chroma"], 1e-30)
        kl.append((weights["chroma"] * (q * (np.log(q) - logits)).sum(-1)).numpy())
    assert report["chroma"] == pytest.approx(np.mean(kl), rel=1e-4)
    assert report["chroma_baseline"] < report["chroma"]
    assert set(constants) == {"hue", "chroma"}
    assert cv2.imread(str(tmp_path / "s.png")).std() > 10


@pytest.mark.slow
def test_baseline_of_training_images_is_used_where_given(model):
    config = _config(val_fraction=0.1, subset="val")
    uniform = {name: np.zeros(32, np.float32) for name in ("hue", "chroma")}
    with_given = evaluation.evaluate_colorizer(model, config, uniform)
    own = evaluation.evaluate_colorizer(model, config)
    assert with_given["hue"] == own["hue"]
    # Its own mean histogram is the best constant there is.
    assert own["hue_baseline"] < with_given["hue_baseline"]


def test_an_unreadable_image_ends_the_report(model, photos, tmp_path):
    (tmp_path / "good.jpg").write_bytes((photos / "coffee.jpg").read_bytes())
    (tmp_path / "torn.jpg").write_bytes((photos / "coffee.jpg").read_bytes()[:2000])
    config = _config(data=(str(tmp_path),), subset="all")
    with pytest.raises(ValueError, match="torn.jpg"):
        evaluation.evaluate_colorizer(model, config)
