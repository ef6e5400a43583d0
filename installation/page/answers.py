"""What the page answers, path by path.  Who may ask was settled at the gate."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from installation.clock import Clock
from installation.desk import Desk
from installation.errors import DreamwallError
from installation.page import figures, hands
from installation.page.description import description
from installation.page.metrics import MEDIA, exposition, metrics
from installation.page.picture import BOUNDARY, Refresh, Watchers
from installation.page.sensors import Temperatures
from installation.page.wire import Refusal, answer, json_of, png_of

STALE = 2.0  # seconds without a refresh after which /healthz says so
STATIC = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


@dataclass
class Answers:
    """What the page has to answer with; `installation.page.page.Page` says what each part is.

    ``newest``: the last refresh; ``jpeg``: makes its picture; ``at_once``: the page is the screen and shows it unasked.
    ``status``: where the page is, in words.  ``cookie``: the cookie's name where a token is asked for.
    """

    desk: Desk | None
    clock: Clock
    newest: Callable[[], Refresh | None]
    jpeg: Callable[[Refresh], bytes]
    watchers: Watchers
    status: Callable[[], str]
    cookie: Callable[[], str | None]
    vitals: Callable[[], dict[str, Any]]
    more: Callable[[], Sequence[str]]
    recall_snapshot: Callable[[bytes], str] | None
    at_once: bool
    picture_allowed: bool
    temperatures: Temperatures
    _recalling: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Starlette:
        """All of it, an ASGI application."""
        reads = {
            "/openapi.json": self._description,
            "/controls.json": self._controls,
            "/state.json": self._state,
            "/status.json": self._status,
            "/metrics": self._metrics,
            "/healthz": self._health,
            "/picture.jpg": self._still,
            "/picture.mjpeg": self._stream,
            **dict.fromkeys(STATIC, self._static),
        }
        does = {"/do": self._do, "/snapshot": self._snapshot}
        routes = [Route(path, answers, methods=["GET"]) for path, answers in reads.items()]
        routes += [Route(path, answers, methods=["POST"]) for path, answers in does.items()]
        return Starlette(routes=routes, exception_handlers={HTTPException: _not_here, Refusal: _refused})

    # -- what is read ------------------------------------------------------------------------------------------------

    async def _static(self, request: Request) -> Response:
        name, media = STATIC[request.url.path]
        text = (files("installation.page") / "static" / name).read_text(encoding="utf-8")
        return Response(text, media_type=media)

    async def _description(self, _request: Request) -> Response:
        return answer(description(self.desk, version=_version(), token=self.cookie()))

    async def _controls(self, _request: Request) -> Response:
        picture = {"allowed": self._may_see, "at_once": self._may_see and self.at_once}
        more = {"picture": picture, "snapshots": self.recall_snapshot is not None}
        return answer({**hands.controls(self.desk), **more})

    async def _state(self, _request: Request) -> Response:
        return answer(hands.state(self.desk))

    async def _health(self, _request: Request) -> Response:
        newest = self.newest()
        well = newest is not None and self.clock.now() - newest.time < STALE
        return answer({"ok": well}, 200 if well else 503)

    async def _status(self, _request: Request) -> Response:
        return answer(await asyncio.to_thread(self._figures))

    async def _metrics(self, _request: Request) -> Response:
        return Response(await asyncio.to_thread(self._exposition), media_type=MEDIA)

    def _figures(self) -> dict[str, Any]:
        newest, vitals = self.newest(), self._vitals()
        heat = self._heat(vitals)
        try:
            more = self.more()
        except Exception as error:
            more = [f"trouble\t{type(error).__name__}: {error}"]
        return {
            "status": self.status(),
            "refreshes": newest.number if newest else 0,
            "age_s": round(self.clock.now() - newest.time, 3) if newest else None,
            "frame": newest.frame.index if newest else None,
            "watchers": len(self.watchers),
            "hud": list(newest.hud) if newest else [],
            "rates": figures.rates(vitals),
            "lines": figures.lines(vitals, heat, more),
            "events": figures.events(vitals),
            "temperatures": heat,
            "vitals": vitals,
        }

    def _exposition(self) -> str:
        newest, vitals = self.newest(), self._vitals()
        return exposition(
            metrics(
                vitals,
                self.desk,
                refreshes=newest.number if newest else 0,
                age=self.clock.now() - newest.time if newest else None,
                watchers=len(self.watchers),
                temperatures=self._heat(vitals),
            )
        )

    def _vitals(self) -> dict[str, Any]:
        try:
            return self.vitals()
        except Exception as error:  # a figure that cannot be had must not take the page with it
            return {"trouble": f"{type(error).__name__}: {error}"}

    def _heat(self, vitals: dict[str, Any]) -> dict[str, float]:
        told = vitals.get("temperatures")
        return {**self.temperatures(), **(told if isinstance(told, dict) else {})}

    # -- the picture -------------------------------------------------------------------------------------------------

    @property
    def _may_see(self) -> bool:
        return self.picture_allowed or self.desk is None or not self.desk.kiosk

    def _must_see(self) -> None:
        if not self._may_see:
            raise Refusal(403, "the picture is not shown in kiosk mode; --page-picture allows it")

    async def _still(self, _request: Request) -> Response:
        self._must_see()
        newest = self.newest()
        if newest is None:
            raise Refusal(503, "no picture yet", {"retry-after": "1"})
        return Response(await asyncio.to_thread(self.jpeg, newest), media_type="image/jpeg")

    async def _stream(self, request: Request) -> Response:
        self._must_see()
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        if request.method == "HEAD":  # the pictures would be made, and thrown away, without end
            return Response(headers={"content-type": kind})
        return StreamingResponse(self.watchers.stream(self.newest, self.jpeg), media_type=kind)

    # -- what is done ------------------------------------------------------------------------------------------------

    async def _do(self, request: Request) -> Response:
        if self.desk is None:
            raise Refusal(409, "nothing can be turned here: this page only shows")
        action, value = hands.asked(self.desk, await json_of(request))
        self.desk.post(action, value)
        return answer({"action": action, "value": value}, 202)

    async def _snapshot(self, request: Request) -> Response:
        if self.recall_snapshot is None:
            raise Refusal(409, "snapshots are not read here")
        if not self._recalling.acquire(blocking=False):  # one at a time: each may be 32 MiB, and its pixels more
            raise Refusal(429, "a snapshot is being read already", {"retry-after": "1"})
        try:
            png = await png_of(request)
            said = await asyncio.to_thread(self.recall_snapshot, png)
        except DreamwallError as error:
            raise Refusal(422, str(error)) from error
        except Refusal:
            raise
        except Exception as error:  # whatever a broken file does to its reader, it is the file
            raise Refusal(422, f"this snapshot cannot be read: {type(error).__name__}: {error}"[:200]) from error
        finally:
            self._recalling.release()
        return answer({"said": said})


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.answer()


async def _not_here(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error": error.detail}, error.status_code, dict(error.headers or {}))


def _version() -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version("dreamwall")
    return "0"
