"""Checks that go wrong, for the tests of the doctor; a file of its own, so that another process can import it."""

import os
import signal
import sys
import time
from collections.abc import Iterator

from installation.checks.check import Check, broken, second, well
from installation.settings import Settings


def healthy(settings: Settings) -> Iterator[Check]:
    print("what a library prints is no answer")
    yield well("heart", f"beats for {settings.source}")


def hoarse(_: Settings) -> Iterator[Check]:
    yield second("voice", "hoarse → räuspern", "drink tea")


def lame(_: Settings) -> Iterator[Check]:
    yield broken("leg", "broken", "sudo plaster")


def failing(_: Settings) -> Iterator[Check]:
    yield well("first", "was found")
    raise RuntimeError("the second\nwas not")


def crashing(_: Settings) -> Iterator[Check]:
    os.kill(os.getpid(), signal.SIGSEGV)
    yield well("never", "")


def leaving(_: Settings) -> Iterator[Check]:
    print("the licence server is gone", file=sys.stderr, flush=True)
    os._exit(3)
    yield well("never", "")


def hanging(_: Settings) -> Iterator[Check]:
    time.sleep(60)
    yield well("never", "")
