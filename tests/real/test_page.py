"""The page in a real browser, and against those who should not see it."""

import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from installation.compose import compose
from installation.errors import SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.sinks.page import TRIES, Page
from installation.veil import Veil
from invented import noise_frame, soft_veil
from needs import needs_tool

RED, BLUE = (214, 30, 40), (30, 60, 200)


def two_halves(index: int = 0) -> Frame:
    """Red on the left, blue on the right."""
    pixels = np.empty((120, 160, 3), np.uint8)
    pixels[:, :80], pixels[:, 80:] = RED, BLUE
    return Frame(pixels, index, index / 30)


@contextmanager
def showing(page: Page, rate: float = 30.0) -> Iterator[None]:
    """A show that goes on beside the test."""
    over = threading.Event()

    def go() -> None:
        at = 0
        while not over.wait(1 / rate):
            at += 1
            page.show(two_halves(at), Veil(), Look(), ["Dreamwall", "camera\tinvented, 30.0 a second", "linger\t2.5 s"])

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def browse(url: str, size: tuple[int, int], folder: Path) -> Pixels:
    """What a browser window of ``size`` shows after some seconds, (H, W, 3) uint8 RGB."""
    shot = folder / "shot.png"
    quiet = ["quic", "no-first-run", "background-networking", "component-update", "sync", "gpu", "dev-shm-usage"]
    flags = [f"--{'' if name.startswith('no-') else 'disable-'}{name}" for name in quiet]
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", *flags, f"--user-data-dir={folder / 'profile'}", "--hide-scrollbars",
         f"--window-size={size[0]},{size[1]}", "--timeout=2500", f"--screenshot={shot}", url],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return np.asarray(cv2.cvtColor(cv2.imread(str(shot)), cv2.COLOR_BGR2RGB), np.uint8)


def like(picture: Pixels, colour: tuple[int, int, int]) -> np.ndarray:
    """Where the picture has a colour, give or take what JPEG does to it."""
    return np.asarray((np.abs(picture.astype(int) - colour) < 24).all(axis=2))


@pytest.mark.parametrize(("size", "share"), [((1280, 900), 0.5), ((390, 844), 0.3)], ids=["desktop", "phone"])
def test_a_browser_shows_the_wall(size: tuple[int, int], share: float, tmp_path: Path) -> None:
    """On a desk and on a telephone the live picture stands upright and whole, as wide as it goes, its colours right."""
    needs_tool("chromium")
    with Page(0) as page, showing(page):
        shown = browse(page.url, size, tmp_path)
    assert shown.shape[:2] == (size[1], size[0])
    red, blue = like(shown, RED), like(shown, BLUE)
    assert red.mean() + blue.mean() > share
    assert abs(red.mean() - blue.mean()) < 0.02
    rows, columns = np.where(red | blue)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert width / height == pytest.approx(160 / 120, rel=0.03)
    assert np.where(red)[1].max() < np.where(blue)[1].min() + 3
    below = shown[rows.max() + 20 :, :, :]
    assert (below > 190).all(axis=2).sum() > 60  # figures in light letters, on dark
    assert np.median(below) < 60


def get(page: Page, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_strangers_are_turned_away() -> None:
    """A web page that points its own name at this machine, or asks from another site, gets no picture."""
    with Page(0) as page:
        page.show(two_halves(), Veil(), Look(), [])
        for path in ("/", "/picture.jpg", "/picture.mjpeg", "/status.json", "/healthz"):
            for foreign in (
                "evil.example",
                "evil.example:8750",
                "127.0.0.1.evil.example",
                "",
                "localhost.evil.example",
            ):
                assert get(page, path, Host=foreign)[0] == 403
            assert get(page, path, Origin="http://evil.example")[0] == 403
        for ours in ("127.0.0.1", f"localhost:{page.port}", "[::1]:8750", "LOCALHOST"):
            assert get(page, "/picture.jpg", Host=ours)[0] == 200
        assert get(page, "/picture.jpg", Origin=f"http://127.0.0.1:{page.port}")[0] == 200


def test_it_listens_on_the_loopback_only() -> None:
    """Nobody on the gallery's network can reach the camera through the page."""
    with Page(0) as page:
        assert page.port in listening("0100007F")
        assert page.port not in listening("00000000")


def listening(address: str) -> set[int]:
    """Ports that somebody listens on at an IPv4 address, as the kernel lists them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[1].startswith(address)}


def test_what_it_answers() -> None:
    """One picture, the figures, and whether all is well; before the first refresh it says that it waits."""
    vitals = {"dream_fps": 8.25}
    with Page(0, vitals=lambda: vitals) as page:
        assert get(page, "/healthz")[0] == 503
        assert get(page, "/picture.jpg")[0] == 503
        assert json.loads(get(page, "/status.json")[1])["age_s"] is None
        page.show(two_halves(7), Veil(), Look(), ["Dreamwall", "camera\t30"])
        assert get(page, "/healthz")[0] == 200
        body = json.loads(get(page, "/status.json")[1])
        assert (body["frame"], body["hud"], body["vitals"]) == (7, ["Dreamwall", "camera\t30"], vitals)
        status, jpeg = get(page, "/picture.jpg")
        picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        assert status == 200
        assert like(picture[:, :70], RED).all()
        assert like(picture[:, 90:], BLUE).all()
        assert get(page, "/elsewhere")[0] == 404


def test_a_figure_that_fails_is_not_the_end() -> None:
    """When a figure cannot be had the page says so and goes on."""

    def broken() -> dict[str, object]:
        raise OSError("no sensor")

    with Page(0, vitals=broken) as page:
        assert "no sensor" in json.loads(get(page, "/status.json")[1])["vitals"]["trouble"]


def test_a_taken_port_is_no_trouble() -> None:
    """When somebody has the port the next one is taken, and the status says which."""
    with Page(0) as first, Page(first.port) as second:
        assert first.port < second.port < first.port + TRIES
        assert second.url in second.status
        assert f"{first.port} is taken" in second.status
        assert get(second, "/status.json")[0] == 200


def test_no_free_port_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """When twenty ports are taken the page is refused with one line."""
    monkeypatch.setattr("installation.sinks.page.TRIES", 1)
    with Page(0) as first, pytest.raises(SinkError, match=f"no free port.*{first.port}"), Page(first.port):
        pass


def test_leaving_is_quick_while_people_watch() -> None:
    """The show ends within two seconds, whoever watches; the address is free at once for the next."""
    with Page(0) as page, showing(page):
        watchers = [urllib.request.urlopen(page.url + "picture.mjpeg", timeout=5) for _ in range(3)]
        for watcher in watchers:
            assert watcher.read(20_000)
        port, began = page.port, time.monotonic()
        page.__exit__(None, None, None)
        assert time.monotonic() - began < 2.0
        with Page(port) as again:
            assert again.port == port
        for watcher in watchers:
            watcher.close()


def parts(stream: socket.socket) -> Iterator[Pixels]:
    """The pictures of a multipart stream, one after the other."""
    held = b""
    while True:
        start = held.find(b"\r\n\r\n", held.find(b"content-length"))
        if b"content-length" in held and start > 0:
            length = int(held[held.find(b"content-length:") + 15 : start])
            # the stream itself comes in chunks with their sizes between; they are cut out where they stand
            if len(held) >= start + 4 + length:
                jpeg, held = held[start + 4 : start + 4 + length], held[start + 4 + length :]
                yield np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
                continue
        more = stream.recv(65536)
        if not more:
            return
        held += more


def test_a_slow_watcher_gets_the_newest() -> None:
    """Whoever stops looking for a while then sees the present, not what he missed."""
    with Page(0) as page:
        stream = socket.create_connection(("127.0.0.1", page.port), timeout=5)
        stream.sendall(f"GET /picture.mjpeg HTTP/1.0\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode())
        noise = noise_frame(1, (640, 480)).pixels // 2
        for index in range(45):  # 3 s of pictures of some 150 kB at fifteen a second
            page.show(Frame(noise + np.uint8(index), index, 0.0), Veil(), Look(), [])
            time.sleep(1 / 15)
        level = float(page.picture().mean())
        seen = []
        for picture in parts(stream):
            seen.append(float(picture.mean()))
            if abs(seen[-1] - level) < 0.6:
                break
        assert len(seen) < 20
        stream.close()


def test_nobody_watching_costs_nothing() -> None:
    """A refresh handed over takes under a millisecond, and without watchers no picture is made of it."""
    frame, veil = noise_frame(2, (640, 480)), soft_veil(2, (320, 240))
    with Page(0) as page:
        began = time.thread_time()
        for _ in range(100):
            page.show(frame, veil, Look(), [])
        assert (time.thread_time() - began) / 100 < 1e-3
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.1
        assert np.array_equal(page.picture(), compose(frame, veil, Look()))
