"""One size grows at a time, each measured in a process of its own."""

import child_programs
import pytest

from selfsup import pictures
from selfsup.analysis.benchmarks import growth
from selfsup.analysis.benchmarks.configs import GrowthConfig

# Stands for the real one, and takes what its sizes say.
_PROGRAM = """
import os
flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in sys.argv[1:])
size = int(flags["crop_size"]) * int(flags["batch_size"]) * int(flags["points"])
line = {"processor_milliseconds": size, "peak_megabytes": 2 * size}
print(json.dumps({**line, "process": os.getpid()}))
"""


def test_sizes_grow_alone_and_are_drawn(tmp_path, monkeypatch):
    config = GrowthConfig(
        crop_size=16,
        batch_size=2,
        points=3,
        crop_sizes=("32", "16"),
        batch_sizes=("2",),
        point_counts=("5",),
    )
    program = child_programs.program(_PROGRAM)
    found = list(growth.measure(config, program))
    sizes = [(row["crop_size"], row["batch_size"], row["points"]) for row in found]
    assert sizes == [(32, 2, 3), (16, 2, 3), (16, 2, 3), (16, 2, 5)]
    for (crop, batch, points), row in zip(sizes, found, strict=True):
        assert row["processor_milliseconds"] == crop * batch * points
    # The same size is measured once, others in processes of their own.
    assert found[1]["process"] == found[2]["process"]
    assert len({row["process"] for row in found}) == 3

    panels = []
    draw = pictures.growth_panels
    monkeypatch.setattr(
        pictures, "growth_panels", lambda *args, **kw: panels.append(args[0])
    )
    growth.draw([*found, {"grows": "points", "points": 9, "error": ""}], "unused")
    (drawn,) = panels
    assert drawn["side of the crop, pixels", "processor ms a step"] == [
        (16, 32),
        (96, 192),
    ]
    assert drawn["points an image", "memory of the step, MB"] == [(5,), (320,)]
    draw(drawn, tmp_path / "growth.png", columns=3)
    assert (tmp_path / "growth.png").stat().st_size > 1000


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="whole numbers. Received: crop_sizes='a'"):
        growth.sizes(GrowthConfig(crop_sizes=("a",)))
