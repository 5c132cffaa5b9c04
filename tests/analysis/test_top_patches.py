"""A whole search with and without classes; which features are shown; bad calls."""

import json

import numpy as np
import pytest

from selfsup import networks
from selfsup.analysis import consistency, photographs, top_patches
from selfsup.analysis.top_patches import TopPatchesConfig
from selfsup.analysis.top_responses import top_responses

import fakes
import image_files


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    for name, seed in (("before", 0), ("after", 1)):
        (root / name).mkdir()
        model = fakes.network("alexnet", 0.05, normalization="none")
        fakes.randomize(model, seed, bias=0.1).save(root / name / "backbone.keras")
    fakes.network("vgg16").save(root / "other.keras")
    (root / "before" / "config.json").write_text(json.dumps({"crop_size": 80}))
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("data")
    return image_files.class_folders(root, photos, 12, size=(40, 40))


def _config(workdirs, **changes):
    settings = {"layers": "relu2", "features": 4, "patches": 3, "images": 12}
    return TopPatchesConfig(ckpt=(str(workdirs / "before"),), **(settings | changes))


def test_features_before_and_after_with_classes(
    workdirs, folder, tmp_path, noise_batches
):
    after = (str(workdirs / "after"),)
    config = _config(workdirs, labeled_data=str(folder), after=after)
    results = top_patches.top_patches(config, tmp_path)
    content = json.loads((tmp_path / "top_patches.json").read_text())
    assert content["results"] == results
    drawn = ["top_patches_consistency.png", "top_patches_relu2.png"]
    assert list(content["section"]["pictures"]) == drawn
    assert all((tmp_path / name).stat().st_size > 1000 for name in drawn)
    # Again, from the parts.
    samples = top_patches._open(config)
    backbone = networks.alexnet(width=0.05, normalization="none")
    fakes.randomize(backbone, 0, bias=0.1)
    batches = photographs.batches(samples, config.crops(80, True))
    found = top_responses(backbone, ["relu2"], batches, 3, border=False)
    top, variance = found["relu2"]
    layer = results["layers"]["relu2"]
    before = layer["networks"]["before"]
    expected = consistency.color_consistency(top.colors, variance)
    np.testing.assert_allclose(before["color"], expected, atol=1e-6)
    labels = samples.labels[top.images]
    assert (
        before["of_class"]
        == np.maximum((labels == 0).sum(axis=0), (labels == 1).sum(axis=0)).tolist()
    )
    for feature, patches in zip(layer["features"], before["patches"], strict=True):
        assert [x["image"] for x in patches] == top.images[:, feature].tolist()
        assert len({x["name"] for x in patches}) == 3
        places = top.positions[:, feature] * 8 + 9.0
        assert [x["center"] for x in patches] == places.tolist()
    assert layer["receptive_field"] == layer["patch_side"] == 51
    assert list(layer["networks"]) == ["before", "after"]


def test_photographs_without_classes_have_no_semantics(
    workdirs, tmp_path, noise_batches
):
    # The layer is the last convolution's, and its field is larger than the crop.
    config = _config(workdirs, layers="", border=True)
    results = top_patches.top_patches(config, tmp_path)
    ((layer, about),) = results["layers"].items()
    assert (layer, about["receptive_field"], about["patch_side"]) == ("relu5", 163, 80)
    assert "semantic" not in about["networks"]["before"]
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_a_layer_that_does_not_respond_is_refused(workdirs, tmp_path, noise_batches):
    model = fakes.network("alexnet", 0.05, normalization="none")
    fakes.randomize(model, bias=0.1)
    bias = model.get_layer("bias2")
    bias.set_weights([np.full(x.shape, -1e6, "float32") for x in bias.get_weights()])
    model.save(tmp_path / "silent.keras")
    config = TopPatchesConfig(
        ckpt=(str(tmp_path / "silent.keras"),), layers="relu2", crop_size=80, images=9
    )
    with pytest.raises(ValueError, match="No feature.*Received: relu2, 8 patches, 9"):
        top_patches.top_patches(config, tmp_path / "report")


def test_features_are_spread_over_the_range():
    scores = np.array([0.1, 0.9, 0.5, 0.3, 0.7, 0.5])
    usable = np.ones(6, bool)
    assert top_patches.across_scores(scores, usable, 6).tolist() == [1, 4, 2, 5, 3, 0]
    assert top_patches.across_scores(scores, usable, 2).tolist() == [1, 0]
    assert top_patches.across_scores(scores, usable, 1).tolist() == [1]
    usable[1] = False
    assert top_patches.across_scores(scores, usable, 3).tolist() == [4, 5, 0]
    assert top_patches.across_scores(scores, usable, 9).tolist() == [4, 2, 5, 3, 0]
    assert top_patches.across_scores(scores, ~np.ones(6, bool), 3).tolist() == []


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"features": 99}, "`features` must be at most 12 for relu2"),
        ({"patches": 13}, "too few photographs.*each of 13 patches. Received: 12"),
        ({"layers": "relu2,relu9"}, "Received: 'relu9'"),
        ({"after": ("other.keras",)}, "Two networks have different features"),
        ({"labeled_data": "nowhere"}, "nowhere"),
        ({"crop_size": 8}, "at least 11 for alexnet"),
    ],
)
def test_what_does_not_fit_is_refused(workdirs, tmp_path, changes, message):
    if "after" in changes:
        changes = {"after": (str(workdirs / "other.keras"),)}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        top_patches.top_patches(_config(workdirs, **changes), tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"ckpt": ()}, "`ckpt` must be a single network"),
        ({"ckpt": ("a", "b")}, "`ckpt` must be a single network"),
        ({"after": ("a", "b")}, "`after` must be one network, or none"),
        ({"data": ("a",), "labeled_data": "b"}, "`data` must be left out"),
    ],
)
def test_settings_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        TopPatchesConfig(**({"ckpt": ("a",)} | changes))
