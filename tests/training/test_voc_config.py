"""Settings of runs on VOC: where the data are."""

import pytest

from selfsup.training import SegmentationConfig
from selfsup.training.voc_config import VocConfig


def test_a_folder_must_be_given():
    with pytest.raises(ValueError, match="layout of VOC. Received: voc_dir=''"):
        VocConfig()


def test_paths_mean_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = SegmentationConfig(voc_dir="VOC/../VOC", sbd_dir="SBD").located()
    assert config.voc_dir == str(tmp_path / "VOC")
    assert config.sbd_dir == str(tmp_path / "SBD")
    assert SegmentationConfig(voc_dir="VOC").located().sbd_dir is None
    assert VocConfig(voc_dir="tfds:voc/2007").located().voc_dir == "tfds:voc/2007"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert VocConfig(voc_dir="~/VOC").located().voc_dir == str(tmp_path / "VOC")
