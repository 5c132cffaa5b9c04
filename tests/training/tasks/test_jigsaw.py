"""Jigsaw: patches are cut and shuffled as they are labeled, and a small run ends."""

import keras
import numpy as np
import pytest
import toy_task

from selfsup import data, networks, training
from selfsup.training import initial_backbone, tasks
from selfsup.training.tasks.jigsaw import Jigsaw, JigsawConfig, permutations, sides

# Cells of 13 pixels and patches of 11.
TINY = dict(
    network="alexnet",
    width=1 / 64,
    hidden=8,
    crop_size=40,
    batch_size=4,
    steps=4,
    log_every=2,
    eval_every=2,
)


def _config(**changes):
    return JigsawConfig.from_preset(**{**TINY, **changes})


@pytest.fixture(scope="module")
def task():
    return Jigsaw(_config())


@pytest.fixture(scope="module")
def images(task):
    return task.open("train")


def test_it_is_found_by_name_kind_and_configuration():
    assert tasks.get("jigsaw") is Jigsaw
    assert tasks.of_config(_config()) is Jigsaw
    assert Jigsaw.kind == "jigsaw"


def test_permutations_are_far_apart():
    rows = permutations()
    assert rows.shape == (100, 9) and len(np.unique(rows, axis=0)) == 100
    np.testing.assert_array_equal(np.sort(rows), np.tile(np.arange(9), [100, 1]))
    distances = np.sum(rows[:, None] != rows[None], axis=-1)
    pairs = distances[np.triu_indices(100, 1)]
    assert pairs.min() == 6 and pairs.mean() > 8
    # Each was as far as possible from those before: never farther than an earlier one.
    nearest = [distances[i, :i].min() for i in range(1, 100)]
    assert nearest == sorted(nearest, reverse=True) and nearest[0] == 9
    counts = [np.bincount(column, minlength=9) for column in rows.T]
    assert np.min(counts) >= 5 and np.max(counts) <= 20


@pytest.mark.parametrize(
    "crop, expected", [(225, (75, 64)), (64, (21, 18)), (40, (13, 11))]
)
def test_patches_are_in_the_authors_proportion_to_cells(crop, expected):
    assert sides(crop) == expected


def _cut(gray, shift):
    """Cuts normalized patches of 11 pixels out of cells of 13 with NumPy."""
    patches = [
        gray[y + shift : y + shift + 11, x + shift : x + shift + 11]
        for y in (0, 13, 26)
        for x in (0, 13, 26)
    ]
    # Where a patch is flat, there is a step of 8 bits to divide by.
    return np.stack([0.25 * (p - p.mean()) / max(p.std(), 1 / 255) for p in patches])


def test_patches_are_those_of_the_crop_in_the_labels_order(task, images):
    # Crops of the same place and scale, by the colorizer's stream.
    whole = data.pipeline(task.input_config(augment=False, points=1), images=images)
    cut = task._stream(images, augment=False)
    seen = set()
    for (plain, *_), (inputs, targets, weights, _) in zip(
        whole.take(3), cut.take(3), strict=True
    ):
        for patches, gray, label in zip(
            inputs["patches"],
            plain["gray"].numpy(),
            targets["label"].numpy(),
            strict=True,
        ):
            expected = _cut(gray, 1)[permutations()[label]]
            np.testing.assert_allclose(patches, expected, rtol=1e-3, atol=1e-4)
            seen.add(int(label))
        np.testing.assert_array_equal(weights["label"], 1)
    assert len(seen) > 6 and seen <= set(range(100))


@pytest.mark.parametrize("place, shift", [(0.0, 0), (0.5, 1), (0.99, 2)])
def test_patches_move_within_their_cells(place, shift, task):
    gray = np.random.default_rng(0).uniform(-0.4, 0.5, [40, 40, 1]).astype("float32")
    noise = np.float32([0.42, *[place] * 18])
    patches, label = task.transform(gray, noise, True)
    assert int(label) == 42
    expected = _cut(gray, shift)[permutations()[42]]
    np.testing.assert_allclose(patches, expected, rtol=1e-3, atol=1e-5)
    middle, _ = task.transform(gray, noise, False)
    np.testing.assert_allclose(
        middle, _cut(gray, 1)[permutations()[42]], rtol=1e-3, atol=1e-5
    )


def test_there_may_be_fewer_permutations(images):
    task = Jigsaw(_config(permutations=7))
    labels = [t["label"].numpy() for _, t, *_ in task.batches(images).take(20)]
    assert set(np.concatenate(labels)) == set(range(7))
    assert task.transformations == 7


def test_a_flat_patch_stays_flat(task):
    gray = np.full([40, 40, 1], 0.3, np.float32)
    patches, _ = task.transform(gray, np.zeros(19, np.float32), True)
    np.testing.assert_allclose(patches, np.zeros([9, 11, 11, 1]), atol=1e-4)


def test_a_label_is_taken_back_on_the_sheet(task):
    patches = np.random.default_rng(0).uniform(size=[9, 11, 11, 1])
    right = task.restored(patches, None)
    assert right.shape == (39, 39, 1)
    np.testing.assert_array_equal(right[1:12, 14:25], patches[1])
    shuffled = patches[permutations()[17]]
    np.testing.assert_array_equal(task.restored(shuffled, 17), right)


@pytest.mark.parametrize(
    "network, crop, least", [("alexnet", 38, 39), ("vgg16", 26, 27)]
)
def test_a_crop_too_small_for_nine_patches_is_refused(network, crop, least, images):
    message = (
        "^The crop is too small for nine patches. Expected crop_size of at least "
        f"{least} .*Received: crop_size={crop}$"
    )
    with pytest.raises(ValueError, match=message):
        Jigsaw(_config(network=network, crop_size=crop)).check_training(images)
    Jigsaw(_config(network=network, crop_size=least)).check_training(images)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("jigsaw") / "run"
    training.train(Jigsaw(_config()), workdir)
    return workdir


@pytest.mark.slow
def test_the_backbone_is_the_one_within_and_starts_a_downstream_run(workdir):
    model = keras.models.load_model(workdir / "jigsaw.keras")
    backbone = keras.models.load_model(workdir / "backbone.keras")
    inner = model.get_layer(backbone.name).get_weights()
    toy_task.assert_same(backbone.get_weights(), inner)
    for init in (workdir, workdir / "jigsaw.keras"):
        config = training.SegmentationConfig(
            voc_dir="VOC", init=str(init), fov_blocks=0
        )
        found = networks.describe(initial_backbone.initial_backbone(config))
        assert (found["network"], found["normalization"]) == ("alexnet", "none")
