"""Page: the wall and its desk in a browser, for a machine without a display and for the operator's telephone.

It answers on the loopback unless it is told another address; from elsewhere, `ssh -L 8750:127.0.0.1:8750 machine` and
the same address.  Nothing leaves the machine by itself, nothing is stored.  The show hands over a refresh and goes on:
what is turned here waits at the desk for the next refresh, and pictures are made in the server's threads.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette

from calibration.guard_rules import Tier
from installation.clock import Clock, WallClock
from installation.compose import AS_IT_COMES, Composer, Placing
from installation.desk import Desk
from installation.errors import SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.page.answers import Answers
from installation.page.connections import Connection, Names, is_loopback, listen, reached_at
from installation.page.gate import Gate, Token
from installation.page.limits import Limits
from installation.page.picture import PREVIEW, Packer, Refresh, Watchers
from installation.page.sensors import Temperatures
from installation.veil import Veil

log = logging.getLogger("dreamwall")

PORT = 8750


class Page:
    """The operator's page, and a screen in the browser.

    ``host``, ``port``: where it answers; when the port is taken, the next free of twenty.  ``token``: what everybody
    must know; on another address than the loopback one is made where none is given, and stands in ``url``.
    ``desk``: what is turned here; without one the page only shows.  ``vitals``: what the figures are made of.
    ``is_screen``: the show shows its refreshes here (`show`); otherwise it has another screen and lets the page see
    them (`see`), and the picture is shown only when it is asked for.  ``picture_allowed``: in kiosk mode too.
    ``size``: (width, height) of the picture, by default the camera's, and smaller where this is not the screen.
    ``recall_snapshot``: brings back the look of a PNG, returns a line, raises DreamwallError; called in a thread.
    ``extra_lines``: more lines for the figures, label and value with a tab between.  ``event``: told in one line when
    the page itself fails at something.
    Entering raises SinkError when it cannot answer there; leaving takes at most two seconds.
    """

    name = "page"
    closed = False

    def __init__(
        self,
        port: int = PORT,
        *,
        host: str = "127.0.0.1",
        token: str | None = None,
        desk: Desk | None = None,
        placing: Placing = AS_IT_COMES,
        size: tuple[int, int] | None = None,
        vitals: Callable[[], dict[str, Any]] = dict,
        clock: Clock | None = None,
        is_screen: bool = True,
        guard: Tier = "strict",
        picture_allowed: bool = False,
        recall_snapshot: Callable[[bytes], str] | None = None,
        extra_lines: Callable[[], Sequence[str]] = tuple,
        event: Callable[[str], None] = log.error,
        limits: Limits | None = None,
    ) -> None:
        self.placing, self.is_screen = placing, is_screen
        self._wanted, self._host = port, host
        self._clock = clock or WallClock()
        self._made_token = token is None and not is_loopback(host)
        self._token = Token(secrets.token_urlsafe(18)) if self._made_token else Token(token) if token else None
        self._newest: Refresh | None = None
        self._packer = Packer(size, None if is_screen else PREVIEW, guard)
        self._watchers = Watchers()
        self._answers = Answers(
            desk=desk,
            clock=self._clock,
            newest=lambda: self._newest,
            jpeg=lambda refresh: self._packer.jpeg(refresh, self.placing),
            watchers=self._watchers,
            status=lambda: self.status,
            cookie=lambda: self._cookie if self._token is not None else None,
            vitals=vitals,
            more=extra_lines,
            recall_snapshot=recall_snapshot,
            at_once=is_screen,
            picture_allowed=picture_allowed,
            temperatures=Temperatures(self._clock.now),
        )
        self._limits, self._event = limits or Limits(), event
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    # -- its life ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._server is not None:
            return self
        listener = listen(self._host, self._wanted)
        self.port = int(listener.getsockname()[1])
        config = uvicorn.Config(
            self._gate(),
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # a line for each stranger's broken request would fill the journal
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whoever asks could say another address than his
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
        self._watchers.leave()
        if server is not None and thread is not None:
            server.should_exit = True
            thread.join(2.0)

    @property
    def url(self) -> str:
        """Where to look, from here or from elsewhere; with the token where it was made for this show."""
        made = f"?token={self._token.text}" if self._made_token and self._token is not None else ""
        return f"{self._place}{made}"

    @property
    def status(self) -> str:
        """Where to look, in words; never with the token."""
        if self._server is None:
            return "page, not open"
        taken = "" if self.port == self._wanted or not self._wanted else f" ({self._wanted} is taken)"
        return f"page at {self._place}{taken}"

    @property
    def _place(self) -> str:
        return f"http://{reached_at(self._host)}:{self.port}/"

    @property
    def guard(self) -> str:
        """What the flash guard does to the picture on the page, in one line."""
        return self._packer.guard

    @property
    def watchers(self) -> int:
        """How many watch the live picture."""
        return len(self._watchers)

    # -- for the show ------------------------------------------------------------------------------------------------

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        """Hand over one refresh; costs microseconds and never waits."""
        number = self._newest.number + 1 if self._newest is not None else 1
        self._newest = Refresh(frame, veil, look, tuple(hud), number, self._clock.now())

    def see(self, frame: Frame, veil: Veil, look: Look, now: float) -> None:  # noqa: ARG002
        """A witness of the show: a refresh was shown on another screen.  Nothing is made of it until somebody looks."""
        self.show(frame, veil, look, [])

    def picture(self) -> Pixels:
        """What a watcher would see now, (H, W, 3) uint8 RGB.  SinkError before the first refresh."""
        newest = self._newest
        if newest is None:
            raise SinkError("the page has nothing to show yet")
        size = self._packer.size(newest, self.placing)
        return Composer()(newest.frame, newest.veil, newest.look, size, self.placing)

    # ----------------------------------------------------------------------------------------------------------------

    def _gate(self) -> Gate:
        return Gate(
            self._app(),
            token=self._token,
            ours=Names(self._host),
            clock=self._clock,
            limits=self._limits,
            cookie=lambda: self._cookie,
            fail=self._event,
        )

    def _app(self) -> Starlette:
        return self._answers.app()

    @property
    def _cookie(self) -> str:
        """Cookies belong to a host whatever the port, and two walls may run on one machine."""
        return f"dreamwall-{self.port}"
