"""What can be done through the page, and what is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import a_desk
from installation.actions import ACTIONS, NUMBERED
from installation.knobs import KNOBS, SWITCHES
from installation.page import hands
from installation.page.description import action_schemas
from installation.page.wire import Refusal
from installation.programs import Program


def test_every_knob_stands_on_the_page_once() -> None:
    """Intensity and layer first, then the others by what they turn; a knob that no group names is not forgotten."""
    groups = hands.groups()
    assert groups[0] == {"name": "", "knobs": ["intensity", "layer"]}
    listed = [name for group in groups for name in group["knobs"]]
    assert sorted(listed) == sorted(KNOBS)
    assert len(listed) == len(set(listed))


def test_controls_are_read_from_the_declarations() -> None:
    """Names, ranges, units and help are those of the knobs and actions; nothing is written down twice."""
    found = hands.controls(a_desk(zoom=0.2))
    for row in found["knobs"]:
        knob = KNOBS[row["name"]]
        assert (row["low"], row["high"], row["unit"], row["help"]) == (knob.low, knob.high, knob.unit, knob.help)
    assert {row["name"]: row["begin"] for row in found["knobs"]}["zoom"] == 0.2
    assert {row["name"] for row in found["actions"]} == set(ACTIONS) - set(KNOBS) | set(NUMBERED)
    assert [row["name"] for row in found["programs"]] == ["One", "Two", "Three"]


def test_kiosk_offers_nothing_that_is_kept() -> None:
    """Where nobody is in charge there is no storing, no snapshot, no recording; turning and panic are there."""
    names = {row["name"] for row in hands.controls(a_desk(kiosk=True))["actions"]}
    assert not names & {"store", "snapshot", "record"}
    assert names >= {"program", "layer", "panic", "cycle", *SWITCHES}
    with pytest.raises(Refusal, match="kiosk") as refusal:
        hands.asked(a_desk(kiosk=True), {"action": "store 1"})
    assert refusal.value.status == 403


def test_the_state_follows_the_desk() -> None:
    """Where each knob is heading and where it is, the switches, the program that is on."""
    desk = a_desk()
    desk.do("zoom", 0.4)
    desk.do("freeze")
    desk.recall(2)
    desk.board.look(0.0)
    desk.board.look(0.01)
    state = hands.state(desk)
    assert state["knobs"]["layer"][0] == 0.2 and state["knobs"]["layer"][1] > 0.5
    assert state["switches"]["freeze"] and not state["switches"]["cycle"]
    assert state["program"] == 2
    before = state["revision"]
    desk.programs.put(4, Program("Four"))
    assert hands.state(desk)["revision"] != before


def refused(body: Any, **desk: Any) -> int:
    with pytest.raises(Refusal) as refusal:
        hands.asked(a_desk(**desk), body)
    assert len(refusal.value.line) < 200 and "\n" not in refusal.value.line
    return refusal.value.status


@pytest.mark.parametrize(
    "body",
    [
        None, [], "intensity", 5, {}, {"action": 5}, {"action": "intensity"}, {"action": "intensity", "value": "1"},
        {"action": "intensity", "value": True}, {"action": "intensity", "value": None},
        {"action": "intensity", "value": math.nan}, {"action": "intensity", "value": math.inf},
        {"action": "intensity", "value": 10**400}, {"action": "intensity", "value": 2.0001},
        {"action": "intensity", "value": -1e-9}, {"action": "blackout", "value": 0.5}, {"action": "panic", "value": 2},
        {"action": "program 4"}, {"action": "program 0"}, {"action": "program"}, {"action": "layer 7"},
        {"action": "store 5"}, {"action": "flip intensity", "value": 1}, {"action": "quit"}, {"action": "x" * 10_000},
        {"action": "program  1"}, {"action": " panic"}, {"action": "panic", "extra": 1}, {"action": "\ud800"},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(body: Any) -> None:
    """Unknown names, values out of range, not finite or no number: 422, with one line that says what would fit."""
    assert refused(body) == 422


@given(st.data())
def test_what_is_offered_is_done(data: st.DataObject) -> None:
    """Whatever the description allows is taken, and the desk does it without a complaint."""
    desk = a_desk()
    desk.on("snapshot", lambda value: None)
    desk.on("record", lambda value: None)
    schema = data.draw(st.sampled_from(action_schemas(desk)))["properties"]
    action = data.draw(st.sampled_from([name for name in schema["action"]["enum"] if not name.startswith("store")]))
    value = (
        data.draw(st.sampled_from(schema["value"]["enum"]))
        if "enum" in schema["value"]
        else data.draw(st.floats(schema["value"]["minimum"], schema["value"]["maximum"]))
    )
    desk.post(*hands.asked(desk, {"action": action, "value": value}))
    desk.serve(1.0)
    look = desk.board.look(1.0)
    assert desk.told == []
    if action in KNOBS:
        assert desk.board.standing(action) == pytest.approx(value)
    if action in SWITCHES:
        assert getattr(look, action) is bool(value)
