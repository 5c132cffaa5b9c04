"""What the cells become at each scale."""

import pytest

from selfsup.analysis.tables import listing
from selfsup.analysis.tables.costs import cost
from selfsup.analysis.tables.paper import TABLES
from selfsup.analysis.tables.scales import SCALES


def _recipe(scale, table, row, column):
    (cell,) = (c for c in listing.select(table, row, scale) if c.column == column)
    return SCALES[scale].recipe(cell)


@pytest.mark.parametrize("scale", SCALES)
def test_every_cell_has_valid_settings(scale):
    for table in TABLES.values():
        for cell in table.cells:
            if scale in cell.scales:
                for part in SCALES[scale].recipe(cell).chain:
                    assert cost(part, SCALES[scale].speeds).samples > 0


def test_the_paper_pretrains_for_its_epochs():
    colors, masks = _recipe("full", 1, "colorization, VGG-16", "segmentation").chain
    assert colors.settings["epochs"] == 10
    assert masks.settings["retrain_on_all"] and masks.settings["fov_blocks"] == 2
    (resnet, _) = _recipe("full", 1, "colorization, ResNet-152", "segmentation").chain
    config = resnet.config({})
    assert (config.epochs, config.hypercolumn, config.crop_size) == (35, False, 224)


def test_epochs_of_labels_count_the_images_that_are_left():
    row = "100 of each class, 250 epochs"
    labels, _ = _recipe("full", 4, row, "segmentation").chain
    # 250 epochs of 100,000 images in batches of 128.
    assert labels.settings["max_steps"] == 195_313
    assert labels.settings["samples_per_class"] == 100


def test_random_networks_and_imagenet_have_no_run_before_them():
    (masks,) = _recipe("full", 1, "random, AlexNet", "segmentation").chain
    assert masks.settings["network"] == "alexnet" and "init" not in masks.settings
    (masks,) = _recipe("full", 1, "ImageNet labels, VGG-16", "segmentation").chain
    assert masks.settings["init"] == "imagenet" and masks.settings["color"]
    # Labels that are there stand for ImageNet's.
    labels, _ = _recipe("mini", 1, "ImageNet labels, VGG-16", "segmentation").chain
    assert labels.task == "single_label" and labels.settings["color"]


def test_weights_stand_for_a_pretraining_by_colorization_alone():
    cells = {cell.column: cell for cell in listing.select(6, "none")}
    recipes = {
        column: SCALES["mini"].recipe(cell, init="sample")
        for column, cell in cells.items()
    }
    (masks,) = recipes["colorization"].chain
    assert masks.settings["init"] == "sample" and "width" not in masks.settings
    for column in ("random", "labels"):
        assert recipes[column] == SCALES["mini"].recipe(cells[column])


def test_more_masks_are_taken_where_they_are():
    cell = listing.select(2, "histograms")[0]
    splits = [
        SCALES["mini"].recipe(cell, there).settings["train_split"]
        for there in (True, False)
    ]
    assert splits == ["train_aug", "train"]
    few = _recipe("mini", 1, "random, VGG-16", "segmentation, few masks")
    assert few.settings["train_split"] == "train"
