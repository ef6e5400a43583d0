"""How often somebody may ask the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.page.limits import Buckets, Guesses, Limit, Limits, key_of


@given(gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200), rate=st.floats(0.5, 200), burst=st.floats(1, 50))
def test_nobody_gets_more_than_his_share(gaps: list[float], rate: float, burst: float) -> None:
    """However requests come, no more pass than the burst and the rate allow; whoever waits as told is served."""
    buckets, now, passed = Buckets(Limit(rate, burst)), 100.0, 0
    for gap in gaps:
        now += gap
        wait = buckets.take("a", now)
        passed += wait == 0
        assert passed <= burst + rate * (now - 100.0) + 1e-6
        if wait:
            now += wait + 1e-6
            assert buckets.take("a", now) == 0
            passed += 1


def test_a_knob_dragged_on_the_page_passes() -> None:
    """Four fingers at thirty turns a second, and the page's own questions, for ten minutes: nothing is turned away."""
    buckets, at_once = Buckets(Limits().requests), 0
    for tick in range(600 * 132):
        at_once += buckets.take("phone", tick / 132) > 0
    assert at_once == 0


def test_a_flood_is_turned_away_and_its_neighbour_is_not() -> None:
    """Somebody who asks a thousand times a second gets his share; another address notices nothing."""
    buckets = Buckets(Limits().requests)
    passed = sum(buckets.take("flood", tick / 1000) == 0 for tick in range(10_000))
    assert passed <= 300 + 150 * 10
    assert buckets.take("neighbour", 10.0) == 0


def test_memory_stays_flat_whoever_comes() -> None:
    """Twenty thousand addresses leave no more behind than the table holds."""
    buckets, guesses = Buckets(Limit(1, 1), 100), Guesses(Limit(1, 1), 100)
    for number in range(20_000):
        buckets.take(str(number), number / 1000)
        guesses.wrong(str(number), b"x", number / 1000)
    assert len(buckets) == 100
    assert len(guesses._wrong) == 100 and len(guesses._buckets) == 100


def test_the_same_wrong_token_shuts_nobody_out() -> None:
    """A telephone with yesterday's cookie may go on asking; ten different guesses and the eleventh waits."""
    guesses = Guesses(Limit(1 / 6, 10))
    for _ in range(1000):
        guesses.wrong("phone", b"yesterday", 0.0)
    assert guesses.wait("phone", 0.0) == 0
    for number in range(10):
        guesses.wrong("thief", str(number).encode(), 0.0)
    assert guesses.wait("thief", 0.0) == pytest.approx(6.0)
    assert guesses.wait("thief", 6.1) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),  # one machine has a whole /64
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("", "testclient", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    """An IPv4 address is one; of IPv6 a /64, which one machine may have whole."""
    assert (key_of(one) == key_of(other)) is same
