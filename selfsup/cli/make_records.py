"""Writes photographs as TFRecord shards: a few large files for many small ones.

    python tools/make_records.py --data photographs --output records
    python tools/make_records.py --labeled_data imagenet/train --output records/train
    python tools/make_records.py --data photographs --output records \\
        --shards 1024 --shard_range 3/64

Photographs keep their bytes where they are JPEG or 8-bit PNG and no larger than --side;
others are scaled and encoded as JPEG with the full resolution of colors. Names and
classes stay, so that a training on the folder of records is the one on the photographs.
What cannot be read is left out and listed. The same command again goes on where it was
stopped. --shard_range 3/64 is the share of job 3 of 64, counted from 0, which may run
side by side; the last one to end writes the manifest, without which the folder is not
read. Every --data then takes the folder, or a pattern such as 'DIR/*.tfrecord'.
"""

import dataclasses
import re

from absl import logging

from selfsup import locking, runs
from selfsup.cli.app import Tool
from selfsup.cli.options import RunOptions
from selfsup.data import batching, record_index, record_writing
from selfsup.data.record_writing import RecordsConfig
from selfsup.settings import Config, changed, fail, setting

# Names of unreadable photographs that are shown.
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that are no settings of the records."""

    output: str = setting(None, "Folder of the records.", path=True)
    shard_range: str = setting("0/1", "Share of the shards to write: JOB/JOBS.")
    processes: int | None = setting(
        None, "Processes side by side. Default: one for each core of the job.", 1
    )
    config: str | None = changed(RunOptions, "config", None)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.job < self.jobs:
            expected = "JOB/JOBS, such as 3/64, with jobs counted from 0"
            fail("shard_range", self.shard_range, expected)

    @property
    def job(self):
        """Number of this job."""
        return self._range[0]

    @property
    def jobs(self):
        """Number of all jobs."""
        return self._range[1]

    @property
    def _range(self):
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.shard_range)
        return (int(match[1]), int(match[2])) if match else (0, 0)


def main(options, given):
    """Writes the shards of this job."""
    config = RecordsConfig.from_values(given)
    opened = record_writing.open_sources(config)
    folder = runs.make(options.output)
    # The same job twice would do all work twice; others may run side by side.
    with locking.locked(folder, f"{locking.NAME}-{options.job}-of-{options.jobs}"):
        _write(options, config, opened, folder)


def _write(options, config, opened, folder):
    images, _ = opened
    with locking.locked(folder, wait=True):
        _check(folder, config, images)
    count = config.num_shards(len(images))
    numbers = range(options.job, count, options.jobs)
    processes = options.processes or batching.cores()
    record_writing.write_shards(config, opened, folder, numbers, count, processes)
    paths = [record_index.shard_path(folder, n, count) for n in range(count)]
    with locking.locked(folder, wait=True):
        manifest = record_index.write_manifest(folder, paths)
    if manifest is None:
        logging.info("Other jobs have shards to write; the last writes the manifest")
        return
    names = manifest["unreadable"]
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        shown = ", ".join(names[:_SHOWN]) + more
        logging.warning("Not readable, left out: %s", shown)
    written = sum(shard["records"] for shard in manifest["shards"])
    size = sum(shard["bytes"] for shard in manifest["shards"])
    logging.info(
        "%d photographs in %d shards, %.1f MB. Train with --data %s",
        *(written, count, size / 1e6, folder),
    )


def _check(folder, config, images):
    """Refuses to go on with other settings or photographs."""
    path = folder / "config.json"
    before = runs.read_settings(path)
    if before is not None:
        runs.refuse_other_settings(
            f"The folder {folder} holds records of other settings. Expected the same "
            "ones, or another --output",
            config.differences(RecordsConfig.from_json(before)),
        )
    runs.check_images(folder, {"photographs": images.keys}, before is not None)
    runs.write_json(path, config.to_json())


TOOL = Tool(__doc__, main, Options, {"records": RecordsConfig})
