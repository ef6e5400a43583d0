"""How often somebody may ask: a bucket of tokens for each address, in bounded memory.

A bucket holds ``burst`` tokens and gains ``rate`` a second; a request takes one.  When the table is full the address
that asked longest ago is forgotten, which gives it a full bucket: memory stays flat whoever comes.
"""

import hashlib
import ipaddress
from collections import OrderedDict, deque
from dataclasses import dataclass

ADDRESSES = 1024  # remembered: more than a gallery's network has, some 200 kB
WRONG_KEPT = 4  # wrong tokens remembered for each address


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` a second in the long run, ``burst`` at once."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What one address may do.

    ``requests``: a page asks ten times a second and a finger on a knob sends thirty turns, so four fingers on two
    telephones behind one address pass.  An answer costs 0.7 ms of the processor, so one address gets a tenth of a core.
    ``guesses``: wrong tokens.  A person mistypes a few times; ten a minute find no token of twelve letters.
    """

    requests: Limit = Limit(150.0, 300.0)
    guesses: Limit = Limit(1 / 6, 10.0)


class Buckets:
    """One bucket for each key, the oldest forgotten.  For one thread."""

    def __init__(self, limit: Limit, most: int = ADDRESSES) -> None:
        self._limit, self._most = limit, most
        self._rows: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, key: str, now: float) -> float:
        """Take a token at ``now`` seconds: 0.0, or the seconds until there is one."""
        wait = self.wait(key, now)
        tokens = self._tokens(key, now)
        self._rows[key] = (tokens - 1.0 if wait == 0.0 else tokens, now)
        self._rows.move_to_end(key)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)
        return wait

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is a token; takes none."""
        tokens = self._tokens(key, now)
        return 0.0 if tokens >= 1.0 else (1.0 - tokens) / self._limit.rate

    def _tokens(self, key: str, now: float) -> float:
        tokens, counted = self._rows.get(key, (self._limit.burst, now))
        return min(self._limit.burst, tokens + max(0.0, now - counted) * self._limit.rate)


class Guesses:
    """Wrong tokens, by address.

    The same wrong token again tells nobody anything and is not counted: an old cookie in a telephone that goes on
    asking would otherwise shut its owner out.
    """

    def __init__(self, limit: Limit, most: int = ADDRESSES) -> None:
        self._buckets, self._most = Buckets(limit, most), most
        self._wrong: OrderedDict[str, deque[bytes]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until this address may try again; asked before a token is compared, so that a guess is no use."""
        return self._buckets.wait(key, now)

    def wrong(self, key: str, token: bytes, now: float) -> None:
        """It was not the token."""
        seen = self._wrong.setdefault(key, deque(maxlen=WRONG_KEPT))
        self._wrong.move_to_end(key)
        if len(self._wrong) > self._most:
            self._wrong.popitem(last=False)
        digest = hashlib.sha256(token).digest()
        if digest not in seen:
            seen.append(digest)
            self._buckets.take(key, now)


def key_of(address: str) -> str:
    """What an address is counted by: an IPv6 one by its /64, which one machine may have whole."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
