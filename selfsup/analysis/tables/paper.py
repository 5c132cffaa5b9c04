"""Tables 1 to 6 of the paper: its numbers, and what each of them takes.

A cell names a pretraining, a network and a downstream task; `scales` says with what
settings.
"""

import dataclasses
from typing import NamedTuple

# Kinds of pretraining, and kinds of downstream tasks.
RANDOM, COLORIZATION, LABELS, IMAGENET = "random", "colorization", "labels", "imagenet"
SEGMENTATION, CLASSIFICATION, FEW_LABELS = "segmentation", "classification", "few"

# Of the ResNet, which is pretrained for longer.
_EPOCHS = {"alexnet": 10, "vgg16": 10, "resnet152": 35}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number of a table.

    Attributes:
        row: Name of the row.
        column: Name of the column.
        paper: The paper's number in percent; None where it has none.
        pretraining: Kind of pretraining.
        network: Name of the network.
        before: Dict of settings of the pretraining; `epochs` is its length at the
            paper's scale.
        task: Kind of the downstream task.
        after: Dict of settings of the downstream run.
        scales: The scales that have it. At the small one a pretraining has one length:
            rows that differ in their epochs alone would be the same.
    """

    row: str
    column: str
    paper: float | None
    pretraining: str = RANDOM
    network: str = "vgg16"
    before: dict = dataclasses.field(default_factory=dict)
    task: str = SEGMENTATION
    after: dict = dataclasses.field(default_factory=dict)
    scales: tuple[str, ...] = ("full", "mini")


class Table(NamedTuple):
    """A table of the paper.

    Attributes:
        title: What it compares.
        cells: Tuple of its cells, row by row.
    """

    title: str
    cells: tuple[Cell, ...]

    @property
    def rows(self):
        """Names of the rows, a tuple."""
        return tuple(dict.fromkeys(cell.row for cell in self.cells))


def _table_1():
    rows = (
        # Name, network, pretraining, settings; segmentation and classification.
        ("ImageNet labels, VGG-16", "vgg16", IMAGENET, _seen(2, True), 69.5, 86.9),
        ("random, AlexNet", "alexnet", RANDOM, _seen(0), 23.5, 46.2),
        ("random, VGG-16", "vgg16", RANDOM, _seen(2), 35.1, None),
        ("colorization, AlexNet", "alexnet", COLORIZATION, _seen(0), 38.4, 65.9),
        ("colorization, VGG-16", "vgg16", COLORIZATION, _seen(2), 56.0, 77.2),
        ("colorization, ResNet-152", "resnet152", COLORIZATION, _seen(2), 60.0, 77.3),
    )
    for row, network, kind, seen, masks, classes in rows:
        before = {"epochs": _EPOCHS[network]} if kind == COLORIZATION else {}
        given = row, kind, network, before
        color = {"color": seen["color"]}
        yield _cell(given, "segmentation", masks, SEGMENTATION, seen)
        yield _cell(given, "classification", classes, CLASSIFICATION, color)
        # The same with fewer masks: what pretraining is for.
        few = {**seen, "train_split": "train"}
        yield _cell(
            given, "segmentation, few masks", None, SEGMENTATION, few, ("mini",)
        )


def _table_2():
    for row, changes, masks in (
        ("regression of a and b", {"loss": "lab"}, 48.0),
        ("histograms, no hypercolumn", {"hypercolumn": False}, 52.7),
        ("histograms", {}, 52.9),
    ):
        given = row, COLORIZATION, "vgg16", {"epochs": 3, **changes}
        yield _cell(given, "segmentation", masks, SEGMENTATION, _seen(2))


def _table_3():
    for network, shown, numbers in (
        ("alexnet", "AlexNet", ((23.5, 24.6, 39.1, 6.7), (36.2, 40.8, 48.2, 17.4))),
        ("vgg16", "VGG-16", ((32.8, 35.1, 43.2, 8.6), (50.7, 52.9, 59.0, 23.3))),
        ("resnet152", "ResNet-152", ((9.9, 10.5, 42.5, 8.1), (52.3, 53.9, 63.1, 29.6))),
    ):
        for kind, (plain, wide, hundred, ten) in zip(
            (RANDOM, COLORIZATION), numbers, strict=True
        ):
            before = {"epochs": 3} if kind == COLORIZATION else {}
            given = f"{shown}, {kind}", kind, network, before
            for column, paper, task, after in (
                ("segmentation", plain, SEGMENTATION, _seen(0)),
                ("segmentation, +FoV", wide, SEGMENTATION, _seen(2)),
                ("100 labels a class", hundred, FEW_LABELS, {"samples_per_class": 100}),
                ("10 labels a class", ten, FEW_LABELS, {"samples_per_class": 10}),
            ):
                yield _cell(given, column, paper, task, after)


def _table_4():
    both, full = ("full", "mini"), ("full",)
    yield _cell(("no labels", RANDOM, "vgg16", {}), "segmentation", 35.1)
    for row, epochs, changes, paper, scales in (
        ("all labels, 80 epochs", 80, {}, 66.5, full),
        ("all labels", 20, {}, 62.0, both),
        ("100 of each class, 250 epochs", 250, {"samples_per_class": 100}, 57.1, both),
        ("10 of each class, 250 epochs", 250, {"samples_per_class": 10}, 44.4, both),
        ("a tenth of the labels at random", 20, {"labels": "noise(0.1)"}, 61.8, both),
        ("half of the labels at random", 20, {"labels": "noise(0.5)"}, 59.4, both),
        ("16 classes by hierarchy", 20, {"labels": "buckets(H16)"}, 60.0, both),
        ("2 classes by hierarchy", 20, {"labels": "buckets(H2)"}, 46.1, both),
        ("50 classes at random", 20, {"labels": "buckets(R50)"}, 57.3, full),
        ("50 at random, 40 epochs", 40, {"labels": "buckets(R50)"}, 59.4, full),
        ("16 classes at random", 20, {"labels": "buckets(R16)"}, 42.6, full),
        ("16 at random, 40 epochs", 40, {"labels": "buckets(R16)"}, 53.5, full),
    ):
        given = row, LABELS, "vgg16", {"epochs": epochs, **changes}
        yield _cell(given, "segmentation", paper, scales=scales)


def _table_5():
    for row, kind, before, gray, color in (
        ("labels", LABELS, {"epochs": 80}, 66.5, 69.5),
        ("colorization", COLORIZATION, {"epochs": 10}, 56.0, 55.9),
    ):
        given = row, kind, "vgg16", before
        yield _cell(given, "gray input", gray)
        # Networks of labels learn from color then; ImageNet's of the paper did.
        given = (row, IMAGENET, "vgg16", {}) if kind == LABELS else given
        yield _cell(given, "color input", color, after=_seen(2, True))


def _table_6():
    columns = (
        ("random", RANDOM, {}),
        ("colorization", COLORIZATION, {"epochs": 10}),
        ("labels", LABELS, {"epochs": 80}),
    )
    for row, first, numbers in (
        ("none", "none", (3.6, 36.5, 60.8)),
        ("fc6, fc7", "fc6", (None, 42.6, 63.1)),
        ("conv4_1 to fc7", "conv4_1", (None, 53.6, 64.2)),
        ("all", "all", (35.1, 56.0, 66.5)),
    ):
        for (column, kind, before), paper in zip(columns, numbers, strict=True):
            after = {**_seen(2), "trainable": first} if first != "all" else _seen(2)
            yield _cell((row, kind, "vgg16", before), column, paper, after=after)


def _seen(fov_blocks, color=False):
    return {"fov_blocks": fov_blocks, "color": color}


def _cell(given, column, paper, task=SEGMENTATION, after=None, scales=("full", "mini")):
    row, kind, network, before = given
    after = _seen(2) if after is None else after
    return Cell(row, column, paper, kind, network, before, task, after, scales)


TABLES = {
    1: Table("Initialization and architecture", tuple(_table_1())),
    2: Table("Loss and architecture of the colorizer", tuple(_table_2())),
    3: Table("Networks, and few labels", tuple(_table_3())),
    4: Table("Pretraining by labels: how many, how fine, how right", tuple(_table_4())),
    5: Table("Gray and color input", tuple(_table_5())),
    6: Table("Layers that are fine-tuned", tuple(_table_6())),
}
