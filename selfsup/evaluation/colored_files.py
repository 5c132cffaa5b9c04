"""Colored copies of image files, with contact sheets."""

import contextlib
import dataclasses
import os
import pathlib

from absl import logging

from selfsup import color, data, heads, inference, locking, pictures, stopping
from selfsup.data.decoding import decode_bytes
from selfsup.evaluation.coloring_record import NAME, Record, digest
from selfsup.evaluation.coloring_sheets import PAGES, SHEET, Sheets
from selfsup.evaluation.journal import fingerprint
from selfsup.evaluation.left_out import FAILURES, LeftOut
from selfsup.evaluation.result_names import result_paths
from selfsup.progress import progress_bar
from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class ColorizeConfig(Config):
    """How images are colored and written."""

    side: int | None = setting(
        None,
        "Shortest side that the network sees, in pixels. Default: the mean of its "
        f"training, or {inference.DEFAULT_SIDE} where that is not known.",
        1,
        2048,
    )
    hue_mode: str = setting(
        "expectation_faded",
        "Hue of a histogram: expectation, with color fading where hues disagree "
        "(expectation_faded), or mode.",
        choices=color.HUE_MODES,
    )
    chroma_mode: str = setting(
        "median",
        "Chroma of a histogram: median, expectation or mode.",
        choices=color.CHROMA_MODES,
    )
    saturation: float = setting(
        1.0, "Factor of all colors; they are held inside the gamut.", 0, 10
    )
    format: str = setting(
        "png",
        "png, which keeps the gray exactly, or jpg, which is smaller.",
        choices=("png", "jpg"),
    )
    sheet: bool = setting(True, f"Whether to draw contact sheets, {SHEET} and more.")
    overwrite: bool = setting(
        False, "Whether to make existing results anew; without, they are kept."
    )

    def modes(self, trained_side=None):
        """Returns the arguments of `inference.color_photograph`, a dict.

        Args:
            trained_side: Shortest side at which the model saw images in training,
                or None.
        """
        return {
            "short_side": self.side or trained_side or inference.DEFAULT_SIDE,
            "hue_mode": self.hue_mode,
            "chroma_mode": self.chroma_mode,
            "saturation": self.saturation,
        }


def color_files(model, inputs, output, config=None, short_side=None):
    """Colors image files, and writes the results with contact sheets.

    Images are read as in training: upright, 8 bits, transparent pixels on
    white. Those that cannot be read or written are left out, and named in the
    end. The same call goes on where an earlier one stopped: results that are there
    and whole are kept. `colored.jsonl` says what they were made of.

    Args:
        model: A colorizer for points.
        inputs: Paths of image files and of folders, whose folders are entered.
        output: Folder of the results; it is made. Their names are those of
            `result_paths`.
        config: A `ColorizeConfig`; None for the defaults.
        short_side: Shortest side at which the model saw images in training,
            or None.

    Returns:
        The paths of all results, and those of the contact sheets behind them.

    Raises:
        FileNotFoundError: If an input does not exist; nothing is written then.
        ValueError: If the model is no colorizer, there are no images, results
            of other images or with other settings exist; nothing is written
            then. If images could not be read: all others have been written.
        BlockingIOError: If another process works in the folder.
        OSError: If results cannot be written; all others have been.
        stopping.Stopped: If the program was asked to stop.
    """
    config = config or ColorizeConfig()
    heads.check_kind(model, ["colorizer"])
    if not os.path.exists(output):
        output = os.path.expanduser(output)
    jobs = result_paths(inputs, output, config.format, PAGES)
    with locking.locked(_made(output)):
        names = {image: str(path.relative_to(output)) for image, path in jobs.items()}
        sheets = _Coloring(model, output, config, short_side).run(names)
    return [*jobs.values(), *sheets]


class _Coloring:
    """One call's work on a folder that is locked."""

    def __init__(self, model, output, config, short_side):
        self.model, self.config, self.record = model, config, Record(output)
        self.folder, self.done = pathlib.Path(output), set()
        self.left_out = LeftOut()
        self.options = config.modes(short_side)
        self.settings = {
            "model": fingerprint(model),
            **self.options,
            "format": config.format,
        }

    def run(self, names):
        """Colors what is not done.

        Args:
            names: Dict from images to the names of their results in the folder.

        Returns:
            Paths of the contact sheets.
        """
        if self.config.overwrite:
            for name in names.values():
                with contextlib.suppress(OSError):
                    os.unlink(self.folder / name)
        else:
            self._check(names)
            self._find_done(names)
        self.record.begin(self.settings, set(names.values()) - self.done)
        if self.done:
            logging.info("%d of %d results are kept", len(self.done), len(names))
        sheets = Sheets(self.record) if self.config.sheet else None
        try:
            self._color(names, sheets)
        except stopping.Stopped:
            done = f"after {len(self.done)} of {len(names)} images"
            raise stopping.Stopped(done) from None
        if self.left_out.failures:
            raise self._failed(len(names))
        return sheets.paths if sheets else []

    def _check(self, names):
        """Refuses results that are not of an earlier part of the same work."""
        differing = self.record.differences(self.settings)
        if differing:
            raise ValueError(
                "The results were made with another model or other settings. Expected "
                "the same ones to go on, another --output, or --overwrite. "
                f"Received: {'; '.join(differing)} in {self.folder}"
            )
        known = {**self.record.results, **self.record.sheets}
        expected = [*names.values(), *([SHEET] if self.config.sheet else [])]
        there = [name for name in expected if os.path.lexists(self.folder / name)]
        foreign = [name for name in there if name not in known]
        if foreign:
            raise ValueError(
                f"{len(there)} of {len(expected)} results exist already, of another "
                "origin. Expected another --output, or --overwrite. "
                f"Received: {self.folder / foreign[0]}, which {NAME} does not name"
            )

    def _find_done(self, names):
        """Finds the results that are there and whole."""
        there = {
            source: name
            for source, name in names.items()
            if os.path.lexists(self.folder / name)
        }
        hidden = not there
        for source, name in progress_bar(
            there.items(), "checking", disable=hidden, leave=False
        ):
            with contextlib.suppress(OSError):  # It is named when it is to be read.
                if digest(source) != self.record.results[name]["source_sha256"]:
                    raise ValueError(
                        "A result was made of another image. Expected another "
                        f"--output, or --overwrite. Received: {self.folder / name}, "
                        f"made of {self.record.results[name]['source']}"
                    )
            if self.record.is_whole(name):
                self.done.add(name)

    def _color(self, names, sheets):
        own = set(names.values())
        for name in [name for name in self.record.results if name not in own]:
            # Of an earlier call for other images.
            if sheets and self.record.is_whole(name):
                self._show(sheets, name)
        predict = None
        for source, name in progress_bar(names.items(), "coloring"):
            shown = ()
            if name not in self.done:
                # Compiling takes seconds, which a finished call need not spend.
                predict = predict or inference.dense_predictor(self.model)
                shown = self._color_one(predict, source, name)
            if sheets and name in self.done:
                self._show(sheets, name, *shown)
        if sheets:
            self._show(sheets)

    def _color_one(self, predict, source, name):
        """Colors an image; returns it and its result, or nothing if that failed."""
        path, step = self.folder / name, "read"
        try:
            image = data.load_image(source)
            step = "colored"
            colored = inference.color_photograph(predict, image, **self.options)
            step = "written"
            encoded = pictures.encode_image(path, colored)
            self.record.add_result(name, source, encoded)
            pictures.save_encoded(path, encoded)
            if self.config.format != "png":
                # Shown as it is read when the work goes on.
                colored = decode_bytes(encoded, name)
        except FAILURES as error:
            self.left_out.add(step, error, source)
            return ()
        self.done.add(name)
        return image, colored

    def _show(self, sheets, *result):
        try:
            sheets.add(*result) if result else sheets.close()
        except FAILURES as error:
            self.left_out.add("drawn", error, SHEET)

    def _failed(self, total):
        steps = {step for step, _ in self.left_out.failures}
        kind = OSError if steps & {"written", "drawn"} else ValueError
        return self.left_out.error(total, kind)


def _made(folder):
    """Makes the folder of the results; it may exist."""
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ValueError(f"The output must be a folder. Received: {folder}, a file")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OSError(
            "The output could not be written. Expected a folder that can be made. "
            f"Received: {folder} ({error.strerror})"
        ) from error
    return folder
