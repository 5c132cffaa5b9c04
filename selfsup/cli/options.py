"""Flags that several tools have beside their settings."""

import dataclasses

from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class RunOptions(Config):
    """Flags of tools that train."""

    workdir: str = setting(None, "Folder of the run.", path=True)
    overwrite: bool = setting(False, "Remove the run in the workdir and start anew.")
    config: str | None = setting(
        None,
        "JSON file of settings, such as the config.json of a run; flags win over it.",
        path=True,
    )


@dataclasses.dataclass(frozen=True)
class ReportOptions(Config):
    """Flags of tools that evaluate."""

    ckpt: str = setting(
        None, "Workdir, .keras file, or the name of a model of the zoo.", path=True
    )
    output: str | None = setting(
        None, "Folder of the report. Default: evaluation in the workdir.", path=True
    )
