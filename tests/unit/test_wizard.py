"""``dreamwall calibrate wizard``: its state, all stages against a simulated wall, and its page over real HTTP."""

import http.client
import json
from argparse import Namespace
from contextlib import ExitStack, contextmanager, nullcontext

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration import shelf
from calibration.lens import Board
from calibration.profile import Profile
from installation.__main__ import main
from installation.calibrate import commands, lens, room
from installation.calibrate.commands import DO, Tools
from installation.calibrate.lock import Lock
from installation.calibrate.seam import CalibrationError, Stopped
from installation.calibrate.wizard import BUTTONS, STAGES, NotNow, Wizard, stages_of, summary
from installation.calibrate.wizard_board import Place, board
from installation.calibrate.wizard_page import WizardPage
from installation.calibrate.wizard_pictures import DARK, PACE, Seen, explained
from installation.calibrate.wizard_run import Guide, Warp, guided
from installation.clock import HandClock, WallClock
from installation.errors import SinkError, SourceError
from installation.frame import Frame
from installation.settings import Settings
from simulated_wall import SimulatedWall

NAMES = [stage.name for stage in STAGES]
OPTIONS = Namespace(camera_gamma=None, rear=False, leave=2.0)
SIZE, FOCAL = (480, 360), 430.0
POSES = (
    (0, 0, 330, 0, 0, 0), (-70, 40, 360, 30, 5, 5), (70, 40, 360, -30, 0, 0), (-60, -40, 380, 5, 30, -5),
    (60, -40, 380, 0, -30, 10), (0, 30, 420, 35, 10, 90), (20, -20, 340, -25, 25, 0), (-30, 10, 400, 25, -25, 20),
    (-110, 0, 400, 20, 0, 0), (110, 0, 400, -20, 0, 0),
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A person's own folder, empty."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path / "own"))
    return tmp_path / "own"


def kept(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def the_board(across, up, far, side, tilt, roll):
    """The printed board before a camera without distortion."""
    page, scale = Board().picture(dpi=100), 100 / 25.4
    turn = cv2.Rodrigues(np.deg2rad([0, side, 0.0]))[0] @ cv2.Rodrigues(np.deg2rad([tilt, 0, 0.0]))[0]
    turn = turn @ cv2.Rodrigues(np.deg2rad([0, 0, float(roll)]))[0]
    camera = np.array([[FOCAL, 0, SIZE[0] / 2], [0, FOCAL, SIZE[1] / 2], [0, 0, 1]])
    middle = np.array(
        [[1 / scale, 0, -page.shape[1] / 2 / scale], [0, 1 / scale, -page.shape[0] / 2 / scale], [0, 0, 1]]
    )
    matrix = camera @ np.column_stack([turn[:, 0], turn[:, 1], (across, -up, far)]) @ middle
    seen = cv2.warpPerspective(cv2.GaussianBlur(page, (0, 0), 1), matrix, SIZE, flags=cv2.INTER_AREA, borderValue=90)
    return cv2.cvtColor(seen, cv2.COLOR_GRAY2RGB)


def an_empty_room(time):
    picture = np.random.default_rng(4).integers(60, 180, (12, 16, 3)).astype(np.float32)
    picture = cv2.resize(picture, (96, 72), interpolation=cv2.INTER_CUBIC)
    trembling = np.random.default_rng(int(time * 1000)).normal(0, 2, picture.shape)
    return np.clip(picture + trembling, 0, 255).astype(np.uint8)


class Room:
    """A projector's wall, a camera and a person; time passes with each refresh.

    ``person``: called at each refresh with the view, returns a key that he presses or None.  ``shown``: what the wall
    showed, by what was at work.  ``cable``: pulled, the camera is gone.
    """

    name, size = "projector", (160, 90)

    def __init__(self, person, stages=STAGES):
        self.clock, self.wizard, self.person = HandClock(100.0), Wizard(stages), person
        self.simulated = SimulatedWall(projector=self.size, camera=(200, 150))
        self.picture, self.shown, self.said = None, [], []
        self.opened, self.cable, self.given = 0, True, -1.0
        self.seen = Seen(self.clock.now)
        self.boards = [the_board(*pose) for pose in POSES]

    def run(self):
        tools = Tools(
            self.clock,
            wall=lambda _settings, _clock: pytest.fail("a stage opened a wall of its own"),
            eye=self.eye,
            lock=lambda _name: Lock(None),
        )
        Guide(self.wizard, self, Warp(), self.seen, None, OPTIONS, Settings(), self.said.append, tools, DO).run()
        return self.wizard.view()

    def resize(self):
        pytest.fail("the display is as large as it was")

    def show(self, picture, words=()):
        view = self.wizard.view()
        at = view.rows[view.at].stage.name if view.at is not None else ""
        self.clock.sleep(0.05 if at == "latency" and view.phase == "running" else 0.1)
        self.shown.append((view.phase, at, picture))
        self.picture = picture if picture.shape[1::-1] == self.size else self.picture
        pressed = self.person(view)
        if pressed:
            self.wizard.key(pressed, self.clock.now())
        return self.clock.now()

    @contextmanager
    def eye(self, _settings, clock):
        self.opened += 1
        clock.sleep(0.02)  # as a camera that is being opened
        if not self.cable:
            raise SourceError("camera 0 cannot be opened; check its cable")
        yield Sight(self)


class Sight:
    name = "camera test"

    def __init__(self, room):
        self.room = room

    def newest(self, after=float("-inf")):
        room, now = self.room, self.room.clock.now()
        if not room.cable:
            raise SourceError("camera 0 gives no pictures for 1 s; check its cable")
        stage = room.wizard.view().row.stage.name
        if now <= max(after, room.given) or now < room.given + {"room": 0.09, "latency": 0.09, "lens": 0.19}.get(
            stage, 0
        ):
            return None
        room.given = now
        if stage == "lens":
            pixels = room.boards[int(now / 0.9) % 10]  # held still for a moment each
        elif stage == "room":
            pixels = an_empty_room(now)
        else:
            pixels = np.repeat(room.simulated.see(room.picture)[..., None], 3, axis=2)
        return Frame(pixels, 0, now)


def eager(view):
    """Begins whatever waits, looks at each card for a second, and ends it all when it is finished."""
    return "return" if view.phase != "running" or view.rows[view.at].stage.name == "card" else None


def only(name):
    return tuple(stage for stage in STAGES if stage.name == name)


def test_every_stage_to_the_end(folder):
    """Enter alone leads through all of it: what each found is kept where its command keeps it, and told at the end."""
    site = Room(eager)
    view = site.run()
    assert [row.state for row in view.rows] == ["done"] * len(STAGES), summary(view)
    profile = shelf.load(folder / "profiles", "projector", Room.size)
    assert profile.revision == 2 and profile.mirror and profile.gamma == pytest.approx(2.2, abs=0.2)
    assert lens.kept(SIZE, print) is not None and room.thresholds_kept() is not None
    told = dict(line.split(": ", 1) for line in summary(view))
    assert "looked at grid, resolution, grey on projector, 160x90" in told["Test cards"]
    assert "px off at the median" in told["Wall"] and "jitter" in told["Latency"] and "room.toml" in told["Empty room"]
    assert site.opened == 5  # anew for each stage that needs it
    assert any("Wall: stripes" in line for line in site.said)
    looking = [picture for phase, at, picture in site.shown if phase == "running" and at == "room"]
    assert len(looking) > 300 and all((picture == DARK).all() for picture in looking[2:])
    waiting = [picture for phase, _, picture in site.shown if phase != "running"]
    assert all(picture.shape == (90, 160, 3) and picture.std() > 5 for picture in waiting)


def test_skip_stop_and_the_end():
    """S skips; Esc stops a stage, which keeps nothing and can be done again; the same key, pressed twice by a hand in a
    hurry, does not end the wizard with it; a second later it does.
    """
    keys = iter(["s", "s", "s", "return", *[None] * 30, "escape", "escape", *[None] * 12, "escape"])
    site = Room(lambda _view: next(keys))
    view = site.run()
    assert next(keys, "none") == "none"
    assert [row.state for row in view.rows[:4]] == ["skipped", "skipped", "skipped", "stopped"]
    assert view.rows[3].trouble == "stopped: nothing was kept" and view.phase == "over"
    assert "Wall: stopped: nothing was kept" in summary(view) and "Empty room: not begun" in summary(view)


def test_a_camera_that_vanishes_and_comes_back(folder):
    """One line, the old profile byte for byte as it was; Again is refused while the cable is out, and works once it is
    back in, since the camera is opened anew.
    """
    shelf.save(folder / "profiles", Profile.plain("projector", Room.size))
    before, refusals = kept(folder), []

    def person(view):
        trouble = view.rows[0].trouble
        if trouble and trouble not in refusals:
            refusals.append(trouble)
            assert kept(folder) == before
        half_way = view.phase == "running" and view.done > 0.4
        site.cable = {0: not half_way, 1: False, 2: True}[len(refusals)]
        return "return" if view.phase != "running" else None

    site = Room(person, only("wall"))
    view = site.run()
    assert "gives no pictures" in refusals[0] and "cannot be opened" in refusals[1]
    assert all(line.endswith("no profile was changed") and "\n" not in line for line in refusals)
    assert view.rows[0].state == "done" and view.rows[0].trouble == ""
    assert shelf.load(folder / "profiles", "projector", Room.size).revision == 2


def test_stop_while_the_camera_is_opened_and_in_the_room():
    """Where a stage has not the wall, keys are heard all the same."""
    keys = iter(["return", "escape", *[None] * 12, "return", *[None] * 40, "escape", *[None] * 12, "escape"])
    site = Room(lambda _view: next(keys), only("room"))
    view = site.run()
    assert next(keys, "none") == "none"
    assert view.rows[0].state == "stopped" and site.opened == 2


def test_whatever_a_stage_does_the_wizard_goes_on(monkeypatch):
    """A fault in one stage is one line there; closing the window ends all, at once."""
    monkeypatch.setitem(DO, "latency", lambda *_: (_ for _ in ()).throw(ZeroDivisionError("of\nours")))
    keys = iter(["return", *[None] * 12, "closed"])
    view = Room(lambda _view: next(keys), only("latency")).run()
    assert view.rows[0].trouble == "it failed: ZeroDivisionError: of ours" and view.phase == "over"


def test_ctrl_c_and_a_display_that_changes(folder, capsys):
    """Ctrl+C in the middle of a stage: a summary and exit code 130.  A display that became larger while it waited is
    taken as it is.  A command that there is not is no stage.
    """
    site, sizes = Room(lambda _view: None), []

    class Wall(Room):
        refreshes = 0

        def show(self, picture, words=()):
            Wall.refreshes += 1
            sizes.append(picture.shape[1::-1])
            if Wall.refreshes == 2:
                raise CalibrationError("the display was 160x90 and is 320x180 now: begin again")
            if Wall.refreshes == 4:
                self.press("return")
            if Wall.refreshes == 40:
                raise KeyboardInterrupt
            site.clock.sleep(0.1)
            return site.clock.now()

        def resize(self):
            self.size = (320, 180)

    wall, said = Wall(None), []

    def opened(_settings, _clock, _warp, press):
        wall.press = press
        return nullcontext(wall)

    tools = Tools(site.clock, eye=site.eye, lock=lambda _name: Lock(None))
    do = {name: DO[name] for name in ("card", "profiles", "wizard")}
    assert guided(OPTIONS, Settings(page=False), said.append, tools, do, opened) == 130
    assert said[-2:] == ["the wizard ends", "Test cards: stopped: nothing was kept"]
    assert sizes[:3] == [(160, 90), (160, 90), (320, 180)]
    assert [stage.name for stage in stages_of(do)] == ["card"]


def test_without_a_display(monkeypatch, capsys):
    """One line that says so, exit code 2; no page is opened."""

    def nowhere(*_args, **_more):
        raise SinkError("no display to open a window on (SDL: none)")

    monkeypatch.setattr("installation.calibrate.screen_wall.choose_display", nowhere)
    assert main(["calibrate", "wizard", "--port", "8799"]) == 2
    assert capsys.readouterr().err.splitlines() == ["dreamwall: no display to open a window on (SDL: none)"]


def test_a_test_card_goes_through_the_profile(folder):
    """The wizard's wall warps by the profile while a card is shown and not otherwise."""
    shelf.save(folder / "profiles", Profile("projector", Room.size, ((9.0, 9.0), (150, 0), (160, 90), (0, 80))))
    wall, warped = Room(eager, only("card")), set()
    warp = Warp()

    def person(view):
        warped.add((view.phase, warp.geometry("projector", Room.size) is not None))
        return eager(view)

    wall.person = person
    tools = Tools(wall.clock, lock=lambda _name: Lock(None))
    Guide(wall.wizard, wall, warp, wall.seen, None, OPTIONS, Settings(), print, tools, DO).run()
    assert warped == {("waiting", False), ("running", True), ("finished", False)}


# -- the state by itself ----------------------------------------------------------------------------------------------


def running(wizard):
    return [row.stage.name for row in wizard.view().rows if row.state == "running"]


@given(st.data())
def test_however_it_is_pressed(data):
    """Whatever is pressed in whatever order: at most one stage is at work, it is one that was begun, what is offered
    can be pressed, what is not is refused in one line, and what was found stays until it is found anew.
    """
    wizard, found = Wizard(), {}
    for _ in range(data.draw(st.integers(0, 40))):
        view = wizard.view()
        act = data.draw(st.sampled_from(["press", "key", "take", "finish"]))
        if act == "press":
            button, row = data.draw(st.sampled_from(BUTTONS[:-1])), data.draw(st.sampled_from(view.rows))
            if button in row.buttons:
                wizard.press(button, row.stage.name)
            else:
                with pytest.raises(NotNow) as told:
                    wizard.press(button, row.stage.name)
                assert "\n" not in str(told.value)
        elif act == "key":
            wizard.key(data.draw(st.sampled_from(["return", "s", "escape", "x"])), 1e9)
        elif act == "take" and view.phase != "running":
            wizard.take()
        elif act == "finish" and view.phase == "running":
            outcome = data.draw(st.sampled_from(["done", "refused", "stopped"]))
            wizard.told(line := f"{len(found)}")
            found |= {running(wizard)[0]: line} if outcome == "done" else {}
            wizard.finish(outcome, "" if outcome == "done" else "no", 0.0)
        assert len(running(wizard)) == (wizard.view().phase == "running")
        assert {row.stage.name: row.lines[-1] for row in wizard.view().rows if row.lines} == found
        if wizard.over:
            assert wizard.take() is None
            break


def test_again_does_not_lose_what_was_found():
    """A stage that was done and is then refused says both; skipping it leaves it done."""
    wizard = Wizard(only("wall") + only("room"))
    wizard.press("begin", "wall")
    with pytest.raises(NotNow, match="stop it first"):
        wizard.press("end")
    wizard.take()
    wizard.told("flat")
    wizard.finish("done", "", 0.0)
    wizard.press("again", "wall")
    wizard.take()
    wizard.press("stop", "wall")
    with pytest.raises(Stopped):
        wizard.attend()
    wizard.finish("refused", "too bright", 0.0)
    assert summary(wizard.view())[0] == "Wall: too bright; before: flat"
    wizard.press("skip", "wall")
    assert wizard.view().rows[0].state == "done" and wizard.view().row.stage.name == "room"


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_the_picture_of_the_page_changes_twice_a_second_at_most():
    """However often the wall changes, what the page gives stays for half a second; then it is the newest."""
    clock = HandClock()
    seen = Seen(clock.now)
    assert seen.jpeg("picture") is None and seen.numbers() == {"picture": None, "eye": None}
    given = set()
    for level in range(20):
        seen.put("picture", np.full((900, 1600, 3), 12 * level, np.uint8))
        given.add((seen.jpeg("picture"), seen.numbers()["picture"]))
        clock.sleep(0.11)
    assert 4 <= len(given) <= 5
    clock.sleep(PACE)
    last = cv2.imdecode(np.frombuffer(seen.jpeg("picture"), np.uint8), cv2.IMREAD_COLOR)
    assert abs(last.mean() - 12 * 19) < 2 and last.shape == (540, 960, 3)
    assert seen.numbers()["picture"] == 20


@pytest.mark.parametrize("size", [(800, 450), (360, 640), (120, 68)])
def test_the_wall_says_what_to_do(size):
    """A board of the display's size for each stage, its address as a code that a telephone can read."""
    wizard = Wizard()
    place = Place("page: http://192.168.1.20:8750/", "http://192.168.1.20:8750/?token=AbCd-123_xyz")
    for name in NAMES:
        picture = board(wizard.view(), size, place)
        assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
        wizard.press("skip", name)
    assert wizard.view().phase == "finished" and board(wizard.view(), size, None).std() > 1
    if size[0] > 300:
        assert cv2.QRCodeDetector().detectAndDecode(cv2.resize(picture, None, fx=2, fy=2))[0] == place.code
    assert len({explained(name).tobytes() for name in NAMES}) == len(NAMES)


# -- the page ---------------------------------------------------------------------------------------------------------


class Client:
    def __init__(self, wizard, seen, **settings):
        self.page = WizardPage(wizard, seen, Settings(port=18750, **settings), WallClock())

    def __call__(self, path, method="GET", body=None, **headers):
        """Status, body and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def do(self, asked, **headers):
        body = asked if isinstance(asked, bytes) else json.dumps(asked)
        own = {"Origin": f"http://127.0.0.1:{self.page.port}", "Content_Type": "application/json"}
        status, body, _ = self("/do", "POST", body, **{**own, **headers})
        return status, json.loads(body)


@pytest.fixture(scope="module")
def open_page():
    with ExitStack() as stack:
        wizard, seen = Wizard(), Seen(WallClock().now)
        client = Client(wizard, seen)
        stack.enter_context(client.page)
        yield wizard, seen, client


def test_the_page_shows_and_presses():
    """What stands in the wizard stands on the page, its buttons press, its pictures are JPEGs, and nothing of it comes
    from elsewhere.
    """
    wizard, seen = Wizard(), Seen(WallClock().now)
    client = Client(wizard, seen)
    with client.page:
        assert client("/picture.jpg")[0] == 404
        seen.put("picture", explained("card"))
        status, jpeg, headers = client("/picture.jpg")
        assert status == 200 and headers["content-type"] == "image/jpeg"
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (540, 960, 3)
        for path, kind in {"/": "text/html", "/wizard.js": "text/javascript", "/wizard.css": "text/css"}.items():
            status, text, headers = client(path)
            assert status == 200 and headers["content-type"].startswith(kind) and b"//" not in text.replace(b"// ", b"")
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        assert client("/board.png")[1].startswith(b"\x89PNG")
        state = json.loads(client("/state.json")[1])
        assert [row["name"] for row in state["stages"]] == NAMES and state["phase"] == "waiting"
        assert state["stage"] == "card" and state["stages"][0]["buttons"] == ["begin", "skip"]
        assert client.do({"button": "skip", "stage": "card"})[0] == 202
        assert client.do({"button": "begin", "stage": "light"})[0] == 202 and wizard.take().name == "light"
        wizard.step("white & <b>black</b>", 0.25)
        state = json.loads(client("/state.json")[1])
        assert (state["phase"], state["sentence"], state["done"]) == ("running", "white & <b>black</b>", 0.25)
        status, told = client.do({"button": "skip", "stage": "light"})
        assert status == 409 and "does nothing while it is running" in told["error"]
        assert client.do({"button": "stop", "stage": "light"})[0] == 202
        with pytest.raises(Stopped):
            wizard.attend()


def test_nobody_else_presses(open_page):
    """Another page's Origin, none at all, another name for this machine, or a GET change nothing."""
    wizard, _, client = open_page
    before = wizard.view()
    asked = {"button": "skip", "stage": "card"}
    assert client.do(asked, Origin="http://evil.example")[0] == 403
    assert client.do(asked, Host="evil.example")[0] == 403
    status, _, _ = client("/do", "POST", json.dumps(asked), Content_Type="application/json")
    assert status == 403
    assert client("/do?button=skip&stage=card")[0] == 405
    for path in ("/do/skip", "/skip", "/stages/card"):
        assert client(path)[0] == 404
    assert wizard.view() == before


def test_there_is_a_token_from_elsewhere():
    """On another address than the loopback, or where one is set, nothing is said without the token."""
    client = Client(Wizard(), Seen(WallClock().now), page_token="a-token-of-letters")
    with client.page:
        for path in ("/", "/state.json", "/picture.jpg", "/wizard.js", "/board.png"):
            assert client(path)[0] == 401
        assert client.do({"button": "skip", "stage": "card"})[0] == 401
        bearer = {"Authorization": "Bearer a-token-of-letters"}
        assert client("/state.json", **bearer)[0] == 200
        assert client.do({"button": "skip", "stage": "card"}, **bearer)[0] == 202
        assert "token" not in client.page.url
    elsewhere = Client(Wizard(), Seen(WallClock().now), page_host="0.0.0.0").page
    assert not elsewhere.is_local and "?token=" in elsewhere.url and "token" not in elsewhere.address


@pytest.mark.parametrize(
    ("asked", "status", "what"),
    [
        ({"button": "begin", "stage": "roof"}, 404, "there is no stage 'roof'"),
        ({"button": "explode", "stage": "card"}, 404, "there is no button 'explode'"),
        ({"button": "begin"}, 404, "there is no stage None"),
        ({"button": "begin", "stage": "room"}, 409, "Empty room: begin does nothing while it is ahead"),
        ({"button": "begin", "stage": "card", "more": 1}, 400, "send "),
        ({"button": "x" * 500, "stage": "card"}, 400, "short names"),
        ([], 400, "send "),
        (b"{", 400, "not JSON"),
    ],
)
def test_what_makes_no_sense_is_one_line(open_page, asked, status, what):
    """An unknown stage, an unknown button, a body that is none: refused, in one line."""
    _, _, client = open_page
    answered, told = client.do(asked)
    assert answered == status and what in told["error"] and "\n" not in told["error"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from([*NAMES, *BUTTONS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["button", "stage", "x"]), inner),
    max_leaves=6,
)


@given(st.one_of(st.binary(max_size=60), ANYTHING.map(lambda value: json.dumps(value).encode())))
def test_no_body_makes_it_fail(open_page, body):
    """Whatever is sent, it is done or refused; the page itself never fails."""
    _, _, client = open_page
    status, told = client.do(body)
    assert status in {202, 400, 404, 409} and ("error" in told) == (status != 202)


def test_the_commands_and_the_wizard_are_the_same_functions():
    """Each stage is a command of its name, so that there is no second way to calibrate."""
    assert set(NAMES) < set(DO) and commands.DO is DO
