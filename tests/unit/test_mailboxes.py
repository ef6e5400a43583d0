"""Latest, between threads and between processes."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from installation.mailbox import Latest
from installation.stages.shared import SharedLatest
from writer import write_for_ever


def test_newest_wins_and_the_lost_are_counted():
    """Of three frames put before anybody looked, the third is taken and two count as dropped."""
    box: Latest[int] = Latest()
    for value in (1, 2, 3):
        box.put(value)
    assert (box.take(), box.take(), box.dropped) == (3, None, 2)


def test_a_waiting_reader_is_woken():
    """`take` with a timeout returns as soon as something comes."""
    box: Latest[int] = Latest()
    threading.Timer(0.05, box.put, (7,)).start()
    begun = time.monotonic()
    assert box.take(5) == 7
    assert time.monotonic() - begun < 2


@pytest.fixture
def context():
    return multiprocessing.get_context("spawn")


def test_a_message_arrives_whole(context):
    """Numbers and arrays come out as they went in, once."""
    box = SharedLatest(context, 2, 1000)
    a, b = np.arange(12, dtype=np.float32), np.arange(7, dtype=np.uint8)
    box.put([1.5, -2.0], a, b)
    numbers, message = box.take()
    assert numbers == [1.5, -2.0]
    assert np.array_equal(message[:48].view(np.float32), a) and np.array_equal(message[48:], b)
    assert box.take() is None


def test_shared_newest_wins(context):
    """What was replaced before it was taken is counted, as between threads."""
    box = SharedLatest(context, 1, 8)
    for value in range(5):
        box.put([value], np.zeros(8, np.uint8))
    assert box.take()[0] == [4.0]
    assert box.dropped == 4
    with pytest.raises(ValueError, match="does not fit"):
        box.put([0], np.zeros(9, np.uint8))


def test_a_killed_writer_neither_locks_nor_tears(context):
    """However a writing process is killed, what is read is whole and the next writer can go on."""
    box = SharedLatest(context, 1, 200_000)
    read = 0
    for _ in range(3):
        writer = context.Process(target=write_for_ever, args=(box,), daemon=True)
        writer.start()
        until, before = time.monotonic() + 30, read
        while time.monotonic() < until and read < before + 200:
            taken = box.take()
            if taken is not None:
                numbers, message = taken
                assert message.size == 200_000 and (message == int(numbers[0])).all()
                read += 1
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(5)
        assert read >= before + 200
