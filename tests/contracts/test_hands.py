"""Every hand keeps the same promises: keys, MIDI, and the kiosk's director."""

import time

import pytest

import midi_backend
from fakes import a_desk
from installation.clock import HandClock
from installation.control.director import Director
from installation.control.keys import Keys
from installation.control.midi import Midi
from installation.control.midi.drivers import MidoDriver
from installation.sdl import pygame


def keys(_desk):
    return Keys()


def midi(_desk):
    midi_backend.reset()
    midi_backend.plug("Some Controller")
    return Midi("all", find=lambda: MidoDriver("midi_backend"))


def director(_desk):
    return Director(HandClock())


@pytest.fixture(params=[keys, midi, director], ids=["keys", "midi", "director"])
def hand(request, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.quit()
    yield request.param
    pygame.display.quit()


@pytest.mark.parametrize("kiosk", [False, True])
def test_a_hand_that_nobody_moves_turns_nothing(hand, kiosk):
    """With nothing pressed, nothing moved and no turns wanted, the look stays as it is."""
    desk = a_desk(kiosk=kiosk)
    desk.cycling = False
    before = desk.board.look(0)
    with hand(desk) as opened:
        for refresh in range(20):
            desk.serve(refresh / 30)
            opened.reach(desk)
            assert desk.board.look(refresh / 30) == before
    assert desk.program is None and desk.told == []


def test_a_hand_never_makes_a_refresh_wait(hand):
    """Reaching costs next to nothing: the screen waits for it sixty times a second."""
    desk = a_desk()
    with hand(desk) as opened:
        opened.reach(desk)
        spent = []
        for _ in range(50):
            begun = time.thread_time()
            opened.reach(desk)
            spent.append(time.thread_time() - begun)
    assert sorted(spent)[25] < 0.002


def test_a_hand_can_be_closed_twice_and_taken_again(hand):
    """Parts open and close in any order of faults, and a second close is harmless."""
    desk = a_desk()
    opened = hand(desk)
    for _ in range(2):
        with opened:
            opened.reach(desk)
        opened.__exit__(None, None, None)
