"""The page's tool: its flags, its errors, and the page in a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys

import cv2
import pytest

from selfsup.cli.demo import TOOL

import tool_calls

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)


@pytest.fixture
def needs():
    """Skips where the page cannot be served."""
    for name in ("starlette", "uvicorn"):
        pytest.importorskip(name, reason="needs the extra demo")


def test_help_lists_every_flag():
    text = tool_calls.call(TOOL, "--help").text
    for name in ("ckpt", "host", "port", "[no]open"):
        assert f"  --{name}: " in text
    assert "(default: 127.0.0.1)" in " ".join(text.split())


def test_without_the_extra_one_line_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "selfsup.demo.server", raising=False)
    monkeypatch.delattr("selfsup.demo.server", raising=False)
    line = tool_calls.call(TOOL, "--noopen").error_line()
    assert re.search(r"pip install -e '.\[demo\]'. Received: .*uvicorn", line)


@pytest.mark.usefixtures("needs")
def test_a_model_that_is_missing_takes_one_line():
    answer = tool_calls.call(TOOL, "--ckpt=nowhere", "--port=0", "--noopen")
    assert "There is no trained model" in answer.error_line()


@pytest.fixture
def browser():
    """A headless Chromium; skips without one."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium and no google-chrome is installed")
    with api.sync_playwright() as play:
        # Its sandbox does not start for root, as in containers.
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def served(needs):
    """The tool in a process of its own, and the address of its page."""
    tool = str(tool_calls.TOOLS / "demo.py")
    # Shells have programs in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    # The tests' own setting would win over the tool's.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.Popen(
        [sys.executable, tool, "--port=0", "--noopen"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    signal.signal(signal.SIGINT, before)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"The page is at (\S+)", line):
            break
    else:
        pytest.fail("".join(lines))
    yield process, found[1]
    process.kill()
    process.communicate()


def _look(page, name):
    """Leaves a picture of the page for a person, where one asks for it."""
    if folder := os.environ.get("SELFSUP_SCREENSHOTS"):
        page.screenshot(path=os.path.join(folder, name))


@pytest.mark.slow
def test_in_a_browser_a_photograph_is_colored_and_a_text_refused(
    browser, served, photos, tmp_path
):
    from playwright.sync_api import expect

    process, url = served
    photograph, text = photos / "coffee.jpg", tmp_path / "notes.txt"
    text.write_text("no photograph")
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.set_default_timeout(120_000)
    expect.set_options(timeout=120_000)
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(error))
    page.goto(url)
    page.wait_for_selector("body[data-ready]")

    page.set_input_files("#file", photograph)
    expect(page.locator("#result")).to_be_visible()
    expect(page.locator("#size")).to_contain_text("coffee.jpg, 480 x 320")
    for name in ("#gray", "#colored"):
        picture = page.locator(name)
        width = picture.evaluate("i => i.decode().then(() => i.naturalWidth)")
        assert width == 480
    page.locator("#between").fill("25")
    clip = page.locator("#colored").evaluate("i => i.style.clipPath")
    assert re.fullmatch(r"inset\(0(px)? 0(px)? 0(px)? 25%\)", clip)
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(tmp_path / "saved.png")
    assert download.value.suggested_filename == "coffee.png"
    _look(page, "demo.png")

    error = page.locator("#error")
    page.set_input_files("#file", text)
    expect(error).to_contain_text("notes.txt is no photograph that can be read")
    expect(page.locator("#result")).to_be_hidden()
    page.set_input_files("#file", [photograph, text])
    expect(error).to_contain_text("One photograph at a time. Expected one file")
    _look(page, "demo_error.png")
    assert not problems
    assert all(address.startswith((url, "data:", "blob:")) for address in asked)

    # The same bytes as of the coloring tool, in a process with the same graphs.
    output = tmp_path / "colored"
    answer = tool_calls.call_process("colorize.py", photograph, f"--output={output}")
    assert answer.code == 0, answer.text
    saved, expected = tmp_path / "saved.png", output / "coffee.png"
    assert cv2.imread(str(saved)).shape == (320, 480, 3)
    assert saved.read_bytes() == expected.read_bytes()

    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    (line,) = rest.splitlines()
    assert line.startswith("Stopped. Go on with: ")
    assert process.returncode == 128 + signal.SIGINT
