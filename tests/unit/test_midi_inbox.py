"""What comes in from a controller, and how little of it is kept."""

import random
import tracemalloc

import mido
from hypothesis import given
from hypothesis import strategies as st

from installation.control.midi.inbox import ECHO, STRUCK, Inbox, Struck

VALUES = st.lists(st.integers(0, 127), min_size=1, max_size=60)


@given(VALUES, st.integers(1, 16), st.integers(0, 127))
def test_a_sweep_is_kept_as_where_it_went(values, channel, number):
    """However many messages a fader sent, one line is kept: first, last, lowest, highest and how many."""
    inbox = Inbox()
    for value in values:
        assert inbox.receive([0xB0 | channel - 1, number, value], 0.0) == (("cc", channel, number), value)
    (moved,) = inbox.take().moved
    assert (moved.kind, moved.channel, moved.number) == ("cc", channel, number)
    assert (moved.first, moved.last) == (values[0], values[-1])
    assert (moved.low, moved.high, moved.count) == (min(values), max(values), len(values))
    assert inbox.take().moved == []


@given(VALUES)
def test_the_way_of_an_endless_knob_is_not_lost(values):
    """Steps add up over all messages between two looks, in each of the ways in which endless knobs count."""
    inbox = Inbox()
    for value in values:
        inbox.receive([0xB0, 1, value], 0.0)
    (moved,) = inbox.take().moved
    assert moved.steps("relative") == sum(value if value < 64 else value - 128 for value in values)
    assert moved.steps("relative offset") == sum(value - 64 for value in values)
    assert moved.steps("relative sign") == sum(value if value < 64 else 64 - value for value in values)


@given(st.integers(0, 16383))
def test_a_bend_wheel_has_fourteen_bits(value):
    """A bend is read as finely as it is sent."""
    inbox = Inbox()
    inbox.receive(mido.Message("pitchwheel", channel=2, pitch=value - 8192).bytes(), 0.0)
    (moved,) = inbox.take().moved
    assert (moved.kind, moved.channel, moved.last) == ("pitch", 3, value)


def test_notes_keep_their_order():
    """Pads come out as they were hit, letting go is value 0 in either spelling, and a program change is among them."""
    inbox = Inbox()
    for message in ([0x90, 36, 100], [0x80, 36, 64], [0xC1, 5], [0x90, 40, 1], [0x90, 40, 0]):
        inbox.receive(message, 0.0)
    assert inbox.take().struck == [
        Struck("note", 1, 36, 100),
        Struck("note", 1, 36, 0),
        Struck("program", 2, 5, 5),
        Struck("note", 1, 40, 1),
        Struck("note", 1, 40, 0),
    ]


def test_too_many_notes_are_counted_and_the_newest_kept():
    """A flood of notes drops the oldest, says how many, and the count begins anew at every look."""
    inbox = Inbox()
    for at in range(STRUCK + 500):
        inbox.receive([0x90, at % 128, 1 + at % 127], 0.0)
    heard = inbox.take()
    assert (heard.dropped, len(heard.struck)) == (500, STRUCK)
    assert heard.struck[-1].number == (STRUCK + 499) % 128
    assert (inbox.take().dropped, inbox.dropped) == (0, 500)


def test_memory_does_not_grow_with_what_nobody_takes():
    """Tens of thousands of messages that nobody looks at take no more room than the first few thousand."""
    inbox, chance = Inbox(), random.Random(1)

    def some(count):
        for _ in range(count):
            kind = chance.choice((0x80, 0x90, 0xB0, 0xC0, 0xE0)) | chance.randrange(16)
            data = [chance.randrange(128), chance.randrange(128)]
            inbox.receive([kind, *data][: 2 if kind & 0xF0 == 0xC0 else 3], 0.0)

    some(10_000)
    tracemalloc.start()
    some(30_000)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert inbox.heard == 40_000
    assert grown < 500_000


def test_a_hundred_thousand_random_bytes():
    """Noise on the wire, as one stream through mido's parser and in pieces of any length: nothing is ever raised."""
    chance = random.Random(7)
    noise = chance.randbytes(100_000)
    inbox, parser = Inbox(), mido.Parser()
    parser.feed(noise)
    for message in parser:
        inbox.receive(message.bytes(), 0.0)
    assert inbox.malformed == 0
    at = 0
    while at < len(noise):
        length = chance.randrange(6)
        inbox.receive(list(noise[at : at + length]), 0.0)
        at += max(1, length)
    assert inbox.malformed > 1000
    for moved in inbox.take().moved:
        assert 0 <= moved.low <= moved.high <= 16383


@given(st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(-1000, 1000), st.floats()), max_size=4))
def test_nonsense_is_not_raised_about(message):
    """Whatever a driver hands over, it is counted and forgotten."""
    inbox = Inbox()
    inbox.receive(message, 0.0)
    assert inbox.heard == 1
    inbox.take()


def test_what_was_sent_to_a_light_is_no_press_when_it_comes_back():
    """An echo within a tenth of a second is nothing; later, another value, or letting go, is what it says."""
    for message, wait, heard in (
        ([0x90, 36, 127], 0.08, False),
        ([0x90, 36, 127], ECHO + 0.01, True),
        ([0x90, 36, 126], 0.08, True),
        ([0x91, 36, 127], 0.08, True),
        ([0x80, 36, 127], 0.08, True),
    ):
        inbox = Inbox()
        inbox.sent([0x90, 36, 127], 5.0)
        assert (inbox.receive(message, 5.0 + wait) is not None) == heard, message
    inbox = Inbox()
    inbox.sent([0xB0, 48, 0], 5.0)  # a light that went out
    assert inbox.receive([0xB0, 48, 0], 5.05) is not None
