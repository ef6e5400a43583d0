"""Page: the wall in a browser, for a machine without a display and for the operator's telephone.

It answers on the loopback only; from elsewhere, `ssh -L 8750:127.0.0.1:8750 machine` and the same address.  Nothing
leaves the machine, nothing is stored.  The show hands over a refresh and goes on: pictures are composed and packed in
the server's threads, only while somebody watches, and each watcher gets the newest at his own pace.
"""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

import cv2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from installation.clock import Clock, WallClock
from installation.compose import AS_IT_COMES, Composer, Placing
from installation.errors import SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.veil import Veil

PORT = 8750
TRIES = 21  # ports looked at, from the one asked for upwards
PACE = 1 / 15  # seconds between two pictures of one watcher
QUALITY = 85  # of the JPEGs
SEND_BUFFER = 64 * 1024  # bytes the kernel holds for one watcher, about one picture
STALE = 2.0  # seconds without a refresh after which /healthz says so
OURS = {"127.0.0.1", "localhost", "::1"}
BOUNDARY = "picture"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class _Refresh:
    """What was shown last, as it was handed over."""

    frame: Frame
    veil: Veil
    look: Look
    hud: tuple[str, ...]
    number: int
    time: float


class Page:
    """A screen in the browser.

    ``port``: the first one tried, on 127.0.0.1; when it is taken, the next free of twenty.  ``size``: (width, height)
    of the picture, by default the camera's.  ``vitals``: what /status.json carries besides.  Entering raises SinkError
    when no port is free; leaving takes at most two seconds.
    """

    name = "page"
    closed = False

    def __init__(
        self,
        port: int = PORT,
        *,
        size: tuple[int, int] | None = None,
        placing: Placing = AS_IT_COMES,
        vitals: Callable[[], dict[str, Any]] = dict,
        clock: Clock | None = None,
    ) -> None:
        self.placing = placing
        self._wanted, self._size, self._vitals = port, size, vitals
        self._clock = clock or WallClock()
        self._newest: _Refresh | None = None
        self._packer = _Packer(size)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._leaving = False
        self.port = 0
        self.watchers = 0

    def __enter__(self) -> Self:
        if self._server is not None:
            return self
        listener = _listen(self._wanted)
        self.port = int(listener.getsockname()[1])
        self._leaving = False
        routes = [
            Route("/", self._page),
            Route("/picture.mjpeg", self._stream),
            Route("/picture.jpg", self._still),
            Route("/status.json", self._status),
            Route("/healthz", self._health),
        ]
        config = uvicorn.Config(
            _OnlyOurs(Starlette(routes=routes)),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="page", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        server, thread = self._server, self._thread
        self._server = self._thread = None
        self._leaving = True
        if server is not None and thread is not None:
            server.should_exit = True
            thread.join(2.0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def status(self) -> str:
        """Where to look."""
        if self._server is None:
            return "page, not open"
        taken = "" if self.port == self._wanted or not self._wanted else f" ({self._wanted} is taken)"
        return f"page at {self.url}{taken}"

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        """Hand over one refresh; costs microseconds and never waits."""
        number = self._newest.number + 1 if self._newest is not None else 1
        self._newest = _Refresh(frame, veil, look, tuple(hud), number, self._clock.now())

    def picture(self) -> Pixels:
        """What a watcher would see now, (H, W, 3) uint8 RGB.  SinkError before the first refresh."""
        if self._newest is None:
            raise SinkError("the page has nothing to show yet")
        newest = self._newest
        return Composer()(newest.frame, newest.veil, newest.look, self._size, self.placing)

    async def _page(self, request: Request) -> Response:  # noqa: ARG002
        return HTMLResponse((files("installation.sinks") / "page.html").read_text(encoding="utf-8"), headers=HEADERS)

    async def _still(self, request: Request) -> Response:  # noqa: ARG002
        if self._newest is None:
            return PlainTextResponse("no picture yet", 503, headers=HEADERS | {"retry-after": "1"})
        jpeg = await asyncio.to_thread(self._packer.jpeg, self._newest, self.placing)
        return Response(jpeg, media_type="image/jpeg", headers=HEADERS)

    async def _stream(self, request: Request) -> Response:  # noqa: ARG002
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(self._pictures(), media_type=kind, headers=HEADERS)

    async def _pictures(self) -> AsyncIterator[bytes]:
        """The newest picture whenever there is a new one and this watcher's connection took the last.

        Every part is sent with the boundary that ends it: browsers show a part only once they have seen its end, and
        would otherwise be one picture late.
        """
        sent, loop = 0, asyncio.get_running_loop()
        self.watchers += 1
        try:
            yield f"--{BOUNDARY}\r\n".encode()
            while not self._leaving:
                due = loop.time() + PACE
                newest = self._newest
                if newest is not None and newest.number != sent:
                    jpeg = await asyncio.to_thread(self._packer.jpeg, newest, self.placing)
                    head = f"content-type: image/jpeg\r\ncontent-length: {len(jpeg)}\r\n\r\n"
                    yield head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()
                    sent = newest.number
                await asyncio.sleep(max(0.005, due - loop.time()))
        finally:
            self.watchers -= 1

    async def _status(self, request: Request) -> Response:  # noqa: ARG002
        newest = self._newest
        try:
            vitals = self._vitals()
        except Exception as error:  # a figure that cannot be had must not take the page with it
            vitals = {"trouble": f"{type(error).__name__}: {error}"}
        body = {
            "status": self.status,
            "refreshes": newest.number if newest else 0,
            "age_s": round(self._clock.now() - newest.time, 3) if newest else None,
            "frame": newest.frame.index if newest else None,
            "watchers": self.watchers,
            "hud": list(newest.hud) if newest else [],
            "vitals": vitals,
        }
        return Response(json.dumps(body, default=str), media_type="application/json", headers=HEADERS)

    async def _health(self, request: Request) -> Response:  # noqa: ARG002
        newest = self._newest
        age = None if newest is None else self._clock.now() - newest.time
        well = age is not None and age < STALE
        return JSONResponse({"ok": well, "age_s": age}, 200 if well else 503, headers=HEADERS)


class _Packer:
    """Composes and packs a refresh once, for however many watch.  Safe from several threads."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        self._size = size
        self._composer = Composer()
        self._lock = threading.Lock()
        self._number, self._jpeg = 0, b""

    def jpeg(self, refresh: _Refresh, placing: Placing) -> bytes:
        with self._lock:
            if refresh.number > self._number:
                picture = self._composer(refresh.frame, refresh.veil, refresh.look, self._size, placing)
                settings = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
                _, packed = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
                self._number, self._jpeg = refresh.number, packed.tobytes()
            return self._jpeg


class _OnlyOurs:
    """Turns away whoever did not ask for this machine by a loopback name.

    A page on the web can make its own name point to 127.0.0.1 and read the camera with it (DNS rebinding); what such a
    request cannot do is carry our name in Host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked = {name: value.decode("latin-1") for name, value in scope["headers"] if name in {b"host", b"origin"}}
            host, origin = asked.get(b"host", ""), asked.get(b"origin")
            if _hostname(host) not in OURS or (origin is not None and _hostname(origin.partition("//")[2]) not in OURS):
                refusal = PlainTextResponse("This page answers to 127.0.0.1 and localhost only.", 403, headers=HEADERS)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _hostname(host: str) -> str:
    """The name in a Host header, without the port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _listen(port: int) -> socket.socket:
    """A listening socket on the first free port from ``port`` on; 0 is any."""
    for number in range(port, port + (TRIES if port else 1)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The kernel would hold megabytes of pictures for a watcher who is slow: a queue after all, and seconds old.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        try:
            listener.bind(("127.0.0.1", number))
            listener.listen(64)
        except OSError:
            listener.close()
            continue
        return listener
    raise SinkError(f"no free port for the page between {port} and {port + TRIES - 1}")
