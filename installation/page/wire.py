"""What goes over the wire: strict JSON out, small bodies in, and the headers that every answer carries."""

import asyncio
import json
import math
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'self'; "
    "script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
JSON_MOST = 64 * 1024  # bytes of a JSON body
PICTURE_MOST = 32 * 1024 * 1024  # bytes of a snapshot: a PNG of a 4K wall is 10 to 20 MB
JSON_SECONDS, PICTURE_SECONDS = 10.0, 60.0  # in which a body must be here
ECHOED = 60  # letters of what was sent that an answer repeats


class Refusal(Exception):  # noqa: N818
    """Ends a request with a status and one line."""

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}

    def answer(self) -> Response:
        """What is sent."""
        return answer({"error": self.line}, self.status, self.headers)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``body`` as JSON that every reader takes: no NaN, only ASCII."""
    return Response(json.dumps(plain(body)), status, media_type="application/json", headers=headers)


def plain(value: Any) -> Any:
    """``value`` in JSON's own types: a figure that is not finite is null, what JSON has no type for is its text."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # one of numpy's scalars
        value = value.item()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | str | int) else str(value)


async def json_of(request: Request) -> Any:
    """The JSON in a request.  Raises Refusal: 400, 408, 413, 415."""
    _expect(request, ("application/json",))
    body = await body_of(request, JSON_MOST, JSON_SECONDS)

    def no_number(name: str) -> float:
        raise ValueError(f"{name} is no number in JSON")

    try:
        return json.loads(body.decode("utf-8"), parse_constant=no_number)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of 5,000 digits, brackets in brackets
        raise Refusal(400, f"this is not JSON: {_short(str(error))}") from error


async def png_of(request: Request) -> bytes:
    """The PNG in a request.  Raises Refusal: 408, 413, 415, 422."""
    _expect(request, ("image/png", "application/octet-stream"))
    body = await body_of(request, PICTURE_MOST, PICTURE_SECONDS)
    if not body.startswith(b"\x89PNG\r\n\x1a\n"):
        raise Refusal(422, "this is not a PNG; a snapshot that Dreamwall has kept is one")
    return body


async def body_of(request: Request, most: int, seconds: float) -> bytes:
    """A request's body of at most ``most`` bytes, here within ``seconds``.  Raises Refusal: 400, 408, 413."""
    too_large = Refusal(413, f"at most {most // 1024} KiB can be sent here", {"connection": "close"})
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and (len(told) > 15 or int(told) > most):
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError as error:
        late = f"the rest did not come within {seconds:g} seconds"
        raise Refusal(408, late, {"connection": "close"}) from error
    except ClientDisconnect as error:
        raise Refusal(400, "the connection ended in the middle") from error
    return bytes(body)


def _expect(request: Request, kinds: tuple[str, ...]) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise Refusal(415, f"send {' or '.join(kinds)}, not {_short(kind) or 'nothing'}")


def _short(text: str) -> str:
    return text if len(text) <= ECHOED else text[: ECHOED - 1] + "…"
