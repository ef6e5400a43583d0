"""The page's figures, in words and for Prometheus."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import a_desk
from installation.clock import HandClock
from installation.knobs import KNOBS
from installation.page import figures
from installation.page.metrics import Metric, exposition, metrics
from installation.page.sensors import AGAIN, Temperatures
from installation.page.wire import answer, plain

VITALS = {
    "camera_fps": 29.97,
    "dream_fps": 8.25,
    "screen_fps": 60.0,
    "latency_refreshes": 1,
    "refreshes": 5000,
    "uptime_s": 3700.0,
    "events": [{"time": 10.0, "what": "first"}, {"time": 3690.0, "what": "second", "count": 3}],
    "network": "leap",
    "size": [320, 240],
    "steps": 1,
    "engine": None,
    "drops": {"camera": 4, "frames": 0},
    "ages": {"dream": 0.25},
    "worker_restarts": 2,
    "events_total": 41,
    "moons": 2,
}


def test_the_lines_say_what_an_operator_asks() -> None:
    """Source, network, engine, latency, drops, ages, controllers and heat, and a figure nobody foresaw."""
    rows = dict(figures.lines(VITALS, {"cpu": 61.4}, ["MIDI\tnanoKONTROL2"]))
    assert rows["network"] == "leap, 320x240, 1 step"
    assert rows["engine"] == "starting"
    assert rows["latency"] == "1 refresh from camera to screen"
    assert rows["dropped"] == "camera 4, frames 0"
    assert rows["ages"] == "dream 0.2 s"
    assert rows["MIDI"] == "nanoKONTROL2"
    assert rows["temperature"] == "cpu 61 °C"
    assert rows["moons"] == "2"
    assert rows["running for"] == "1 h 1 min"
    assert "camera_fps" not in rows and "events" not in rows


def test_rates_and_events() -> None:
    """Rates by name; the last events newest first, with how long ago each was."""
    assert figures.rates(VITALS)[0] == {"name": "camera", "per_second": 30.0}
    first, second = figures.events(VITALS)
    assert first == {"ago_s": 10.0, "what": "second", "count": 3}
    assert second["ago_s"] == 3690.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(41.2, "41 s"), (60, "1 min"), (11_100, "3 h 5 min"), (9 * 86400 + 4 * 3600, "9 d 4 h")]
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    """As a person says them."""
    assert figures.lasting(seconds) == words


loose = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8)
    | st.builds(np.float32, st.floats(width=32)) | st.builds(np.int64, st.integers(-9, 9)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([*VITALS, "x_fps", "y_s", "temperatures"]), loose))
def test_whatever_the_vitals_say_it_can_be_written(vitals: dict[str, object]) -> None:
    """No figure, however odd, breaks the page: NaN, bytes, numpy's numbers, half a letter."""
    body = json.loads(bytes(answer({"vitals": vitals, "odd": "\ud800"}).body))
    assert set(body["vitals"]) == set(vitals)
    assert all(len(row) == 2 for row in figures.lines({k: v for k, v in vitals.items() if k != "events"}, {}, []))


def test_plain_values() -> None:
    """What is not finite is null."""
    assert plain([math.nan, math.inf, np.float64(1.5), np.int32(3), np.array(2.0), Path("x"), {1: (True,)}]) == [
        None, None, 1.5, 3, 2.0, "x", {"1": [True]},
    ]  # fmt: skip


def written() -> str:
    desk = a_desk(zoom=0.25)
    desk.board.look(0.0)
    return exposition(metrics(VITALS, desk, refreshes=1, age=0.02, watchers=3, temperatures={"cpu": 61.5}))


def test_every_metric_is_declared_once_and_says_its_kind() -> None:
    """HELP and TYPE before its samples, counters end in _total, every knob and switch is there."""
    text = written()
    lines = text.splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) > 8
    for name in names:
        at = lines.index(next(line for line in lines if line.startswith(f"# TYPE {name} ")))
        assert lines[at - 1].startswith(f"# HELP {name} ")
        assert lines[at + 1].startswith((f"{name} ", f"{name}{{"))
        assert (" counter" in lines[at]) == name.endswith("_total")
    assert "dreamwall_refreshes_total 5000\n" in text
    assert 'dreamwall_drops_total{of="camera"} 4\n' in text
    assert 'dreamwall_age_seconds{of="refresh"} 0.02\n' in text
    assert "dreamwall_worker_restarts_total 2\n" in text and "dreamwall_events_total 41\n" in text
    assert 'dreamwall_knob{name="zoom"} 0.25\n' in text
    assert all(f'dreamwall_knob{{name="{name}"}}' in text for name in KNOBS)
    assert text.endswith("\n") and "None" not in text


def test_prometheus_reads_it() -> None:
    """Its own reader finds every value, and odd letters as they were."""
    parser = pytest.importorskip("prometheus_client.parser")
    families = {family.name: family for family in parser.text_string_to_metric_families(written())}
    assert families["dreamwall_refreshes"].type == "counter"
    assert {s.labels["name"]: s.value for s in families["dreamwall_knob"].samples}["zoom"] == 0.25
    odd = 'back\\slash "quote"\nline ü {x="1"} 5'
    metric = Metric("odd", "gauge", odd).add(math.inf, of=odd).add(math.nan, of="n").add(-1.5e300, of="big")
    (family,) = parser.text_string_to_metric_families(exposition([metric]))
    assert family.documentation == odd.replace('\\"', '"') or family.documentation == odd
    assert [s.labels["of"] for s in family.samples] == [odd, "n", "big"]
    assert family.samples[0].value == math.inf and family.samples[2].value == -1.5e300


def test_temperatures_are_read_seldom(tmp_path: Path) -> None:
    """Zones and monitors by name, nonsense left out, at most every five seconds; a machine without any has none."""
    zone, monitor = tmp_path / "thermal/thermal_zone0", tmp_path / "hwmon/hwmon2"
    zone.mkdir(parents=True)
    monitor.mkdir(parents=True)
    (zone / "type").write_text("x86_pkg_temp\n")
    (zone / "temp").write_text("51000\n")
    (monitor / "name").write_text("amdgpu\n")
    (monitor / "temp1_input").write_text("64500\n")
    (monitor / "temp1_label").write_text("edge\n")
    (monitor / "temp2_input").write_text("65500\n")
    (monitor / "temp3_input").write_text("-273150\n")  # there is no sensor
    (monitor / "temp4_input").write_text("broken\n")
    clock = HandClock(7.0)
    heat = Temperatures(clock.now, tmp_path)
    assert heat() == {"x86_pkg_temp": 51.0, "amdgpu edge": 64.5, "amdgpu": 65.5}
    (zone / "temp").write_text("80000\n")
    clock.sleep(AGAIN - 0.1)
    assert heat()["x86_pkg_temp"] == 51.0
    clock.sleep(0.2)
    assert heat()["x86_pkg_temp"] == 80.0
    assert Temperatures(clock.now, tmp_path / "nowhere")() == {}
