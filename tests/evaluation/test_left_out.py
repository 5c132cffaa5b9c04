"""What is left out is named in the end, by step, and not without end."""

import numpy as np
import pytest

from selfsup import data, stopping
from selfsup.evaluation.left_out import LeftOut


def test_the_error_counts_by_step_and_names_images():
    left_out = LeftOut()
    left_out.add("read", OSError(5, "Input/output error"), "a.jpg")
    left_out.add("read", ValueError("Expected more. Received: b.jpg\n (torn)"), "b.jpg")
    left_out.add("written", MemoryError(), "c.jpg")
    left_out.add("written", ValueError("Expected 11. Received: 10 pixels"), "d.jpg")
    error = left_out.error(9, OSError)
    assert isinstance(error, OSError)
    assert str(error) == (
        "2 of 9 images could not be read, 2 could not be written; the others are done. "
        "Expected readable images, and room for the results. Received: "
        "a.jpg (Input/output error); b.jpg (torn); c.jpg (MemoryError); "
        "d.jpg (10 pixels)"
    )


def test_many_are_counted():
    left_out = LeftOut()
    for number in range(23):
        left_out.add("read", ValueError("damaged"), f"{number}.jpg")
    assert str(left_out.error(50)).endswith("19.jpg (damaged); and 3 more")


def test_an_error_of_decoding_names_the_file_once(tmp_path):
    path = tmp_path / "text.jpg"
    path.write_text("text")
    left_out = LeftOut()
    with pytest.raises(ValueError) as caught:
        data.load_image(path)
    left_out.add("read", caught.value, path)
    assert str(left_out.error(1)).count("text.jpg") == 1


def test_an_end_by_a_signal_is_no_failure(monkeypatch):
    def stop():
        raise stopping.Stopped

    monkeypatch.setattr(stopping, "check", stop)
    left_out = LeftOut()
    with pytest.raises(stopping.Stopped):
        left_out.add("read", ValueError(np.nan), "a.jpg")
    assert not left_out.failures
