"""What another process does in the tests of mailboxes; a file of its own, so that the process can import it."""

from typing import Never

import numpy as np

from installation.stages.shared import SharedLatest


def write_for_ever(box: SharedLatest) -> Never:
    """Leave messages whose bytes all equal their number, as fast as it goes."""
    value = 0
    while True:
        value += 1
        box.put([value % 251], np.full(200_000, value % 251, np.uint8))
