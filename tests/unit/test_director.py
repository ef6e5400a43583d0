"""The director: twenty minutes in which nobody is in charge, and everybody who comes by."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import a_desk
from installation.clock import HandClock
from installation.control.deck import Deck
from installation.control.director import Director
from installation.control.wander import Wander
from installation.knobs import KNOBS
from installation.programs import OF_THE_ROOM, Program

RATE = 30
FIVE = tuple(
    Program(name, {"layer": 0.1 * n, "linger": 1.0 + n, "hue": 20.0 * n}, fade=1.0 + n / 2)
    for n, name in enumerate(["Strokes", "Feathers", "Eyes", "Arches", "Creatures"])
)


class Hall:
    """What the director is told, by hand: since when nobody is there, and what is wrong with the picture."""

    def __init__(self, clock):
        self.clock, self.seen, self.wrong = clock, 0.0, None

    def somebody(self):
        self.seen = self.clock.now()

    def alone_for(self, now):
        return now - self.seen

    def trouble(self, now):
        return self.wrong and (self.wrong[0], now - self.wrong[1])


class Evening:
    """A desk, a director and a clock; `play` lets time pass as the show does."""

    def __init__(self, *programs, kiosk=True, cycling=True, **director):
        self.clock = HandClock(5000.0)
        self.desk = a_desk(*programs, kiosk=kiosk)
        self.desk.cycling = cycling
        self.hall = Hall(self.clock)
        self.hall.somebody()
        watched = {"presence": self.hall, "standing": self.hall} if director.pop("watched", True) else {}
        self.director = Director(self.clock, event=self.desk.told.append, **watched, **director)
        self.looks = []
        self.play(2 / RATE)
        self.begun = self.clock.now()

    def play(self, seconds, during=lambda: None):
        for _ in range(round(seconds * RATE)):
            during()
            self.desk.serve(self.clock.now())
            self.director.reach(self.desk)
            self.looks.append(self.desk.board.look(self.clock.now()))
            self.clock.sleep(1 / RATE)
        return self.looks[-1]

    def turns(self):
        return [
            (recall.number, 5000.0 + recall.time) for recall in self.desk.recalls
        ]  # the evening's clock begins there


def own(desk, number):
    return {n: v for n, v in (desk.begin | desk.programs.get(number).knobs).items() if n not in OF_THE_ROOM}


def stands_as(look, knobs, leave=()):
    return all(math.isclose(getattr(look, n), v, abs_tol=1e-9) for n, v in knobs.items() if n not in leave)


# -- turns -----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(0, 99), st.lists(st.integers(1, 12), max_size=3))
def test_a_shuffled_deck(count, seed, others):
    """Every program once before any comes twice, and none twice running, whoever brought on the one before."""
    deck, present, dealt = Deck(shuffle=True, seed=seed), None, []
    for _ in range(5 * count):
        number = deck.next(count, present)
        assert number != present and 1 <= number <= count
        dealt.append(number)
        present = number
    for begin in range(0, len(dealt), count):
        assert sorted(dealt[begin : begin + count]) == list(range(1, count + 1))
    for other in (number for number in others if number <= count):
        deck.shown(other)
        assert deck.next(count, other) != other


def test_another_seed_is_another_order():
    """Two walls side by side need not play the same; the same seed always does."""

    def order(seed):
        deck = Deck(shuffle=True, seed=seed)
        return [deck.next(8, None) for _ in range(8)]

    assert order(1) == order(1) and len({tuple(order(seed)) for seed in range(5)}) > 3


def test_programs_that_are_stored_meanwhile_join_the_deck():
    """A new program has its turn in this very deck."""
    deck = Deck(shuffle=True, seed=3)
    dealt = [deck.next(4, None) for _ in range(2)]
    dealt += [deck.next(6, dealt[-1]) for _ in range(4)]
    assert sorted(dealt) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("shuffle", [False, True])
def test_twenty_minutes(shuffle):
    """Every program takes its turn, for its hold after its own fade, in order or shuffled, all evening long."""
    evening = Evening(*FIVE, hold=20.0, shuffle=shuffle, seed=7, watched=False)
    evening.play(20 * 60)
    numbers = [number for number, _ in evening.turns()]
    times = [time for _, time in evening.turns()]
    assert len(numbers) > 50 and all(a != b for a, b in itertools.pairwise(numbers))
    for begin in range(0, len(numbers) - 5, 5):
        dealt = numbers[begin : begin + 5]
        assert sorted(dealt) == [1, 2, 3, 4, 5]
        assert shuffle or dealt == [1, 2, 3, 4, 5]
    if shuffle:
        assert len({tuple(numbers[b : b + 5]) for b in range(0, len(numbers) - 5, 5)}) > 3
    for number, begun, ended in zip(numbers[1:], times[1:], times[2:], strict=False):
        fade = FIVE[number - 1].fade
        assert ended - begun == pytest.approx(fade + 20.0, abs=1.5 / RATE)
        at = round((begun - 5000.0 + fade) * RATE) + 3
        assert stands_as(evening.looks[at], own(evening.desk, number))
    assert evening.director.figures()["turns"] == len(numbers)


@pytest.mark.parametrize(("hold", "wanted"), [(None, [6.0, 46.0, 6.0]), (9.0, [10.0, 10.0, 10.0])])
def test_holds_and_fades_of_their_own_or_for_all(hold, wanted):
    """A program stays as long as it says itself, 45 s where it does not; hold and fade for all of them go before."""
    rows = (Program("Usual", fade=3), Program("Short", {"hue": 90.0}, fade=3, hold=5.0))
    evening = Evening(*rows, hold=hold, fade=1.0, watched=False)
    evening.play(120)
    times = [time for _, time in evening.turns()]
    stays = [b - a for a, b in itertools.pairwise(times[1:])]
    assert stays[:3] == pytest.approx(wanted, abs=1.5 / RATE)
    assert {recall.fade for recall in evening.desk.recalls} == {1.0}


def test_whoever_recalls_a_program_gets_a_whole_turn_of_it():
    """A program brought on by a pad stays as long as any, and the order goes on from there."""
    evening = Evening(*FIVE, hold=10.0, watched=False)
    evening.play(8)
    evening.desk.do("program 4")
    asked = evening.clock.now()
    evening.play(FIVE[3].fade + 10.0 - 0.2)
    assert evening.desk.program == 4
    evening.play(0.4)
    assert evening.desk.program == 5 and evening.turns()[-1][1] - asked == pytest.approx(12.5, abs=3 / RATE)


def test_switching_the_turns_on():
    """With no program on the first comes at once; with one on, that one has its hold first."""
    evening = Evening(*FIVE, kiosk=False, cycling=False, hold=10.0, watched=False)
    evening.play(30)
    assert evening.desk.program is None
    evening.desk.do("cycle", 1)
    evening.play(0.1)
    assert evening.desk.program == 1
    evening.desk.do("cycle", 0)
    evening.play(60)
    assert evening.desk.program == 1
    evening.desk.do("flip cycle")
    evening.play(9.8)
    assert evening.desk.program == 1
    evening.play(0.4)
    assert evening.desk.program == 2


def test_the_program_to_begin_with_has_its_turn():
    """A program that was on when the doors opened stays for its hold, on a clock that began long before."""
    clock, desk = HandClock(70000.0), a_desk(*FIVE, kiosk=True)
    desk.recall(3, fade=0.0)
    director = Director(clock, hold=10.0)
    seen = []
    for _ in range(12 * RATE):
        desk.serve(clock.now())
        director.reach(desk)
        desk.board.look(clock.now())
        clock.sleep(1 / RATE)
        seen.append(desk.program)
    assert seen[: 10 * RATE - 2] == [3] * (10 * RATE - 2) and seen[-1] == 4


def test_one_program_alone():
    """A list of one is not recalled again and again."""
    evening = Evening(FIVE[0], hold=2.0, shuffle=True, watched=False)
    evening.play(60)
    assert len(evening.desk.recalls) == 1


# -- attention -------------------------------------------------------------------------------------------------------


def test_nobody_in_front():
    """After forty seconds alone the dream goes deeper and elsewhere, slowly; who comes finds the program's own look
    within two seconds, and no program counts as recalled for it.
    """
    evening = Evening(FIVE[2], watched=True, alone=40.0, still=1e6)
    evening.desk.begin["saturation"] = 0.8
    assert stands_as(evening.play(39.5), own(evening.desk, 1), leave=("saturation",))
    evening.desk.board.largest_step.clear()
    look, home = evening.play(60), FIVE[2].knobs
    assert look.linger > home["linger"] and look.layer > home["layer"] and (look.zoom or look.rotation)
    evening.play(600)
    away = evening.looks[-650 * RATE :]
    assert max(look.intensity for look in away) <= 1.3 and max(look.linger for look in away) <= 12.0
    assert len({round(look.hue, 1) for look in away}) > 50
    # From one leg to the next within ten seconds at least: a smooth fade moves 1.5 of its way in its time.
    assert all(step < 1.5 * 0.5 / (10 * RATE) for step in evening.desk.board.largest_step.values())
    evening.hall.somebody()
    evening.play(1.0)
    evening.hall.somebody()
    assert stands_as(evening.play(1.1), own(evening.desk, 1))
    assert len(evening.desk.recalls) == 1
    figures = evening.director.figures()
    assert figures["times_alone"] == 1 and figures["alone_s"] == pytest.approx(660, abs=2)


def test_only_where_nobody_is_in_charge():
    """Outside kiosk mode the look stays as it was left, however long nobody moves and the picture stands."""
    evening = Evening(FIVE[2], kiosk=False, alone=5.0, still=5.0)
    evening.hall.wrong = ("static", evening.clock.now())
    assert stands_as(evening.play(60), own(evening.desk, 1)) and evening.desk.told == []


def test_programs_take_turns_while_it_wanders():
    """An empty room sees every program, each with its wandering, and home is that of the program that is on."""
    evening = Evening(*FIVE, hold=20.0, alone=10.0, still=1e6)
    evening.play(120)
    assert [number for number, _ in evening.turns()] == [1, 2, 3, 4, 5, 1]
    evening.hall.somebody()
    evening.play(0.5)
    evening.hall.somebody()
    assert stands_as(evening.play(1.6), own(evening.desk, evening.desk.program))


def test_a_hand_is_somebody():
    """A knob that is turned while nobody is seen ends the wandering and stays where it was turned to."""
    evening = Evening(FIVE[4], alone=10.0, still=1e6)
    evening.play(40)
    evening.desk.post("zoom", 0.25)
    look = evening.play(2.5)
    assert look.zoom == 0.25 and stands_as(look, own(evening.desk, 1), leave=("zoom",))
    evening.play(7)
    assert evening.director.figures()["times_alone"] == 1
    evening.play(3)
    assert evening.director.figures()["times_alone"] == 2


def test_what_a_person_in_charge_left_is_home():
    """After panic, or with the turns ended, the wall comes back to how that person left it."""
    evening = Evening(*FIVE, alone=10.0, still=1e6)
    evening.play(3)
    evening.desk.do("cycle", 0)
    evening.desk.do("hue", -90.0)
    evening.play(60)
    evening.desk.do("panic")
    evening.play(1)
    assert stands_as(evening.looks[-1], {n: v for n, v in evening.desk.begin.items() if n not in OF_THE_ROOM})
    evening.play(60)
    assert evening.director.figures()["times_alone"] == 2
    evening.hall.somebody()
    assert stands_as(evening.play(2.2), {n: v for n, v in evening.desk.begin.items() if n not in OF_THE_ROOM})


@settings(deadline=None)
@given(
    st.fixed_dictionaries({name: st.floats(knob.low, knob.high) for name, knob in KNOBS.items()}),
    st.integers(1, 50),
    st.integers(0, 9),
)
def test_every_leg_is_in_range(home, number, seed):
    """Wherever a program stands, wandering keeps to the knobs' ranges and never lays on more than 1.3 by itself."""
    leg = Wander(seed).leg(home, number)
    assert all(KNOBS[name].low <= value <= KNOBS[name].high for name, value in leg.knobs.items())
    assert leg.knobs["intensity"] <= max(1.3, home["intensity"]) and 10 <= leg.seconds <= 20
    assert leg.knobs["layer"] >= home["layer"] and leg.knobs["linger"] >= home["linger"]


# -- a picture that stands -------------------------------------------------------------------------------------------


def test_a_picture_that_stands():
    """After a minute the dream fades away, the old one is let go, and the next program comes with its fade."""
    evening = Evening(*FIVE, hold=300.0, still=60.0)
    evening.play(10)
    evening.hall.wrong = ("static", evening.clock.now() - 59.0)
    begun = len(evening.looks)
    evening.play(1.1)
    assert evening.desk.told == ["the picture stood still for 60 s; the dream begins afresh"]
    evening.play(3.6, evening.hall.somebody)
    looks = evening.looks[begun:]
    clear = [look for look in looks if look.intensity == 0.0 and look.linger == KNOBS["linger"].low]
    assert len(clear) / RATE == pytest.approx(1.5, abs=0.1)
    assert evening.desk.program == 2
    assert stands_as(evening.play(FIVE[1].fade, evening.hall.somebody), own(evening.desk, 2))
    assert all(step < 0.05 for step in evening.desk.board.largest_step.values())
    assert evening.director.figures()["restarts"] == 1


def test_the_hold_after_a_restart():
    """The program that a restart brought on has a whole turn."""
    evening = Evening(*FIVE, hold=30.0, still=20.0)
    evening.hall.wrong = ("black", evening.clock.now() - 5.0)
    evening.play(25, evening.hall.somebody)
    assert evening.desk.program == 2
    evening.hall.wrong = None
    came = evening.turns()[-1][1]
    evening.play(40, evening.hall.somebody)
    assert evening.turns()[-1][0] == 3
    assert evening.turns()[-1][1] - came == pytest.approx(FIVE[1].fade + 30.0, abs=2 / RATE)
    assert evening.desk.told == ["the picture was black for 20 s; the dream begins afresh"]


@pytest.mark.parametrize("programs", [FIVE, FIVE[:1]])
def test_where_no_other_program_may_come(programs):
    """With the turns ended, or one program only, the look that was there comes back, hand-set knobs and all."""
    evening = Evening(*programs, still=20.0, watched=True)
    evening.play(1)
    if len(programs) > 1:
        evening.desk.do("cycle", 0)
    evening.desk.do("intensity", 0.8)
    evening.desk.do("hue", 33.0)
    before = evening.play(3, evening.hall.somebody)
    evening.hall.wrong = ("saturated", evening.clock.now() - 20.0)
    gone = evening.play(3, evening.hall.somebody)
    assert gone.intensity == 0.0
    after = evening.play(2.5, evening.hall.somebody)
    assert after == before and len(evening.desk.recalls) == 1


def test_not_again_and_again():
    """A picture that will not mend is tried every two minutes, not every minute."""
    evening = Evening(*FIVE, hold=1e4, still=60.0)
    evening.hall.wrong = ("black", evening.clock.now())
    evening.play(600, evening.hall.somebody)
    assert evening.director.figures()["restarts"] == 5


@pytest.mark.parametrize(
    "state", [("blackout", 1), ("freeze", 1), ("bypass", 1), ("brightness", 0.0), ("intensity", 0.0)]
)
def test_never_where_a_picture_may_stand(state):
    """What a person made dark, held or took away is left alone."""
    evening = Evening(FIVE[0], still=10.0)
    evening.play(2)
    evening.desk.do(*state)
    evening.play(3, evening.hall.somebody)
    evening.hall.wrong = ("black", evening.clock.now() - 100)
    evening.play(60, evening.hall.somebody)
    assert evening.director.figures()["restarts"] == 0 and evening.desk.told == []


@pytest.mark.parametrize(
    ("action", "value", "stands"),
    [
        ("intensity", 1.7, {"intensity": 1.7, "linger": 1.0}),
        ("linger", 9.0, {"intensity": 1.0, "linger": 9.0}),
        ("hue", 45.0, {"hue": 45.0, "intensity": 1.0, "linger": 1.0}),
        ("program 4", 1, FIVE[3].knobs | {"intensity": 1.0}),
        ("panic", 1, {"intensity": 1.0, "linger": 2.5}),
        ("blackout", 1, {"intensity": 1.0, "linger": 1.0}),
        ("brightness", 0.0, {"brightness": 0.0, "intensity": 1.0, "linger": 1.0}),
    ],
)
@pytest.mark.parametrize("when", [0.7, 2.9])
def test_a_restart_gives_way(action, value, stands, when):
    """Whoever takes a knob, a program or the picture during a restart has it, and everything else comes back."""
    evening = Evening(*FIVE, hold=1e4, still=20.0)
    evening.play(3)
    evening.hall.wrong = ("static", evening.clock.now() - 20.0)
    evening.play(when, evening.hall.somebody)
    evening.hall.wrong = None
    evening.desk.post(action, value)
    look = evening.play(6, evening.hall.somebody)
    assert stands_as(look, stands)
    assert evening.director.figures()["given_way"] == 1
    assert evening.desk.program == {"program 4": 4, "panic": None}.get(action, 1)


def test_somebody_comes_during_a_restart():
    """A restart of an empty room is finished, and who came meanwhile finds a program's own look."""
    evening = Evening(*FIVE, hold=1e4, alone=10.0, still=20.0)
    evening.play(30)
    evening.hall.wrong = ("black", evening.clock.now() - 20.0)
    evening.play(1)
    evening.hall.wrong = None
    look = evening.play(8, evening.hall.somebody)
    assert evening.desk.program == 2 and stands_as(look, own(evening.desk, 2))


def test_entering_and_leaving_is_harmless():
    """It has a life like every part; leaving twice is nothing."""
    director = Director(HandClock())
    with director:
        pass
    director.__exit__()
    assert director.figures() == {"turns": 0, "restarts": 0, "given_way": 0, "times_alone": 0, "alone_s": 0.0}
