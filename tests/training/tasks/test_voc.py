"""What tasks on VOC share: their splits, and the part held out."""

import keras
import pytest
import toy_task

from selfsup import data, training
from selfsup.training import tasks
from selfsup.training.tasks.voc import split

import voc_folders

CONFIGS = {
    "segmentation": training.SegmentationConfig,
    "classification": training.ClassificationConfig,
}
TINY = dict(network="alexnet", width=1 / 64, crop_size=48, batch_size=4, fov_blocks=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _task(folder, name="segmentation", **changes):
    settings = {"voc_dir": str(folder.root), **TINY, **changes}
    return tasks.get(name)(CONFIGS[name](**settings))


@pytest.mark.parametrize(
    "share, count", [(0.1, 1), (0.25, 2), (0.9, 9), (0.001, 1)], ids=str
)
def test_the_split_is_random_and_loses_nothing(share, count, folder):
    samples = data.voc.open_segmentation(folder.root, "train")
    training_set, held_out = split(samples, share, seed=1)
    assert len(held_out) == count
    assert sorted(training_set.names + held_out.names) == list(samples.names)
    for part in (training_set, held_out):
        assert list(part.names) == sorted(part.names)
    again = split(samples, share, seed=1)[1]
    assert again.names == held_out.names
    others = {split(samples, share, seed)[1].names for seed in range(20)}
    assert len(others) > 3


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_come_from_the_splits(name, folder):
    task = _task(folder, name, held_out=0.2, seed=3)
    task.resolve()
    assert task.names(task.open("all")) == folder.names[:10]
    expected = split(task.open("all"), 0.2, 3)
    parts = [task.open(part) for part in ("train", "held_out")]
    assert [part.names for part in parts] == [part.names for part in expected]
    assert task.names(task.open("test")) == folder.names[10:]


def test_there_need_be_nothing_to_test_on(folder):
    task = _task(folder, val_split="none")
    task.resolve()
    assert task.open("test") is None


@pytest.mark.parametrize("name", CONFIGS)
def test_one_image_cannot_be_split(name, folder, tmp_path):
    folder = folder.copy(tmp_path / "VOC")
    folder.split("train", folder.names[:1])
    folder.label("trainval", folder.names[:1], [[1, -1]])
    task = _task(folder, name)
    with pytest.raises(ValueError, match=f"Received: 1 in split '.*' of {tmp_path}"):
        training.train(task, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_a_run_of_fixed_length_follows_its_schedule(name, held_out, folder, tmp_path):
    changes = dict(schedule="cosine", held_out=held_out, val_split="none")
    changes |= dict(max_steps=4, eval_every=4, log_every=2, learning_rate=0.01)
    task = _task(folder, name, **changes)
    results = training.train(task, tmp_path)
    # Half a cosine, after two steps and after four.
    found = [row["learning_rate"] for row in toy_task.log(tmp_path)]
    assert found == pytest.approx([0.005, 0.0])
    assert len(task.open("train")) == (8 if held_out else 10)
    assert (tmp_path / "samples.png").exists() == (name == "segmentation")
    score = f"held_out_{task.score}"
    assert (score in results) == (held_out > 0)
    if held_out:
        model = keras.saving.load_model(tmp_path / f"{task.kind}.keras")
        held_out = task.open("held_out")
        measured = task.measure(task.predictor(model), held_out)
        assert results[score] == pytest.approx(measured[task.score])
        assert results[f"{score}_baseline"] == task.score_baseline(held_out)
