"""A real browser for tests: headless Chromium over the pipe of its DevTools, with real mouse and touch events."""

import base64
import itertools
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from installation.frame import Pixels
from needs import needs_tool

QUIET = ["quic", "background-networking", "component-update", "sync", "gpu", "dev-shm-usage", "extensions"]
PHONE, DESKTOP = (390, 844), (1440, 900)


def rgb(packed: bytes) -> Pixels:
    """A JPEG's or a PNG's picture, (H, W, 3) uint8 RGB."""
    picture = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


class Moved(AssertionError):
    """The page went on to another while it was asked."""


class Tab:
    """One page of the browser.  ``errors``: whatever its scripts threw or its console complained of."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session
        self.errors = browser.errors

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.tell(method, self._session, **params)

    def open(self, url: str) -> None:
        self.tell("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, script: str) -> Any:
        """What an expression is on the page."""
        answer = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 15.0) -> Any:
        """Wait for an expression to be true; its value."""
        end, found = time.monotonic() + seconds, None
        while not found:
            with suppress(Moved):
                found = self.value(script)
            assert found or time.monotonic() < end, f"{script} did not come true; {self.errors}"
            time.sleep(0 if found else 0.05)
        return found

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height in the window of the first element, which is brought into view."""
        name = json.dumps(selector)
        self.value(f"document.querySelector({name}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        # Until it was drawn there, a finger would still meet what was drawn before.
        self.value("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => true)")
        left, top, width, height = self.value(
            f"(r => [r.left, r.top, r.width, r.height])(document.querySelector({name}).getBoundingClientRect())"
        )
        return left, top, width, height

    def drag(
        self, selector: str, begin: float, end: float, *, touch: bool = False, hold: Callable[[], None] = int
    ) -> None:
        """Press at a share of an element's width, move to another in twelve steps, ``hold``, let go."""
        left, top, width, height = self.box(selector)
        y = top + height / 2
        places = [left + width * share for share in np.linspace(begin, end, 12)]
        self._point("down", places[0], y, touch)
        for x in places[1:]:
            self._point("move", x, y, touch)
            time.sleep(0.03)
        hold()
        self._point("up", places[-1], y, touch)
        if touch:
            time.sleep(0.5)  # a browser takes a tap right after a swipe for the hand that stops it

    def click(self, selector: str, *, touch: bool = False, hold: float = 0.0) -> None:
        left, top, width, height = self.box(selector)
        x, y = left + width / 2, top + height / 2
        self._point("down", x, y, touch)
        time.sleep(hold)
        self._point("up", x, y, touch)

    def key(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            self.tell("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def type(self, text: str) -> None:
        self.tell("Input.insertText", text=text)

    def picture(self) -> Pixels:
        """What the window shows, (H, W, 3) uint8 RGB."""
        png = base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"])
        return np.asarray(
            cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8
        )

    def _point(self, what: str, x: float, y: float, touch: bool) -> None:
        if touch:
            kind = {"down": "touchStart", "move": "touchMove", "up": "touchEnd"}[what]
            self.tell("Input.dispatchTouchEvent", type=kind, touchPoints=[] if what == "up" else [{"x": x, "y": y}])
            return
        kind = {"down": "mousePressed", "move": "mouseMoved", "up": "mouseReleased"}[what]
        self.tell(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=int(what != "up"), clickCount=1
        )


class Browser:
    """The process and its pipe; messages are JSON with a zero byte behind."""

    def __init__(self, folder: Path) -> None:
        self.errors: list[str] = []
        self._numbers = itertools.count(1)
        self._held = b""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        flags = [f"--disable-{name}" for name in QUIET]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec chromium "$@" 3<&{theirs_in} 4>&{theirs_out}', "chromium", "--headless",
             "--no-sandbox", "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={folder}", *flags, "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)

    def tell(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == number:
                if "error" in answer:
                    raise (Moved if answer["error"]["code"] == -32000 else AssertionError)(f"{method}: {answer}")
                return answer["result"]
            self._note(answer)
        raise AssertionError("the browser has gone")

    @contextmanager
    def tab(self, size: tuple[int, int] = DESKTOP) -> Iterator[Tab]:
        """An empty page with no cookies in a window of ``size``; one no wider than a telephone has touch."""
        context = self.tell("Target.createBrowserContext")["browserContextId"]
        self.errors.clear()
        try:
            target = self.tell("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
            session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            tab = Tab(self, session)
            for domain in ("Page", "Runtime", "Log"):
                tab.tell(f"{domain}.enable")
            phone = size[0] < 600
            screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": phone}
            tab.tell("Emulation.setDeviceMetricsOverride", **screen)
            if phone:
                tab.tell("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
            yield tab
        finally:
            self.tell("Target.disposeBrowserContext", browserContextId=context)

    def close(self) -> None:
        try:
            self.tell("Browser.close")
            self._process.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(10)
        os.close(self._in)
        os.close(self._out)

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" in self._held:
                text, _, self._held = self._held.partition(b"\0")
                yield json.loads(text)
            ready, _, _ = select.select([self._in], [], [], 30.0)
            assert ready, "the browser does not answer"
            more = os.read(self._in, 1 << 20)
            if not more:
                return
            self._held += more

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@contextmanager
def a_browser(folder: Path) -> Iterator[Browser]:
    """A browser for several tests; skips where none is installed."""
    needs_tool("chromium", "bash")
    browser = Browser(folder / "profile")
    try:
        yield browser
    finally:
        browser.close()
