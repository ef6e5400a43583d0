"""``dreamwall calibrate wizard`` as a process on a real display, and its page in a real browser on a telephone."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import cv2
import numpy as np
import pytest

from chromium import PHONE, a_browser
from installation.calibrate.seam import Stopped
from installation.calibrate.wizard import Wizard
from installation.calibrate.wizard_board import GOLD
from installation.calibrate.wizard_page import WizardPage
from installation.calibrate.wizard_pictures import DARK, Seen, explained
from installation.clock import WallClock
from installation.settings import Settings
from loopback_mjpeg import MjpegServer
from needs import free_port, needs_tool
from xvfb import a_display

pytestmark = pytest.mark.beside


@pytest.fixture(scope="module")
def display():
    needs_tool("Xvfb", "import", "xdotool")
    with a_display((480, 270)) as server:
        yield server


def until(true, seconds=40.0):
    """Wait for something to be true; what it then is."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def until_shown(display, fits):
    """Wait for the display to show what fits; the screenshot."""
    shots = []
    until(lambda: fits(shots.append(display.screenshot()) or shots[-1]))
    return shots[-1]


def ask(url, path, asked=None):
    body = None if asked is None else json.dumps(asked).encode()
    own = {} if asked is None else {"Origin": url.rstrip("/"), "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + path, body, own), timeout=10) as answer:
        return answer.read()


def like(picture, colour, by=24):
    return (np.abs(picture.astype(int) - colour) < by).all(axis=2)


def test_the_wizard_on_a_real_display(display, tmp_path):
    """The wall says what comes first; by the page a card is begun and stopped, then the wall's measuring, which shows
    only what is measured; after Stop nothing was kept, and Esc on the wall ends it with a summary.
    """
    port, own = free_port(), tmp_path / "own"
    with MjpegServer(free_port()) as camera, (tmp_path / "said").open("w+") as said:
        command = [
            *(sys.executable, "-m", "installation", "calibrate", "wizard"),
            *("--source", camera.url, "--port", str(port)),
        ]
        process = subprocess.Popen(command, stderr=said, env={**os.environ, "DREAMWALL_CONFIG": str(own)})
        try:
            url = f"http://127.0.0.1:{port}/"
            until(lambda: f"page: {url}" in (tmp_path / "said").read_text() or process.poll() is not None)
            waiting = until_shown(display, lambda shot: like(shot, GOLD).sum() > 100)
            cv2.imwrite(str(tmp_path / "waiting.png"), waiting[..., ::-1])
            assert like(waiting, DARK).mean() > 0.5 and waiting[:110].std() > 10
            state = json.loads(ask(url, "state.json"))
            assert (state["phase"], state["stage"]) == ("waiting", "card")

            ask(url, "do", {"button": "begin", "stage": "card"})
            until(lambda: json.loads(ask(url, "state.json"))["sentence"].startswith("grid on "))
            until_shown(display, lambda shot: shot[[0, -1]].min() > 200)  # the card's frame, at the display's edges
            ask(url, "do", {"button": "stop", "stage": "card"})
            until(lambda: json.loads(ask(url, "state.json"))["stages"][0]["state"] == "stopped")
            until_shown(display, lambda shot: like(shot, GOLD).sum() > 100)

            for name in ("card", "light", "lens"):
                ask(url, "do", {"button": "skip", "stage": name})
            ask(url, "do", {"button": "begin", "stage": "wall"})
            until_shown(display, lambda shot: shot.max() > 200 and np.ptp(shot, axis=2).max() == 0)  # no coloured word
            state = until(lambda: (now := json.loads(ask(url, "state.json")))["pictures"]["eye"] and now)
            assert state["phase"] == "running" and state["stage"] == "wall" and state["sentence"]
            eye = cv2.imdecode(np.frombuffer(ask(url, "eye.jpg"), np.uint8), cv2.IMREAD_COLOR)
            assert eye.shape == (240, 320, 3) and like(eye[40:90], (0, 0, 254), 40).mean() > 0.9  # red, as it sends
            ask(url, "do", {"button": "stop", "stage": "wall"})
            until(lambda: json.loads(ask(url, "state.json"))["phase"] == "waiting")
            until_shown(display, lambda shot: like(shot, DARK).mean() > 0.5)
            time.sleep(1.1)  # in which keys were still meant for the stage
            subprocess.run(["xdotool", "key", "Escape"], check=True, timeout=10)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait(10)
        lines = (tmp_path / "said").read_text().splitlines()
    assert "dreamwall: Wall: stopped: nothing was kept" in lines and lines[-1] == "dreamwall: Empty room: not begun"
    assert not [path for path in own.rglob("*") if path.is_file()]


def test_the_page_on_a_telephone(tmp_path):
    """By a finger: stages are begun, skipped, stopped, followed with what the wall shows and what the camera sees;
    what came of it stands below; in the end it is finished, and ended.  Nothing goes wrong in the browser.
    """
    wizard, seen = Wizard(), Seen(WallClock().now)
    page = WizardPage(wizard, seen, Settings(port=free_port()), WallClock())
    with a_browser(tmp_path) as browser, page, browser.tab(PHONE) as tab:

        def shot(name):
            time.sleep(0.4)
            cv2.imwrite(str(tmp_path / f"{name}.png"), tab.picture()[..., ::-1])

        def button(name, stage):
            there = f'#buttons [data-press="{name} {stage}"]'
            tab.until(f"document.querySelector('{there}') !== null")
            tab.click(there, touch=True)

        seen.put("picture", explained("card"))
        tab.open(page.url)
        tab.until("document.querySelector('#title').textContent === 'Test cards'")
        tab.until("document.querySelector('#picture').naturalWidth === 960")
        assert tab.value("document.querySelectorAll('#stages li').length") == len(wizard.view().rows)
        assert tab.value("document.documentElement.scrollWidth <= innerWidth")
        shot("waiting")
        button("begin", "card")
        until(wizard.take)
        wizard.told("looked at grid, resolution, grey on HDMI-1, 1920x1080")
        wizard.finish("done", "", 0.0)
        for name in ("light", "lens"):
            button("skip", name)
        until(lambda: wizard.view().at == 3)
        seen.put("picture", explained("wall"))
        tab.until("document.querySelector('#title').textContent === 'Wall'")
        button("begin", "wall")
        until(wizard.take)
        wizard.step("stripes <b>and</b> more, for 1.4 min: keep out of the camera's view (38 pictures)", 0.4)
        seen.put("eye", explained("room"))
        tab.until("document.querySelector('#sentence').textContent.includes('<b>and</b>')")
        tab.until("document.querySelector('#eye').naturalWidth === 960 && document.querySelector('#bar').value === 0.4")
        shot("running")
        button("stop", "wall")
        with pytest.raises(Stopped):
            until(wizard.attend)
        line = "the camera sees 61 % of the picture, its right part is not in the camera's picture: move the camera"
        wizard.finish("refused", line, 0.0)
        seen.put("eye", None)
        tab.until("document.querySelector('#trouble').textContent.includes('61 %')")
        shot("refused")
        button("again", "wall")
        assert until(wizard.take).name == "wall"
        wizard.told("the camera saw 99% of the projector's picture; the wall is flat")
        wizard.finish("done", "", 0.0)
        for name in ("latency", "room"):
            button("skip", name)
        tab.until("!document.querySelector('#finished').hidden")
        assert "99%" in tab.value("document.querySelector('#stages').textContent")
        shot("finished")
        tab.click("#end", touch=True)
        until(lambda: wizard.over)
        tab.until("document.querySelector('#state').textContent === 'ended'")
        assert [error for error in tab.errors if "404" not in error] == []
