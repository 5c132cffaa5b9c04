"""Fixtures shared by all tests, and the `--run-slow` option."""

import gc
import os
import pathlib
import random
import signal

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

# Optimizing a graph takes longer than all that a test runs of it. Processes that tests
# start, and the commands of continuous integration, run optimized graphs.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})

ROOT = pathlib.Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="Run slow tests too.")


def pytest_collection_modifyitems(config, items):
    for item in items:
        # Whole ones of so many layers; the others are six blocks deep.
        if "resnet50" in item.name or "resnet152" in item.name:
            item.add_marker("slow")
    if config.getoption("--run-slow") or "slow" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="slow: run with --run-slow or -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


def pytest_collection_finish(session):
    """Keeps the libraries out of garbage collections, a twentieth of the time."""
    del session
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seed():
    """Seeds Python and NumPy, so that no test depends on another.

    Keras draws the seeds of its layers from Python's.
    """
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True, scope="module")
def _seed_tensorflow():
    """Seeds TensorFlow, and drops its compiled kernels, which take memory.

    With every test this would take an eighth of the time.
    """
    keras.utils.set_random_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef):
    """Does the same before fixtures that several tests share."""
    if fixturedef.scope != "function":
        random.seed(0)
        np.random.seed(0)


@pytest.fixture
def terminal():
    """Signals of a process with a terminal, whether `nohup` runs the tests or not."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def photos():
    """The folder of the embedded photographs."""
    return ROOT / "selfsup" / "data" / "photos"


@pytest.fixture(scope="session")
def test_data():
    """Real photographs that are not part of the project; skips without them."""
    folder = pathlib.Path(
        os.environ.get("SELFSUP_TEST_DATA", ROOT.parent / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SELFSUP_TEST_DATA")
    return folder


@pytest.fixture
def small_resnet(monkeypatch):
    """Makes the package know the ResNet of 6 blocks of `fakes`; its name."""
    from selfsup import networks

    import fakes

    monkeypatch.setitem(networks.ARCHITECTURES, "resnet", fakes.RESNET)
    return "resnet"
