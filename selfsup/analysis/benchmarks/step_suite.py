"""Times training steps of ours and of their twins in PyTorch, one after the other.

    KERAS_BACKEND=jax python -m selfsup.analysis.benchmarks.step_suite \
        --output step.jsonl --seconds 360

Every case is a process of its own under a time limit, so one that runs out of memory
or does not end leaves the others alone. Its line of JSON is written to --output as soon
as it is known; a table follows at the end.
"""

import json
import pathlib
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

from absl import app, flags

from selfsup.analysis.benchmarks import child

# Less time than this is not worth starting a case.
_LEAST_SECONDS = 15


class Case(NamedTuple):
    """A step to time.

    Attributes:
        network: Name of the network.
        batch_size: Images a step.
        side: `"keras"` or `"torch"`.
        precision: Type of the computation.
        options: Further flags of `step`.
        seconds: Most seconds of the process.
    """

    network: str
    batch_size: int
    side: str
    precision: str = "mixed_bfloat16"
    options: tuple = ()
    seconds: int = 150

    def flags(self):
        """Returns the flags of `step`."""
        return [
            f"--network={self.network}",
            f"--batch_size={self.batch_size}",
            f"--side={self.side}",
            f"--precision={self.precision}",
            *_SIZES[self.network],
            *self.options,
        ]


# As in the paper: ResNet-152 has no hypercolumn.
_SIZES = {
    "vgg16": ("--crop_size=352", "--hypercolumn"),
    "resnet152": ("--crop_size=224", "--nohypercolumn"),
}

# In order of their weight: time may run out. Both sides are repeated, in turns; the
# repeated ones find their code compiled.
CASES = (
    Case("vgg16", 64, "keras"),
    Case("vgg16", 64, "torch"),
    Case("resnet152", 128, "keras"),
    Case("resnet152", 128, "torch"),
    Case("vgg16", 64, "keras", options=("--profile=@/vgg16",)),
    Case("vgg16", 64, "torch", options=("--profile=@/torch",)),
    Case("resnet152", 128, "keras", options=("--profile=@/resnet152",)),
    Case("resnet152", 128, "torch", options=("--profile=@/torch",)),
    Case("vgg16", 64, "keras", options=("--parts", "--rounds=2")),
    Case("vgg16", 128, "keras"),
    Case("vgg16", 128, "torch"),
    Case("resnet152", 256, "keras"),
    Case("resnet152", 256, "torch"),
    Case("vgg16", 32, "keras"),
    Case("vgg16", 32, "torch"),
    Case("resnet152", 128, "keras", options=("--parts", "--rounds=2")),
    Case("vgg16", 64, "keras", "float32", ("--rounds=3",)),
    Case("vgg16", 64, "torch", "float32", ("--rounds=3",)),
    Case("resnet152", 128, "keras", "float32", ("--rounds=3",)),
    Case("resnet152", 128, "torch", "float32", ("--rounds=3",)),
)


def run(cases, output, seconds, folder, program=child.PROGRAM, options=()):
    """Runs cases until all are done or time is up.

    Args:
        cases: A sequence of `Case`.
        output: File to which a line of JSON is added for each.
        seconds: Seconds for all of them.
        folder: Folder of compiled code and traces.
        program: The program that a case's flags are given to.
        options: Flags that all cases get besides their own.

    Returns:
        A list of dicts, one for each case that was started. Where it failed there
        are `error` and `out_of_memory` instead of figures.
    """
    end, found = time.monotonic() + seconds, []
    pathlib.Path(output).parent.mkdir(parents=True, exist_ok=True)
    for case in cases:
        left = end - time.monotonic()
        if left < min(_LEAST_SECONDS, seconds):
            break
        given = [flag.replace("@", str(folder)) for flag in (*case.flags(), *options)]
        start = time.monotonic()
        limit = min(left, case.seconds)
        done = child.run(given, case.side, limit, folder, program)
        line = {**case._asdict(), **done, "whole_seconds": time.monotonic() - start}
        found.append(line)
        with open(output, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        _say(_row(line))
    return found


def table(lines):
    """Returns what was measured as text, a row a case, then ours beside the twins.

    Args:
        lines: What `run` returned.
    """
    rows = [_row(line) for line in lines]
    rates = {}
    for line in lines:
        if "images_per_second" in line:
            key = line["network"], line["precision"], line["batch_size"]
            sides = rates.setdefault(key, {})
            sides.setdefault(line["side"], []).append(line["images_per_second"])
    for key, sides in rates.items():
        if len(sides) == 2:
            ours, twins = (statistics.median(sides[s]) for s in ("keras", "torch"))
            name = " ".join(map(str, key))
            rows.append(f"{name}: keras / torch = {ours / twins:.2f}")
    return "\n".join(rows)


def _row(line):
    name = "{network:9} {precision:14} {batch_size:4} {side:5}".format(**line)
    if "error" in line:
        last = line["error"].strip().splitlines()[-1:] or [""]
        reason = "out of memory" if line["out_of_memory"] else last[0][:60]
        return f"{name}  failed: {reason}"
    row = (
        f"{name} {line['images_per_second']:8.1f} images/s "
        f"{line['milliseconds']:7.1f} ms ({line['least_milliseconds']:.1f} to "
        f"{line['greatest_milliseconds']:.1f})  {line['teraflops']:6.1f} TFLOP/s"
    )
    if "share_of_peak" in line:
        row += f" {line['share_of_peak']:5.1%} of a product"
    if line.get("peak_megabytes"):
        row += f"  {line['peak_megabytes'] / 1024:5.1f} GB"
    for part, own in line.get("timed_parts", {}).items():
        row += f"\n    {part}: {own['milliseconds']:.1f} ms"
    return row


def _say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _main(argv):
    if argv[1:]:
        raise app.UsageError(f"Expected flags only. Received: {argv[1]!r}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        values = flags.FLAGS
        lines = run(CASES, values.output, values.seconds, folder, options=values.option)
    _say("\n" + table(lines))


if __name__ == "__main__":
    flags.DEFINE_string("output", "step.jsonl", "File that gets a line for each case.")
    flags.DEFINE_integer("seconds", 360, "Seconds for all cases.")
    flags.DEFINE_multi_string("option", [], "A flag that all cases get, as --width=0.1")
    app.run(_main)
