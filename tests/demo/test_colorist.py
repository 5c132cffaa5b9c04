"""The page's functions give what the library and the coloring tool give."""

import cv2
import numpy as np
import pytest
import zoo_entries

from selfsup import color, evaluation, inference, runs
from selfsup.demo import colorist
from selfsup.evaluation import ColorizeConfig

import fakes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a tiny colorizer that knows the side of its training."""
    return fakes.colorizer_run(tmp_path_factory.mktemp("demo") / "run")


@pytest.fixture(scope="module")
def page(run):
    """A colorist with that model."""
    return colorist.Colorist([str(run), str(run), str(run / "backbone.keras")])


@pytest.fixture(scope="module")
def photograph(tmp_path_factory, photos):
    """A small photograph's file."""
    path = tmp_path_factory.mktemp("photographs") / "a.tif"
    cv2.imwrite(str(path), cv2.imread(str(photos / "coffee.jpg"))[::6, ::6])
    return path


def test_a_photograph_is_colored_as_by_the_library_and_the_tool(
    page, run, photograph, tmp_path
):
    config = ColorizeConfig(saturation=2.0, hue_mode="mode", sheet=False)
    name = page.names[0]
    image, colored = page.color(photograph.read_bytes(), "a.tif", name, config)
    opened = runs.open_run(run)
    expected = inference.colorize(
        opened.model, str(photograph), opened.side, hue_mode="mode", saturation=2.0
    )
    np.testing.assert_array_equal(colored, expected)
    assert np.abs(colored.astype(int) - image).max() > 10
    (written,) = evaluation.color_files(
        opened.model, [photograph], tmp_path, config, opened.side
    )
    np.testing.assert_array_equal(colored, cv2.imread(str(written))[..., ::-1])


def test_the_last_photograph_is_kept(page, photograph, monkeypatch):
    arguments = photograph.read_bytes(), "a.tif", page.names[0], ColorizeConfig()
    first = page.color(*arguments)
    monkeypatch.setattr(inference, "color_photograph", None)
    assert page.color(*arguments)[1] is first[1]


def test_what_is_no_photograph_takes_a_sentence_without_its_bytes(page):
    with pytest.raises(ValueError, match=r"^a.txt is no photograph .* megapixels\.$"):
        page.color(b"hello", "a.txt", page.names[0], ColorizeConfig())


def test_a_model_is_one_of_the_page_and_a_colorizer(page, run):
    assert len(page.names) == 2  # Without the repetition.
    with pytest.raises(ValueError, match="no such model on this page.*Received: else"):
        page.open("else")
    with pytest.raises(ValueError, match="Expected a colorizer. Received: .*backbone"):
        page.open(str(run / "backbone.keras"))


def test_the_zoos_colorizers_with_weights_are_offered(run, tmp_path, monkeypatch):
    zoo_entries.write(run, tmp_path / "mine")
    zoo_entries.write(run, tmp_path / "gone")
    (tmp_path / "gone" / "colorizer.keras").unlink()
    zoo_entries.write(run, tmp_path / "features", kind="backbone")
    monkeypatch.setenv("SELFSUP_MODELS", str(tmp_path))
    names = colorist.zoo_colorizers()
    assert {"mine", "sample"} <= set(names)
    assert not {"gone", "features", "vgg16"} & set(names)


@pytest.mark.parametrize("shape", [(7, 9), (2, 4000)])
def test_pictures_on_the_page_have_one_size_and_gray_is_the_mean(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    colored, gray = (
        cv2.imdecode(np.frombuffer(draw(image), np.uint8), cv2.IMREAD_COLOR_RGB)
        for draw in (colorist.shown, colorist.shown_gray)
    )
    assert max(colored.shape) == min(max(shape), colorist.SHOWN_SIDE)
    mean = color.rgb_to_gray(colored / np.float32(255)).numpy() * np.ones(3)
    assert np.abs(gray / 255.0 - mean).max() < 0.6 / 255
    if max(shape) < colorist.SHOWN_SIDE:
        np.testing.assert_array_equal(colored, image)
