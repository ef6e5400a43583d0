"""The whole show, for real: its own process, a real window or page, a real dream worker, real faults."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

from needs import free_port, needs_tool
from pictures import texture
from xvfb import a_display

PATIENCE = 90.0
BARE = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}


def start(*argv, env, cwd):
    command = [sys.executable, "-m", "installation", *argv]
    return subprocess.Popen(command, env=env, cwd=cwd, stderr=subprocess.PIPE, text=True)


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        return answer.read()


def status(port):
    return json.loads(get(port, "status.json"))["vitals"]


def until(what, patience=PATIENCE):
    """Ask until ``what`` gives something; returns it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {patience} s")


@pytest.fixture
def house():
    return Path(__file__).resolve().parents[2]


def test_with_nothing_at_all_it_dreams_on_a_page(house, tmp_path):
    """No camera, no screen, no card, no network fetched: clouds are dreamed on, on a page, and each line says why."""
    port, report = free_port(), tmp_path / "report.json"
    env = {**BARE, "DREAMWALL_CACHE": str(tmp_path)}
    show = start("--port", str(port), "--report", str(report), "--seconds", "60", env=env, cwd=house)
    try:
        until(lambda: get(port, "picture.jpg"))
        until(lambda: status(port)["dream_fps"] > 0)
        dreamed = status(port)
        picture = cv2.imdecode(np.frombuffer(get(port, "picture.jpg"), np.uint8), cv2.IMREAD_COLOR)
        assert picture.std() > 5
    finally:
        show.terminate()
        said = show.communicate(timeout=30)[1]
    assert dreamed["network"] == "leap" and "cloud" in dreamed["source"]
    assert f"http://127.0.0.1:{port}" in said and "leap, which ships with Dreamwall" in said
    assert "Traceback" not in said
    figures = json.loads(report.read_text())
    assert figures["dream_fps"] > 0 and figures["depth"] is None and figures["sha256"] is None


def test_a_killed_or_hung_worker_does_not_take_the_picture(house, tmp_path):
    """The worker killed, then stopped: the page is never black, refreshes go on, the report lists both."""
    port, report = free_port(), tmp_path / "report.json"
    env = {**BARE, "DREAMWALL_CACHE": str(tmp_path)}
    more = ("--network", "leap", "--source", "clouds", "--size", "160x120")
    show = start("--port", str(port), "--report", str(report), "--seconds", "110", *more, env=env, cwd=house)
    try:
        for how in (signal.SIGKILL, signal.SIGSTOP):
            pid = until(lambda: status(port)["dream_fps"] > 1 and status(port).get("worker_pid"))
            before = status(port)["refreshes"]
            os.kill(pid, how)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                picture = cv2.imdecode(np.frombuffer(get(port, "picture.jpg"), np.uint8), cv2.IMREAD_COLOR)
                assert picture.mean() > 20
                time.sleep(0.02)  # who asks more than 150 times a second for long is turned away
            assert status(port)["refreshes"] > before + 10
            until(lambda pid=pid: status(port).get("worker_pid") not in {pid, None})
        until(lambda: status(port)["dream_fps"] > 1)
    finally:
        show.terminate()
        show.communicate(timeout=30)
    told = " / ".join(event["what"] for event in json.loads(report.read_text())["events"])
    assert "killed by signal 9" in told and "has not moved" in told and "dreaming again" in told


def test_a_wrong_network_ends_it_with_one_line(house, tmp_path):
    """A file that is not a network is told within the first seconds, in one line, with exit code 2."""
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"this is no network")
    show = start("--port", str(free_port()), "--network", str(wrong), env=BARE, cwd=house)
    said = show.communicate(timeout=PATIENCE)[1]
    assert show.returncode == 2 and "wrong.pth" in said.splitlines()[-1] and "Traceback" not in said


def test_the_window_shows_the_dream(house, tmp_path):
    """In a real window the dreamed picture is the photograph with something laid over it, and not black."""
    needs_tool("Xvfb", "import")
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), texture(size=(640, 360)))
    report = tmp_path / "report.json"
    argv = ("--source", str(photo), "--network", "leap", "--no-mirror", "--seconds", "11", "--report", str(report))
    with a_display() as server:
        show = start(*argv, env={**BARE, "DISPLAY": server.name}, cwd=house)
        try:
            time.sleep(8)
            shot = server.screenshot()
        finally:
            said = show.communicate(timeout=PATIENCE)[1]
    assert show.returncode == 0, said
    shown = cv2.resize(shot, (640, 360), interpolation=cv2.INTER_AREA).astype(float)
    camera = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB).astype(float)
    difference = np.abs(shown - camera)
    assert 0.5 < difference.mean() < 60
    assert np.corrcoef(shown.ravel(), camera.ravel())[0, 1] > 0.6
    figures = json.loads(report.read_text())
    assert figures["screen_fps"] > 5 and figures["dream_fps"] > 0
    assert figures["latency_refreshes"]["median"] <= 2
