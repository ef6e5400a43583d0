"""The commands.  ``dreamwall`` without one is the live show."""

import json
import logging
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from installation.errors import DreamwallError, SettingsError
from installation.heap import keep_pages
from installation.options import given, parse
from installation.settings import Settings, laid_over, load_settings

REPORTED = (
    "network", "layers", "size", "steps", "engine", "governor", "camera_fps", "dream_fps", "screen_fps",
    "screen_interval_ms", "longest_intervals", "latency_refreshes", "depth", "cling", "drops", "programs",
    "largest_step", "kiosk", "events", "sha256",
)  # fmt: skip
REFUSED = 2  # exit code: something that was asked for cannot be had


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code.  Every problem a person can mend is one line on stderr."""
    options = parse(sys.argv[1:] if argv is None else argv)
    keep_pages()
    logging.basicConfig(format="dreamwall: %(message)s", level=logging.WARNING)
    try:
        settings = load_settings(getattr(options, "config", None), laid_over(_recalled(options), given(options)))
        _writable(getattr(options, "report", None))
        return DO[options.command](options, settings)
    except DreamwallError as error:
        for line in str(error).splitlines():
            print(f"dreamwall: {line}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return 130


def _run(options: Namespace, settings: Settings) -> int:
    from installation.rig import play

    _write(options.report, play(settings, options.seconds, options.frames, _say))
    return 0


def _rehearse(options: Namespace, settings: Settings) -> int:
    from installation.rehearsal import rehearse

    report = rehearse(settings, options, _say)
    _write(options.report, report)
    return 0


def _still(options: Namespace, settings: Settings) -> int:
    from installation.still import still

    still(
        options.picture,
        options.out,
        settings,
        frames=options.frames,
        reference=options.reference,
        channels=options.channels or (),
        mask=options.mask,
        say=_say,
    )
    return 0


def _looks(options: Namespace, settings: Settings) -> int:
    from installation.looks import looks

    looks(options.picture, options.out, settings, frames=options.frames, say=_say)
    return 0


def _fetch(options: Namespace, settings: Settings) -> int:  # noqa: ARG001 (every command is called alike)
    from models.fetch import fetch
    from models.weights import NetworkError, known_networks

    if options.name is None:
        for name, known in known_networks().items():
            print(f"{name}: {known.source}; licence {known.licence}" + ("" if known.url else "; no public address"))
        return 0
    try:
        print(fetch(options.name))
    except NetworkError as error:
        raise SettingsError(str(error)) from error
    return 0


def _prepare(options: Namespace, settings: Settings) -> int:
    from installation.prepare import prepare

    return min(prepare(settings, options, _say), 1)


def _bench(options: Namespace, settings: Settings) -> int:  # noqa: ARG001
    from installation.bench import bench

    return bench(options, _say)


def _check_film(options: Namespace, settings: Settings) -> int:  # noqa: ARG001
    from installation.check_film import check_film

    return check_film(options, _say)


def _calibrate(options: Namespace, settings: Settings) -> int:
    from installation.calibrate.commands import calibrate

    return calibrate(options, settings, _say)


def _devices(options: Namespace, settings: Settings) -> int:  # noqa: ARG001
    from installation.devices import lines

    print("\n".join(lines()))
    return 0


def _midi(options: Namespace, settings: Settings) -> int:  # noqa: ARG001
    from installation.control.midi.monitor import listing, monitor

    print("\n".join(listing()))
    if not options.list:
        monitor(print, options.seconds)
    return 0


def _doctor(options: Namespace, settings: Settings) -> int:
    from installation.doctor import doctor

    return doctor(json=options.json, settings=settings)


DO = {
    "run": _run,
    "rehearse": _rehearse,
    "still": _still,
    "looks": _looks,
    "fetch": _fetch,
    "prepare": _prepare,
    "bench": _bench,
    "check-film": _check_film,
    "calibrate": _calibrate,
    "devices": _devices,
    "midi": _midi,
    "doctor": _doctor,
}


def _recalled(options: Namespace) -> dict[str, Any]:
    """The settings inside the snapshot given with ``--from``."""
    path = getattr(options, "recalled", None)
    if path is None:
        return {}
    from installation.snapshot import read_snapshot

    snapshot = read_snapshot(path)
    for note in snapshot.notes:
        _say(f"{path}: {note}")
    return snapshot.settings_given(given(options))


def _say(line: str) -> None:
    print(f"dreamwall: {line}", file=sys.stderr, flush=True)


def _writable(report: Path | None) -> None:
    """A report that cannot be written is refused before the show, not after it."""
    if report is None:
        return
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.open("a").close()
    except OSError as error:
        raise SettingsError(f"--report: {report} cannot be written: {error.strerror}") from error


def _write(report: Path | None, figures: dict[str, Any]) -> None:
    if report is None:
        return
    whole = dict.fromkeys(REPORTED) | figures
    report.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
