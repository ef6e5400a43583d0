"""What the show says of itself follows what is true."""

from types import SimpleNamespace

from fakes import a_desk
from installation.announce import Announce
from installation.clock import HandClock
from installation.settings import Settings
from installation.vitals import Vitals

READY = {
    "network": "inception_v3",
    "layers": "Mixed_6b",
    "engine": "eager, while an engine is built",
    "choice": "inception_v3 from the cache",
    "steps": 2,
    "available": ("Mixed_6b",),
    "stops": 1,
}


def test_an_engine_that_is_swapped_in_is_told():
    """Said once when it changes, and from then on in the HUD and the report; everything else is said once."""
    said, vitals = [], Vitals(HandClock())
    worker = SimpleNamespace(ready=None, pid=1, restarts=0, dropped={})
    announce = Announce(
        Settings(),
        desk=a_desk(),
        front=SimpleNamespace(on_air="clouds", drops=0),
        worker=worker,
        screen=SimpleNamespace(status="a page", name="page", guard=""),
        vitals=vitals,
        say=said.append,
    )
    announce()
    assert "engine\tstarting" in announce.lines()
    worker.ready = READY
    announce()
    announce()
    worker.ready = {**READY, "engine": "tensorrt, float16"}
    announce()
    announce()
    assert [line for line in said if line.startswith("engine")] == [
        "engine: eager, while an engine is built",
        "engine: tensorrt, float16",
    ]
    assert "engine\ttensorrt, float16" in announce.lines()
    assert vitals.report()["engine"] == "tensorrt, float16"
    assert sum(line.startswith("network") for line in said) == 1
