"""The page against its own description: schemathesis makes requests from /openapi.json and looks at every answer."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema as Schema

from fakes import a_desk
from installation.desk import Desk
from installation.knobs import Look
from installation.page import Page
from installation.page.limits import Limit, Limits
from installation.veil import Veil
from invented import noise_frame

pytestmark = pytest.mark.beside

OPEN = Limits(requests=Limit(1e6, 1e6), guesses=Limit(1e6, 1e6))
ENDLESS = "/picture.mjpeg"  # has tests of its own
EXAMPLES = 200 if os.environ.get("DREAMWALL_SOAK") else 4  # drawn for each operation, beside the edges of its schema
TOKEN = "the token of the test"


@contextmanager
def a_page(desk: Desk, token: str | None) -> Iterator[Page]:
    """A page whose show goes on."""
    over = threading.Event()
    desk.on("snapshot", lambda _value: None)
    desk.on("record", lambda _value: None)

    def go() -> None:
        while not over.wait(1 / 30):
            desk.serve(time.monotonic())
            page.show(frame, Veil(), desk.board.look(time.monotonic()), [])

    frame = noise_frame(1, (64, 48))
    faults: list[str] = []
    with Page(0, desk=desk, token=token, limits=OPEN, recall_snapshot=lambda _png: "", event=faults.append) as page:
        page.show(frame, Veil(), Look(), [])
        thread = threading.Thread(target=go)
        thread.start()
        try:
            yield page
        finally:
            over.set()
            thread.join()
    assert faults == []


def described(page: Page, token: str | None) -> Schema:
    """What the page says of itself, to be asked as its own script or a program with the token would."""
    headers = {"Origin": f"http://127.0.0.1:{page.port}"} if token is None else {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(page.url + "openapi.json", headers=headers)
    schema.config.headers = headers
    schema.config.generation.update(max_examples=EXAMPLES)
    schema.config.phases.stateful.enabled = False  # no answer leads to another request
    return schema


@pytest.mark.parametrize(
    ("token", "kiosk", "paths"),
    [
        (TOKEN, False, "everything"),
        (None, False, ["/", "/state.json", "/snapshot"]),
        (None, True, ["/controls.json", "/do", "/snapshot", "/picture.jpg", "/picture.mjpeg"]),
    ],
    ids=["token", "open", "kiosk"],
)
def test_the_page_is_as_described(token: str | None, kiosk: bool, paths: str | list[str]) -> None:
    """No request, fitting or not, fails the page; answers, types and statuses are those of its description."""
    wrong, seen = [], Counter[int]()
    with a_page(a_desk(kiosk=kiosk), token) as page:
        schema = described(page, token)
        schema = schema.exclude(path=ENDLESS) if paths == "everything" else schema.include(path=paths)
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                wrong.append(str(event))
            if not isinstance(event, events.ScenarioFinished):
                continue
            seen.update(i.response.status_code for i in event.recorder.interactions.values() if i.response)
            for name, checks in event.recorder.checks.items():
                bad = [f"{check.name}: {check.failure_info.failure}" for check in checks if check.failure_info]
                wrong += [f"{event.recorder.cases[name].value.as_curl_command()}\n{line}" for line in bad]
    assert not wrong, "\n\n".join(wrong[:5])
    assert seen[200] > 0 and seen[405] > 0 and (seen[401] > 0) is (token is not None) and (seen[403] > 0) is kiosk
    if kiosk or token is not None:
        assert seen[202] > 20 and seen[422] > 20 and seen[415] > 0, seen
