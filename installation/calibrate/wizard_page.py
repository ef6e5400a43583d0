"""The wizard's page: what it is at, its picture, its buttons, for a telephone in the room.

Server, gate, token, limits and headers are those of the operator's page (`installation.page`).
"""

import asyncio
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibration.lens import Board
from installation.calibrate.wizard import NotNow, View, Wizard, summary
from installation.calibrate.wizard_pictures import Seen
from installation.clock import Clock
from installation.page.connections import is_loopback
from installation.page.page import Page
from installation.page.wire import Refusal, answer, json_of
from installation.settings import Settings

STATIC = {
    "/": ("installation.calibrate", "wizard.html", "text/html"),
    "/wizard.css": ("installation.calibrate", "wizard.css", "text/css"),
    "/wizard.js": ("installation.calibrate", "wizard.js", "text/javascript"),
    "/page.css": ("installation.page", "page.css", "text/css"),  # the operator's page looks alike
}
PICTURES = {"/picture.jpg": "picture", "/eye.jpg": "eye"}


class WizardPage(Page):
    """The page, from its opening to its end.  ``wizard``: asked and pressed; ``seen``: the pictures.

    Entering raises SinkError when it cannot answer there.
    """

    def __init__(self, wizard: Wizard, seen: Seen, settings: Settings, clock: Clock) -> None:
        super().__init__(
            settings.port, host=settings.page_host, token=settings.page_token, clock=clock, is_screen=False
        )
        self._wizard, self._seen = wizard, seen
        self.is_local = is_loopback(settings.page_host)

    @property
    def address(self) -> str:
        """Where it is, without the token."""
        return self._place

    def _app(self) -> Starlette:
        reads = {
            "/state.json": self._state,
            "/board.png": self._board,
            "/healthz": self._health,
            **dict.fromkeys(PICTURES, self._picture),
            **dict.fromkeys(STATIC, self._static),
        }
        routes = [Route(path, answers, methods=["GET"]) for path, answers in reads.items()]
        routes.append(Route("/do", self._do, methods=["POST"]))
        return Starlette(routes=routes, exception_handlers={HTTPException: _not_here, Refusal: _refused})

    async def _static(self, request: Request) -> Response:
        package, name, media = STATIC[request.url.path]
        return Response((files(package) / "static" / name).read_text(encoding="utf-8"), media_type=media)

    async def _health(self, _request: Request) -> Response:
        return answer({"ok": True})

    async def _state(self, _request: Request) -> Response:
        return answer({**told(self._wizard.view()), "pictures": self._seen.numbers()})

    async def _picture(self, request: Request) -> Response:
        jpeg = await asyncio.to_thread(self._seen.jpeg, PICTURES[request.url.path])
        if jpeg is None:
            raise Refusal(404, "there is nothing to be seen now")
        return Response(jpeg, media_type="image/jpeg")

    async def _board(self, _request: Request) -> Response:
        return Response(await asyncio.to_thread(_png), media_type="image/png")

    async def _do(self, request: Request) -> Response:
        asked = await json_of(request)
        if not isinstance(asked, dict) or not set(asked) <= {"button", "stage"}:
            raise Refusal(400, 'send {"button": NAME, "stage": NAME}')
        button, stage = asked.get("button"), asked.get("stage")
        if not isinstance(button, str) or not isinstance(stage, str | None) or len(button) + len(stage or "") > 60:
            raise Refusal(400, "button and stage are short names")
        try:
            self._wizard.press(button, stage)
        except LookupError as error:
            raise Refusal(404, str(error.args[0])) from error
        except NotNow as error:
            raise Refusal(409, str(error)) from error
        return answer(told(self._wizard.view()), 202)


@cache
def _png() -> bytes:
    return Board().png()


def told(view: View) -> dict[str, Any]:
    """All that the page shows, as JSON has it."""
    return {
        "phase": view.phase,
        "stage": None if view.row is None else view.row.stage.name,
        "sentence": view.sentence,
        "done": view.done,
        "stages": [
            {
                "name": row.stage.name,
                "title": row.stage.title,
                "purpose": row.stage.purpose,
                "prepare": row.stage.prepare,
                "optional": row.stage.optional,
                "state": row.state,
                "lines": row.lines,
                "trouble": row.trouble,
                "buttons": row.buttons,
            }
            for row in view.rows
        ],
        "summary": summary(view),
    }


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.answer()


async def _not_here(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error": error.detail}, error.status_code, dict(error.headers or {}))
