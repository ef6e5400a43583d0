"""The page against requests that no browser sends: cut, twisted, overlong, half of one and half of another."""

import json
import logging
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from fakes import a_desk
from installation.knobs import Look
from installation.page import Page
from installation.page.limits import Limit, Limits
from installation.veil import Veil
from invented import noise_frame

pytestmark = pytest.mark.beside

SOAK = bool(os.environ.get("DREAMWALL_SOAK"))
REQUESTS = 100_000 if SOAK else 2_000
SEED = 20_260
OPEN = Limits(requests=Limit(1e9, 1e9), guesses=Limit(1e9, 1e9))  # else most would only meet the limit
TOKEN = "a token of twelve"
WORDS = {
    "paths": """/ /do /do /do /snapshot /login /state.json /status.json /metrics /picture.jpg /openapi.json /healthz
        /page.js /?token=x /%00 /..%2f..%2fetc/passwd //do /do/../do * http://x/do""",
    "names": """Host Origin Cookie Authorization Content-Type Content-Length Transfer-Encoding Expect Connection Upgrade
        Accept Range Sec-Fetch-Site X-Forwarded-For X""",
    "values": """127.0.0.1 localhost:1 [::1 ] null http://127.0.0.1 basic =;=; 0 -1 5 99999999999999999999 chunked
        identity 100-continue close websocket h2c text/html application/json image/png same-origin""",
}
PATHS, NAMES = WORDS["paths"].split(), WORDS["names"].split()
VALUES = [*WORDS["values"].split(), "Bearer x", "Bearer \xff", "text/html; charset=\xff", "\t", "x" * 3000, "\x01", ""]
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "G E T", "get", "", "\x00")
BODIES = (
    b'{"action": "intensity", "value": 1}',
    b'{"action": "program 1"}',
    b'{"action": "zoom", "value": 1e999}',
    b'{"action": "\\ud800"}',
    b'{"action": {"action": []}}',
    *(b"{", b"", b"null", b"[" * 5000, b"9" * 5000, b"\xff\xfe\x00", b"token=x&token=%ff", b"\x89PNG\r\n\x1a\n"),
    *(b"5\r\nhello\r\n0\r\n\r\n", b"fffffffff\r\n", b"-1\r\n\r\n"),  # as chunks
)
KINDS = ("application/json", "image/png", "application/x-www-form-urlencoded")


def request(chance: random.Random, port: int) -> bytes:
    """One request: a sound one with some of its parts exchanged, or torn afterwards."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(1, 500))
    body, own = chance.choice(BODIES), f"127.0.0.1:{port}"
    headers = [("Host", own), ("Origin", f"http://{own}"), ("Content-Length", str(len(body)))]
    headers += [("Content-Type", chance.choice(KINDS)), ("Authorization", f"Bearer {TOKEN}")]
    headers += [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.choice((0, 0, 1, 2, 5)))]
    if chance.random() < 0.3:
        headers.pop(chance.randrange(len(headers)))
    method = chance.choice(METHODS if chance.random() < 0.2 else ("GET", "POST", "POST"))
    version = chance.choice(("HTTP/1.1",) * 40 + ("HTTP/1.0", "HTTP/2", "HTTP/1.11", "", "FTP/1.1"))
    end = chance.choice(("\r\n",) * 20 + ("\n",))
    lines = [f"{method} {chance.choice(PATHS)} {version}", *(f"{name}: {value}" for name, value in headers), "", ""]
    whole = bytearray(end.join(lines).encode("latin-1") + body)
    for _ in range(chance.choice((0, 0, 0, 0, 1, 3, 20))):
        at = chance.randrange(len(whole))
        match chance.randrange(4):
            case 0:
                whole[at] = chance.randrange(256)
            case 1:
                del whole[at : at + chance.randrange(40)]
            case 2:
                whole[at:at] = chance.randbytes(chance.randrange(1, 40))
            case _:
                whole[at:at] = whole[: chance.randrange(200)]
        if not whole:
            break
    return bytes(whole)


def ask(port: int, torn: bytes) -> str:
    """Send it, read what comes; the status of the first answer, "closed" or "waits" for the rest of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        # Away at once, however the other side stands: a hundred thousand closed connections would wait for ports.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        try:
            connection.sendall(torn)
            connection.settimeout(0.03)
            answer = connection.recv(64)
        except TimeoutError:
            return "waits"
        except (ConnectionResetError, BrokenPipeError):
            return "closed"
    return answer.split(b" ", 2)[1].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "closed"


@pytest.fixture(params=[None, TOKEN], ids=["open", "token"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    desk, faults, over = a_desk(), [], threading.Event()
    desk.event = lambda _what: None

    def go() -> None:
        frame = noise_frame(1, (64, 48))
        while not over.wait(1 / 30):
            desk.serve(time.monotonic())
            made.show(frame, Veil(), desk.board.look(time.monotonic()), [])

    options = {"limits": OPEN, "event": faults.append, "recall_snapshot": lambda _png: "read"}
    with Page(0, desk=desk, token=request.param, **options) as made:
        made.show(noise_frame(1, (64, 48)), Veil(), Look(), [])
        thread = threading.Thread(target=go)
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join()
    assert faults == []


@pytest.mark.soak
@pytest.mark.timeout(7200 if SOAK else 120)
def test_no_request_breaks_the_page(page: Page, caplog: pytest.LogCaptureFixture, record_property) -> None:
    """Thousands of malformed requests: none is answered with a 500, none ends the page, which answers as before."""
    chance, seen, begun = random.Random(SEED), Counter[str](), time.monotonic()
    with caplog.at_level(logging.WARNING):
        for number in range(REQUESTS // 2):  # half of them without a token, half of them with one
            torn = request(chance, page.port)
            status = ask(page.port, torn)
            seen[status] += 1
            assert not status.startswith("5") or status == "503", (number, status, torn)
            if number % 1000 == 999:
                assert well(page)
    took = time.monotonic() - begun
    record_property("seconds", took)
    print(f"\n{REQUESTS // 2} requests in {took:.0f} s: {dict(seen.most_common())}")
    assert well(page)
    assert min(seen[status] for status in ("200", "400", "403", "404", "405", "415", "422")) > 0, seen  # of every kind
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def well(page: Page) -> bool:
    """The page answers a sound request, quickly."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        connection.sendall(
            f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    return answer.startswith(b"HTTP/1.1 200") and json.loads(answer.partition(b"\r\n\r\n")[2]) == {"ok": True}
