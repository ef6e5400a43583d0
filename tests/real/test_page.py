"""The page as it answers over real connections, and against those who should not see it."""

import http.client
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fakes import a_desk
from installation.clock import HandClock
from installation.compose import compose
from installation.errors import SettingsError, SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.page import Page
from installation.page.connections import TRIES, Names
from installation.page.limits import Limit, Limits
from installation.veil import Veil
from invented import noise_frame, soft_veil

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


def like(picture: Pixels, colour: tuple[int, int, int]) -> np.ndarray:
    """Where the picture has a colour, give or take what JPEG does to it."""
    return np.asarray((np.abs(picture.astype(int) - colour) < 24).all(axis=2))


def ask(
    page: Page, path: str, method: str = "GET", body: bytes | str | None = None, at: str = "127.0.0.1", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers; underscores in the names of ``headers`` are hyphens."""
    connection = http.client.HTTPConnection(at, page.port, timeout=5)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def get(page: Page, path: str, **headers: str) -> tuple[int, bytes]:
    return ask(page, path, **headers)[:2]


def do(page: Page, body: Any, **headers: str) -> int:
    """Post an action as the page's own script does; the status."""
    text = body if isinstance(body, bytes) else json.dumps(body)
    own = {"Origin": f"http://127.0.0.1:{page.port}", "Content_Type": "application/json"}
    return ask(page, "/do", "POST", text, **{**own, **headers})[0]


def test_strangers_are_turned_away() -> None:
    """A web page that points its own name at this machine, or asks from another site, gets no picture."""
    with Page(0) as page:
        page.show(two_halves(), Veil(), Look(), [])
        for path in ("/", "/picture.jpg", "/picture.mjpeg", "/status.json", "/state.json", "/metrics", "/healthz"):
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
        for other in (f"http://127.0.0.1:{page.port + 1}", f"http://localhost:{page.port}", "null", "", "file://"):
            assert get(page, "/picture.jpg", Origin=other)[0] == 403


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
    monkeypatch.setattr("installation.page.connections.TRIES", 1)
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


# -- hands -------------------------------------------------------------------------------------------------------------


def test_a_turn_reaches_the_desk() -> None:
    """What is posted waits at the desk and is done before the next refresh."""
    desk = a_desk()
    with Page(0, desk=desk) as page:
        assert do(page, {"action": "intensity", "value": 1.75}) == 202
        assert desk.board.standing("intensity") == 1.0
        desk.serve(0.0)
        desk.board.look(0.0)
        assert desk.board.standing("intensity") == 1.75
        assert json.loads(get(page, "/state.json")[1])["knobs"]["intensity"][0] == 1.75


def test_what_is_no_turn_is_refused() -> None:
    """Not JSON, too much of it, another type, out of range: each with its own status and one line, none done."""
    desk = a_desk()
    with Page(0, desk=desk) as page:
        for body in (b"", b"{", b"\xff\xfe", b"NaN", b'{"action": "zoom", "value": NaN}', b"[" * 60_000, b"9" * 50_000):
            assert do(page, body) == 400
        assert do(page, {"action": "zoom", "value": 1e9}) == 422
        assert do(page, b'{"action": "zoom", "value": 1e999}') == 422
        assert do(page, b'{"action": "\\ud800"}') == 422
        assert do(page, b" " * (64 * 1024 + 1)) == 413
        assert do(page, b"{}", Content_Type="text/plain") == 415
        assert do(page, b"{}", Content_Length="99999999999999999999") == 413
        assert ask(page, "/do")[0] == 405
        assert ask(page, "/state.json", "POST", "{}", Origin=f"http://127.0.0.1:{page.port}")[0] == 405
        desk.serve(0.0)
        assert desk.told == []


def test_what_changes_something_comes_from_our_own_page() -> None:
    """Another page, or nobody knows which, turns nothing; a plain link cannot either."""
    desk = a_desk()
    with Page(0, desk=desk) as page:
        body, kind = json.dumps({"action": "blackout"}), {"Content_Type": "application/json"}
        for foreign in ("http://evil.example", "null", f"https://127.0.0.1:{page.port + 1}"):
            assert ask(page, "/do", "POST", body, Origin=foreign, **kind)[0] == 403
        status, line, _ = ask(page, "/do", "POST", body, **kind)
        assert (status, b"Origin" in line) == (403, True)
        assert ask(page, "/do", "POST", body, Sec_Fetch_Site="cross-site", **kind)[0] == 403
        assert ask(page, "/do", "POST", body, Sec_Fetch_Site="same-origin", **kind)[0] == 202
        assert ask(page, "/do?action=blackout")[0] == 405


def test_a_page_without_a_desk_only_shows() -> None:
    """Where there is nothing to turn the page says so."""
    with Page(0) as page:
        assert do(page, {"action": "blackout"}) == 409
        assert json.loads(get(page, "/controls.json")[1])["knobs"] == []


def test_every_answer_carries_its_headers() -> None:
    """Nothing is stored, framed, sniffed or loaded from elsewhere, and no script stands in the page itself."""
    with Page(0, desk=a_desk()) as page:
        for path in ("/", "/page.js", "/state.json", "/elsewhere", "/picture.jpg"):
            headers = ask(page, path)[2]
            assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
            policy = headers["content-security-policy"]
            assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "access-control-allow-origin" not in headers and "server" not in headers
        html = get(page, "/")[1].decode()
        assert "style=" not in html and "<style" not in html and "onclick" not in html
        assert not any(f'"{name}"' in html for name in ("intensity", "linger", "blackout"))


# -- kiosk, snapshots --------------------------------------------------------------------------------------------------


def test_the_picture_in_kiosk_mode() -> None:
    """Nobody sees the camera through the page of a kiosk, unless that was allowed."""
    for allowed, status in ((False, 403), (True, 200)):
        with Page(0, desk=a_desk(kiosk=True), picture_allowed=allowed) as page:
            page.show(two_halves(), Veil(), Look(), [])
            assert get(page, "/picture.jpg")[0] == status
            assert ask(page, "/picture.mjpeg", "HEAD")[0] == status
            picture = json.loads(get(page, "/controls.json")[1])["picture"]
            assert picture == {"allowed": allowed, "at_once": allowed}
            assert do(page, {"action": "store 1"}) == 403


def test_a_witness_costs_nothing_until_somebody_looks() -> None:
    """With another screen the page only remembers the last refresh; its picture is smaller and of the same shape."""
    frame = noise_frame(1, (1280, 720))
    with Page(0, is_screen=False) as page:
        page.see(frame, Veil(), Look(), 5.0)
        assert page._newest is not None and page._newest.frame is frame
        assert page.picture().shape == (360, 640, 3)
        assert get(page, "/healthz")[0] == 200
        assert not json.loads(get(page, "/controls.json")[1])["picture"]["at_once"]


def test_snapshots() -> None:
    """A snapshot's look is brought back; what is no snapshot, too large or breaks its reader is one line."""
    taken = []

    def recall(png: bytes) -> str:
        taken.append(len(png))
        if png.endswith(b"bad"):
            raise SettingsError("there are no settings in this picture")
        if png.endswith(b"worse"):
            raise ValueError("no such chunk")
        return "as in dreamwall-7.png"

    def drop(page: Page, body: bytes, kind: str = "image/png") -> tuple[int, str]:
        status, answer, _ = ask(
            page, "/snapshot", "POST", body, Origin=f"http://127.0.0.1:{page.port}", Content_Type=kind
        )
        return status, next(iter(json.loads(answer).values()))

    head = b"\x89PNG\r\n\x1a\n"
    with Page(0, desk=a_desk(), recall_snapshot=recall) as page:
        assert drop(page, head + bytes(3_000_000)) == (200, "as in dreamwall-7.png")
        assert taken == [3_000_008]
        assert drop(page, head + b"bad") == (422, "there are no settings in this picture")
        assert drop(page, head + b"worse") == (422, "this snapshot cannot be read: ValueError: no such chunk")
        assert drop(page, b"GIF89a") == (422, "this is not a PNG; a snapshot that Dreamwall has kept is one")
        assert drop(page, head, "image/gif")[0] == 415
        assert drop(page, head + b"bad")[0] == 422  # the one before does not stand in the way
        assert ask(page, "/snapshot", "POST", None, Origin=f"http://127.0.0.1:{page.port}", Content_Type="image/png",
                   Content_Length=str(33 * 2**20))[0] == 413  # fmt: skip
    with Page(0, desk=a_desk()) as page:
        assert drop(page, head)[0] == 409


# -- from elsewhere ----------------------------------------------------------------------------------------------------


def address() -> str:
    """An address of this machine that is not of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


def test_from_elsewhere_only_with_the_token() -> None:
    """On the gallery's network everything but a bare /healthz asks for the token; with it everything is there."""
    here, desk = address(), a_desk()
    with Page(0, host="0.0.0.0", desk=desk) as page:
        page.show(two_halves(), Veil(), Look(), [])
        place, _, token = page.url.partition("?token=")
        assert place == f"http://{here}:{page.port}/" and len(token) >= 20
        assert token not in page.status
        assert ask(page, "/healthz", at=here)[:2] == (200, b'{"ok": true}')
        paths = (
            "/",
            "/page.js",
            "/page.css",
            "/controls.json",
            "/state.json",
            "/status.json",
            "/metrics",
            "/openapi.json",
        )
        for path in (*paths, "/picture.jpg", "/picture.mjpeg", "/elsewhere", "/healthz/", "//healthz"):
            status, body, headers = ask(page, path, at=here)
            assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="dreamwall"')
            assert token.encode() not in body
        own = {"Origin": f"http://{here}:{page.port}", "Content_Type": "application/json"}
        assert ask(page, "/do", "POST", '{"action": "blackout"}', at=here, **own)[0] == 401
        for path in (*paths, "/picture.jpg"):
            assert ask(page, path, at=here, Authorization=f"Bearer {token}")[0] == 200
        bearer = {"Authorization": f"bearer {token}", "Content_Type": "application/json"}
        assert ask(page, "/do", "POST", '{"action": "blackout"}', at=here, **bearer)[0] == 202
        assert ask(page, "/", at="127.0.0.1")[0] == 401  # the same from this machine


def test_a_cookie_is_not_enough_for_another_page() -> None:
    """A browser sends its cookie whoever asks: a turn by cookie must come from our own page."""
    with Page(0, token="a token of mine", desk=a_desk()) as page:
        status, body, headers = ask(page, "/?token=a%20token%20of%20mine")
        cookie = headers["set-cookie"]
        assert status == 200 and b"url=/" in body and b"token of mine" not in body
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and "token of mine" not in cookie
        name = cookie.partition(";")[0]
        own, kind = f"http://127.0.0.1:{page.port}", "application/json"
        turn = '{"action": "blackout"}'
        assert ask(page, "/state.json", Cookie=name)[0] == 200
        assert ask(page, "/do", "POST", turn, Cookie=name, Content_Type=kind)[0] == 403
        assert ask(page, "/do", "POST", turn, Cookie=name, Content_Type=kind, Origin="http://evil.example")[0] == 403
        assert ask(page, "/do", "POST", turn, Cookie=name, Content_Type=kind, Origin=own)[0] == 202
        form = ask(page, "/login", "POST", "token=a+token+of+mine", Origin=own)
        assert form[0] == 200 and form[2]["set-cookie"] == cookie
        assert "?" not in page.url  # a token that somebody chose is not printed


def test_wrong_tokens_are_few_and_odd_ones_harmless() -> None:
    """Ten guesses, then a wait, for the right one as well; letters of every kind are compared like any other."""
    clock = HandClock()
    with Page(0, token="tökenß ☃ twelve", clock=clock) as page:
        wrong = ["", "x", "é", "\xff" * 50, "a" * 4000]
        for guess in wrong:
            assert ask(page, "/state.json", Authorization=f"Bearer {guess}")[0] == 401
        right = "t%C3%B6ken%C3%9F%20%E2%98%83%20twelve"
        assert ask(page, f"/?token={right}")[0] == 200
        for number in range(5):
            assert ask(page, f"/?token=%FF{number}")[0] == 401
        status, _, headers = ask(page, "/?token=another")
        assert status == 429 and int(headers["retry-after"]) >= 1
        assert ask(page, f"/?token={right}")[0] == 429
        assert ask(page, "/healthz")[0] == 503  # no picture yet; it asks for no token
        clock.sleep(int(headers["retry-after"]))
        assert ask(page, f"/?token={right}")[0] == 200


def test_names_that_are_ours() -> None:
    """On the network any address in figures and the machine's own names; on the loopback only the loopback's."""
    outside, inside = Names("0.0.0.0"), Names("127.0.0.1")
    own = socket.gethostname().lower()
    for name in ("192.0.2.7", "fe80::1", "localhost", own, own.partition(".")[0] + ".local"):
        assert outside(name)
    for name in ("evil.example", f"{own}.evil.example", "", "1.2.3.4.evil.example"):
        assert not outside(name)
    assert inside("127.0.0.1") and inside("localhost") and inside("::1")
    assert not inside("192.0.2.7") and not inside(own)


def test_too_many_requests() -> None:
    """Whoever asks too often is told when to come back; after that he is served."""
    clock = HandClock()
    with Page(0, clock=clock, limits=Limits(requests=Limit(10, 5))) as page:
        answers = [ask(page, "/state.json") for _ in range(8)]
        assert [status for status, _, _ in answers] == [200] * 5 + [429] * 3
        clock.sleep(int(answers[-1][2]["retry-after"]))
        assert ask(page, "/state.json")[0] == 200


def test_an_address_that_is_not_ours_is_one_line() -> None:
    """A page that is asked to answer where this machine is not says so."""
    with pytest.raises(SinkError, match=r"cannot answer on 203\.0\.113\.9"), Page(0, host="203.0.113.9"):
        pass


def test_silent_connections_do_not_shut_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand connections that say nothing: the page answers, and lets the silent go."""
    monkeypatch.setattr("installation.page.connections.OF_ONE", 20)
    monkeypatch.setattr("installation.page.connections.PATIENCE", 0.3)
    with Page(0) as page:
        silent = [socket.create_connection(("127.0.0.1", page.port), timeout=5) for _ in range(300)]
        silent[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127")  # one begins, and says no more
        assert get(page, "/state.json")[0] == 200
        for connection in silent:
            connection.settimeout(3)
            try:
                assert connection.recv(1) == b""
            except ConnectionResetError:
                pass
            connection.close()


def test_watchers_are_few() -> None:
    """When one more wants the picture than there are places, whoever watched longest stops."""
    with Page(0) as page, showing(page):
        watchers = []
        for _ in range(10):
            watchers.append(urllib.request.urlopen(page.url + "picture.mjpeg", timeout=5))
            assert watchers[-1].read(2000)
        assert page.watchers == 8
        assert watchers[0].read() is not None  # it ends
        for watcher in watchers:
            watcher.close()
