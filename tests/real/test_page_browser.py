"""The page in a real browser, turned by a real mouse and by fingers."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromium import DESKTOP, PHONE, Browser, Tab, a_browser, rgb
from fakes import a_desk
from installation.desk import Desk
from installation.errors import SettingsError
from installation.frame import Frame, Pixels
from installation.knobs import KNOBS
from installation.page import Page
from installation.programs import Program
from installation.veil import Veil
from invented import noise_frame, soft_veil

pytestmark = pytest.mark.beside

RED, BLUE = (214, 30, 40), (30, 60, 200)
SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with a_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def two_halves() -> Frame:
    """Red on the left, blue on the right."""
    pixels = np.empty((120, 160, 3), np.uint8)
    pixels[:, :80], pixels[:, 80:] = RED, BLUE
    return Frame(pixels, 1, 0.0)


@contextmanager
def playing(page: Page, desk: Desk, frame: Frame | None = None, veil: Veil | None = None) -> Iterator[None]:
    """A show that goes on beside the test, thirty refreshes a second."""
    over = threading.Event()
    frame, veil = frame or noise_frame(1, (160, 120)), veil or soft_veil(2, (160, 120))

    def go() -> None:
        while not over.wait(1 / 30):
            now = time.monotonic()
            desk.serve(now)
            look = desk.board.look(now)
            if page.is_screen:
                page.show(frame, veil, look, [])
            else:
                page.see(frame, veil, look, now)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def opened(browser: Browser, size: tuple[int, int], desk: Desk, **page_options: Any) -> Iterator[tuple[Tab, Page]]:
    """A page, its show, and a browser that has it open; in the end nothing may have gone wrong in the browser."""
    options = {"is_screen": False, **page_options}
    with Page(0, desk=desk, **options) as page, playing(page, desk), browser.tab(size) as tab:
        tab.open(page.url)
        tab.until(
            "document.querySelectorAll('.knob').length > 0 && document.querySelector('#state').className === 'well'"
        )
        yield tab, page
        assert tab.errors == []


def soon(true: Any, seconds: float = 5.0) -> None:
    """Wait until ``true()`` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def like(picture: Pixels, colour: tuple[int, int, int]) -> np.ndarray:
    """Where the picture has a colour, give or take what JPEG does to it."""
    return np.asarray((np.abs(picture.astype(int) - colour) < 24).all(axis=2))


@pytest.mark.parametrize(("size", "share"), [((1280, 900), 0.5), (PHONE, 0.3)], ids=["desktop", "phone"])
def test_a_browser_shows_the_wall(size: tuple[int, int], share: float, browser: Browser) -> None:
    """A page that only shows: the live picture at once, upright and whole, as wide as it goes, its colours right."""
    vitals = {"camera_fps": 30.0, "source": "invented", "engine": "none"}
    with (
        Page(0, vitals=lambda: vitals) as page,
        playing(page, a_desk(), two_halves(), Veil()),
        browser.tab(size) as tab,
    ):
        tab.open(page.url)
        tab.until("document.querySelectorAll('dt').length > 1 && document.querySelector('#picture').naturalWidth > 0")
        time.sleep(0.5)
        shown = tab.picture()
        assert tab.errors == []
    assert shown.shape[:2] == (size[1], size[0])
    red, blue = like(shown, RED), like(shown, BLUE)
    assert red.mean() + blue.mean() > share
    assert abs(red.mean() - blue.mean()) < 0.02
    rows, columns = np.where(red | blue)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert width / height == pytest.approx(160 / 120, rel=0.03)
    assert np.where(red)[1].max() < np.where(blue)[1].min() + 3
    below = shown[rows.max() + 20 :, :, :]
    assert (below > 190).all(axis=2).sum() > 60  # figures in light letters, on dark
    assert np.median(below) < 60


@SIZES
def test_a_knob_is_turned_by_hand(size: tuple[int, int], browser: Browser) -> None:
    """A finger or a mouse drags the large knob: the desk's board follows, and the next picture is another."""
    desk = a_desk(intensity=0.2)
    with opened(browser, size, desk) as (tab, page):
        before, jpeg = page.picture(), urllib.request.urlopen(page.url + "picture.jpg").read()
        assert tab.value("document.querySelector('.knob').dataset.knob") == "intensity"
        tab.drag("#knob-intensity", 0.1, 0.75, touch=size == PHONE)
        soon(lambda: desk.board.standing("intensity") == pytest.approx(1.5, abs=0.1))
        soon(lambda: desk.board.last.intensity == pytest.approx(1.5, abs=0.1))
        assert np.abs(page.picture().astype(int) - before).mean() > 2
        after = rgb(urllib.request.urlopen(page.url + "picture.jpg").read())
        assert np.abs(after.astype(int) - rgb(jpeg)).mean() > 2
        stands = f"{desk.board.standing('intensity'):.2f}"
        tab.until(f"document.querySelector('[data-knob=intensity] .reading').textContent === '{stands}'")
        tab.click("[data-knob=intensity] .reading", touch=size == PHONE)  # back to where it began
        soon(lambda: desk.board.standing("intensity") == 0.2)


@SIZES
def test_a_knob_follows_other_hands_but_not_under_a_finger(size: tuple[int, int], browser: Browser) -> None:
    """Turned elsewhere, the knob on the page goes along; while a finger is on it, it stays with the finger."""
    desk, touch = a_desk(), size == PHONE
    shown = "Number(document.querySelector('#knob-layer').value)"
    with opened(browser, size, desk) as (tab, _page):
        desk.post("layer", 0.1)
        tab.until(f"Math.abs({shown} - 0.1) < 0.01")
        seen = []

        def another_hand() -> None:
            desk.post("layer", 0.9)
            time.sleep(0.8)
            seen.append(tab.value(shown))

        tab.drag("#knob-layer", 0.1, 0.5, touch=touch, hold=another_hand)
        assert seen[0] == pytest.approx(0.5, abs=0.06)
        tab.until(f"Math.abs({shown} - {desk.board.standing('layer')}) < 0.01")
        desk.post("layer", 0.3)
        tab.until(f"Math.abs({shown} - 0.3) < 0.01")


def test_the_keyboard_turns_knobs_too(browser: Browser) -> None:
    """Whoever works without a mouse: Tab reaches a knob, arrows turn it by a hundredth of its range."""
    desk = a_desk()
    with opened(browser, DESKTOP, desk) as (tab, _page):
        for _ in range(40):
            if tab.value("document.activeElement.id") == "knob-linger":
                break
            tab.key("Tab", 9)
        for _ in range(3):
            tab.key("ArrowRight", 39)
        soon(lambda: desk.board.standing("linger") == pytest.approx(2.5 + 3 * 0.299, abs=0.01))


@SIZES
def test_switches_programs_and_layers(size: tuple[int, int], browser: Browser) -> None:
    """Blackout darkens, lights its button and lets go; a program comes on and is lit; a layer's stop is reached."""
    desk, touch = a_desk(), size == PHONE
    with opened(browser, size, desk) as (tab, page):
        tab.click("[data-action=blackout]", touch=touch)
        soon(lambda: page.picture().max() == 0)
        tab.until("document.querySelector('[data-action=blackout]').getAttribute('aria-pressed') === 'true'")
        desk.post("blackout", 0)  # by another hand
        tab.until("document.querySelector('[data-action=blackout]').getAttribute('aria-pressed') === 'false'")
        tab.click("#places button:nth-child(2)", touch=touch)
        tab.until("document.querySelector('#places button:nth-child(2)').getAttribute('aria-current') === 'true'")
        assert desk.program == 2
        tab.click("[data-knob=layer] .stops button:last-child", touch=touch)
        soon(lambda: desk.board.standing("layer") == 1.0)
        tab.click("[data-action=panic]", touch=touch)
        soon(lambda: desk.board.standing("layer") == KNOBS["layer"].default)


@SIZES
def test_storing_asks_first(size: tuple[int, int], browser: Browser) -> None:
    """By a long press or in the edit mode: a look is stored after a yes, and nothing is stored after a no."""
    desk, touch = a_desk(), size == PHONE
    with opened(browser, size, desk) as (tab, _page):
        desk.post("zoom", 0.33)
        soon(lambda: desk.board.standing("zoom") == 0.33)
        tab.click("#places button:nth-child(3)", touch=touch, hold=0.9)
        tab.until("document.querySelector('#ask').open")
        tab.click("#ask button[value=no]", touch=touch)
        tab.until("!document.querySelector('#ask').open")
        assert desk.program is None and desk.programs.get(3).knobs["zoom"] == 0.1
        tab.click("[data-edit]", touch=touch)
        tab.click("#places button:nth-child(4)", touch=touch)  # a new one
        tab.until("document.querySelector('#ask').open")
        tab.click("#ask-yes", touch=touch)
        soon(lambda: len(desk.programs) == 4)
        assert desk.programs.get(4).knobs["zoom"] == 0.33
        tab.until("document.querySelectorAll('#places button:not([hidden])').length === 4")
        tab.until("document.querySelector('#places button:nth-child(4)').textContent.includes('Stored 4')")


def test_the_picture_only_when_it_is_asked_for(browser: Browser) -> None:
    """Where the wall is on another screen, no picture is made until a person presses; then until he closes it."""
    desk = a_desk()
    with opened(browser, PHONE, desk) as (tab, page):
        time.sleep(1.0)
        assert page.watchers == 0
        tab.click("#watch", touch=True)
        soon(lambda: page.watchers == 1)
        tab.until("document.querySelector('#picture').naturalWidth === 160")
        tab.click("#watch", touch=True)
        soon(lambda: page.watchers == 0)


def test_a_kiosk_shows_no_picture_and_keeps_nothing(browser: Browser) -> None:
    """In kiosk mode the page has knobs and programs, but no picture, no store, no snapshot, no recording."""
    desk = a_desk(kiosk=True)
    with opened(browser, PHONE, desk, is_screen=True) as (tab, page):
        assert tab.value("document.querySelector('#wall').hidden")
        assert not tab.value(
            "Boolean(document.querySelector('[data-edit],[data-action=snapshot],[data-action=record]'))"
        )
        tab.click("#places button:nth-child(2)", touch=True, hold=0.9)  # a long press only recalls
        soon(lambda: desk.program == 2)
        assert not tab.value("document.querySelector('#ask').open")
        assert page.watchers == 0
        assert tab.value("fetch('/picture.jpg').then(reply => reply.status)") == 403
        tab.errors.clear()  # the browser notes the 403 that was asked for


@SIZES
def test_it_fits_a_hand(size: tuple[int, int], browser: Browser) -> None:
    """Nothing sticks out sideways, every control has a name, on a telephone each is 44 pixels high to the finger."""
    names = [Program(name) for name in ("Feathers", "W" * 60, "A long name of many words that wraps", "ü")]
    with opened(browser, size, a_desk(*names), recall_snapshot=lambda _png: "") as (tab, _page):
        assert tab.value("document.documentElement.scrollWidth") <= size[0]
        small = tab.value(
            "[...document.querySelectorAll('button, input[type=range], .button')].filter(e => e.checkVisibility())"
            ".filter(e => e.getBoundingClientRect().height < 44).map(e => e.className || e.id)"
        )
        assert size != PHONE or small == []
        unnamed = tab.value(
            "[...document.querySelectorAll('button, input')].filter(e => !(e.textContent.trim() || e.ariaLabel"
            " || e.labels?.length)).map(e => e.outerHTML)"
        )
        assert unnamed == []
        assert tab.value("document.querySelectorAll('.knob').length") == len(KNOBS)


def test_a_snapshot_is_recalled(browser: Browser, tmp_path: Path) -> None:
    """A snapshot chosen from a telephone, or dropped on the page, is read, and the page says what came of it."""
    taken = []

    def recall(png: bytes) -> str:
        taken.append(png)
        if png.endswith(b"bad"):
            raise SettingsError("there are no settings in it")
        return "the look of dreamwall-1.png"

    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(b"\x89PNG\r\n\x1a\n good")
    bad.write_bytes(b"\x89PNG\r\n\x1a\n bad")
    with opened(browser, DESKTOP, a_desk(), recall_snapshot=recall) as (tab, _page):
        root = tab.tell("DOM.getDocument")["root"]["nodeId"]
        field = tab.tell("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        tab.tell("DOM.setFileInputFiles", nodeId=field, files=[str(good)])
        tab.until("document.querySelector('#said').textContent === 'the look of dreamwall-1.png'")
        dragged = {"items": [], "files": [str(bad)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            tab.tell("Input.dispatchDragEvent", type=kind, x=300, y=300, data=dragged)
        tab.until("document.querySelector('#said').textContent === 'there are no settings in it'")
        assert taken == [good.read_bytes(), bad.read_bytes()]
        tab.errors.clear()  # the browser notes the 422


def test_the_token_opens_the_page(browser: Browser) -> None:
    """From elsewhere: the printed address lets a browser in and leaves no token behind; without it there is a form."""
    desk = a_desk()
    with Page(0, host="0.0.0.0", desk=desk, is_screen=False) as page, playing(page, desk):
        place, _, token = page.url.partition("?token=")
        with browser.tab() as tab:
            tab.open(page.url)
            tab.until("document.querySelectorAll('.knob').length > 0")
            assert tab.value("location.href") == place
            assert "token" not in tab.value("document.cookie")  # no script can read it
            tab.drag("#knob-intensity", 0.5, 0.9)
            soon(lambda: desk.board.standing("intensity") == pytest.approx(1.8, abs=0.1))
            assert tab.errors == []
        with browser.tab(PHONE) as tab:
            tab.open(place)
            tab.until("document.querySelectorAll('#token').length")
            assert tab.value("document.querySelectorAll('script').length") == 0
            assert tab.value("getComputedStyle(document.body).display") == "grid"  # its style passes its own policy
            for text in ("wrong", token):
                tab.click("#token", touch=True)
                tab.type(text)
                tab.click("form button", touch=True)
                if text == "wrong":
                    tab.until("document.querySelector('.said')?.textContent === 'That is not the token.'")
            tab.until("document.querySelectorAll('.knob').length > 0")
            assert tab.value("location.href") == place


def test_a_show_that_is_gone_comes_back(browser: Browser) -> None:
    """When the show ends the page says so, and goes on by itself when it is there again."""
    desk = a_desk()
    with browser.tab() as tab:
        with Page(0, desk=desk) as page, playing(page, desk):
            port = page.port
            tab.open(page.url)
            tab.until("document.querySelector('#picture').naturalWidth > 0")
        tab.until("document.querySelector('#state').textContent === 'the show does not answer'")
        with Page(port, desk=desk) as page, playing(page, desk):
            assert page.port == port
            tab.until("document.querySelector('#state').className === 'well'")
            soon(lambda: page.watchers == 1)
