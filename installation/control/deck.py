"""The deck: in which order the programs take their turns."""

import random


class Deck:
    """Deals numbers of programs, counted from 1: in the order of the list, or shuffled.

    Shuffled, every program comes once before any comes twice, and none comes twice running, not even where one deck
    ends and the next begins.  Drawing each by chance alone would show one of ten programs again within three turns as
    often as not.
    """

    def __init__(self, *, shuffle: bool = False, seed: int = 0) -> None:
        """``seed``: the same one deals the same order."""
        self._shuffle = shuffle
        self._random = random.Random(f"deck {seed}")  # a text, so that other users of this seed draw other numbers
        self._cards: list[int] = []
        self._count = 0

    def next(self, count: int, present: int | None) -> int | None:
        """Which of ``count`` programs comes after the ``present`` one; None when there is no other."""
        if count < 1 or (count == 1 and present == 1):
            return None
        if not self._shuffle:
            return (present or 0) % count + 1
        self._fit(count)
        if not self._cards:
            self._cards = self._random.sample(range(1, count + 1), count)
        if self._cards[0] == present:  # the seam, or somebody else has just brought it on
            self._cards = [*self._cards[1:], self._cards[0]]
            if len(self._cards) == 1:
                rest = [number for number in range(1, count + 1) if number != present]
                self._cards = self._random.sample(rest, len(rest))
        return self._cards.pop(0)

    def shown(self, number: int) -> None:
        """Somebody else brought this one on: it has had its turn of this deck."""
        if number in self._cards:
            self._cards.remove(number)

    def _fit(self, count: int) -> None:
        """Programs may be stored while the show goes on: new ones are shuffled in, lost ones taken out."""
        if self._cards:
            self._cards = [number for number in self._cards if number <= count]
            for number in range(self._count + 1, count + 1):
                self._cards.insert(self._random.randint(0, len(self._cards)), number)
        self._count = count
