"""The gate: who comes in.  Every request passes here, before anything else looks at it.

In this order: how often the address asks; by which name it asked for us, since a page on the web can make its own name
point to this machine and read the camera with it (DNS rebinding), but cannot carry our name in Host; from which page
it came (Origin); whether it has the token, where one is asked for.  What changes something must come from our own page,
or bring the token itself: a cookie alone is sent by the browser whoever asks.
"""

import asyncio
import base64
import hashlib
import hmac
import html
import logging
import math
from collections.abc import Callable
from importlib.resources import files
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from installation.clock import Clock
from installation.page.limits import Buckets, Guesses, Limits, key_of
from installation.page.wire import HEADERS, Refusal, answer, body_of

log = logging.getLogger("dreamwall")

READING = {"GET", "HEAD", "OPTIONS", "TRACE"}  # methods that change nothing
REMEMBERED = 30 * 86400  # seconds a browser keeps the cookie
# Seconds that "too often" is held back: saying it at once costs as much as an answer.  A flood over sixty connections
# took 0.87 cores without this and the limit on one address's connections, 0.28 with both.
LATE = 0.25
FORM_MOST = 4096  # bytes of the login form
NEEDED, WRONG = "this page asks for its token", "that is not the token"


class Token:
    """What somebody from elsewhere must know.  Compared in constant time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._right = hashlib.sha256(text.encode()).digest()
        # The cookie is made from the token, so that it outlives the show, and does not carry it.
        self.cookie = hmac.new(text.encode(), b"dreamwall page", hashlib.sha256).hexdigest()

    def is_it(self, given: bytes) -> bool:
        return hmac.compare_digest(hashlib.sha256(given).digest(), self._right)

    def is_cookie(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self.cookie.encode())


class Gate:
    """The page behind its gate, an ASGI application.

    ``ours``: whether a name, as it stands in Host without the port, is this machine's.  ``cookie``: asked for the
    cookie's name.  ``fail``: told in one line when the page itself fails at a request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: Token | None,
        ours: Callable[[str], bool],
        clock: Clock,
        limits: Limits,
        cookie: Callable[[], str],
        fail: Callable[[str], None] = log.error,
    ) -> None:
        self._app, self._token, self._ours, self._clock = app, token, ours, clock
        self._cookie, self._fail = cookie, fail
        self._requests, self._guesses = Buckets(limits.requests), Guesses(limits.guesses)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = False

        async def dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope, receive)
        try:
            early = await self._admit(request)
            await (early or self._app)(scope, receive, dressed)
        except Refusal as refusal:
            if refusal.status == 429:
                await asyncio.sleep(LATE)
            await _told(request, refusal)(scope, receive, dressed)
        except Exception as error:  # a fault of ours is a line for the operator and not the end of the page
            self._fail(
                f"the page failed at {request.method} {request.url.path[:80]!r}: {type(error).__name__}: {error}"
            )
            if not begun:
                await answer({"error": "the page failed at this; the show goes on"}, 500)(scope, receive, dressed)

    async def _admit(self, request: Request) -> Response | None:
        """None for whoever may pass, else what is answered.  Raises Refusal."""
        key = key_of(request.client.host if request.client else "")
        _not_too_often(self._requests.take(key, self._clock.now()), "too many requests from this address")
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not self._ours(hostname(host)):
            raise Refusal(403, "this page answers to this machine's own addresses and names only")
        if origin is not None and not same_origin(origin, host):
            raise Refusal(403, "this page takes nothing from other pages")
        path = request.url.path
        if path == "/healthz":
            return None
        bearer = False
        if self._token is not None:
            if path == "/login":
                return await self._login(request, self._token, key)
            if path == "/" and request.method == "GET" and "token" in request.query_params:
                return self._enter(request, self._token, key)
            bearer = self._has_token(request, self._token, key)
        own_page = origin is not None or request.headers.get("sec-fetch-site") == "same-origin"
        if request.method not in READING and not (own_page or bearer):
            need = "the header Origin: http://" + host if self._token is None else "Authorization: Bearer TOKEN"
            raise Refusal(403, f"what changes something must come from this page, or bring {need}"[:200])
        return None

    def _has_token(self, request: Request, token: Token, key: str) -> bool:
        """Whether the token itself came with it (a cookie is less).  Raises Refusal when neither did."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            self._check(token.is_it, given.strip().encode("latin-1"), key)
            return True
        cookie = request.cookies.get(self._cookie())
        if cookie is not None:
            self._check(token.is_cookie, cookie.encode("utf-8", "replace"), key)
            return False
        raise _needs_token()

    def _check(self, right: Callable[[bytes], bool], given: bytes, key: str) -> None:
        """Raises Refusal, 401 or 429."""
        now = self._clock.now()
        _not_too_often(self._guesses.wait(key, now), "too many wrong tokens from this address")
        if not right(given):
            self._guesses.wrong(key, given, now)
            raise _needs_token(WRONG)

    def _enter(self, request: Request, token: Token, key: str) -> Response:
        """``/?token=…`` from the line that the show prints, or from a picture code on the door."""
        self._check(token.is_it, request.query_params["token"].encode("utf-8", "replace"), key)
        return self._let_in(token)

    async def _login(self, request: Request, token: Token, key: str) -> Response:
        if request.method != "POST":
            raise Refusal(405, "the form of / sends its token here", {"allow": "POST"})
        form = parse_qs((await body_of(request, FORM_MOST, 10.0)).decode("utf-8", "replace"))
        self._check(token.is_it, form.get("token", [""])[0].strip().encode("utf-8", "replace"), key)
        return self._let_in(token)

    def _let_in(self, token: Token) -> Response:
        """The cookie, and on to the page without the token in its address.

        By the page itself and not by a redirect: a browser that came from a link elsewhere would not send a strict
        cookie along.
        """
        response = HTMLResponse(
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
            '<link rel="icon" href="data:,"><title>Dreamwall</title><p><a href="/">Dreamwall</a></p></html>'
        )
        response.set_cookie(
            self._cookie(), token.cookie, max_age=REMEMBERED, path="/", httponly=True, samesite="strict"
        )
        return response


def _needs_token(line: str = NEEDED) -> Refusal:
    return Refusal(401, line, {"www-authenticate": 'Bearer realm="dreamwall"'})


def _told(request: Request, refusal: Refusal) -> Response:
    """What somebody who is turned away gets: a person at the door the form for the token, a program JSON.

    The form's style stands inside it, since no other file is given before the token; the headers name its hash.  It
    asks for the referrer on this page, because without one a browser sends a form with Origin: null.
    """
    asks = request.url.path in {"/", "/login"} and "text/html" in request.headers.get("accept", "")
    if not asks or refusal.status not in {401, 429}:
        return refusal.answer()
    text = (files("installation.page") / "static" / "login.html").read_text(encoding="utf-8")
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    said = "" if refusal.line == NEEDED else refusal.line[0].upper() + refusal.line[1:] + "."
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'"
    headers = refusal.headers | {
        "content-security-policy": f"{policy}; frame-ancestors 'none'",
        "referrer-policy": "same-origin",
    }
    return HTMLResponse(text.replace("{said}", html.escape(said)), refusal.status, headers=headers)


def _not_too_often(wait: float, line: str) -> None:
    if wait > 0:
        raise Refusal(429, line, {"retry-after": str(max(1, math.ceil(wait)))})


def hostname(host: str) -> str:
    """The name in a Host header, without the port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of ``origin`` is one that was asked for by ``host``."""
    scheme, _, place = origin.lower().partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme)
    return usual is not None and place.removesuffix(usual) == host.lower().removesuffix(usual)
