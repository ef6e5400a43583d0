"""What program changes do to the picture: a real show whose programs change every second, asked for over its page.

    python -m benchmarks.program_changes [--seconds 60] [any options of dreamwall run]

Shows on the display there is.  Prints the intervals of the screen without changes and with them, and the most that a
knob (as a share of its range) or a layer's weight moved from one refresh to the next, with what that should be at most.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from installation.programs import Programs

BEGIN = 5.0  # seconds in which the network is loaded and the first picture comes
WARM = 8.0  # seconds until the dream has begun
PORT = 8790
MARGIN = 4.0  # seconds of show after the last change


def measure(seconds: float, options: list[str], *, changes: bool) -> dict[str, Any]:
    """Play ``seconds`` and return the report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        length = WARM + seconds + MARGIN
        command = [sys.executable, "-m", "installation", "--port", str(PORT), "--seconds", str(length)]
        show = subprocess.Popen([*command, "--report", str(report), *options], stderr=subprocess.DEVNULL)
        time.sleep(WARM)
        count, begun = len(Programs.load()), time.monotonic()
        for number in range(int(seconds) if changes else 0):
            time.sleep(max(0.0, begun + number - time.monotonic()))
            do(f"program {number % count + 1}")
        show.wait(length + 60)
        figures: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return figures


def do(action: str) -> None:
    """Ask the page for an action."""
    body = json.dumps({"action": action}).encode()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/do",
        body,
        {"content-type": "application/json", "origin": f"http://127.0.0.1:{PORT}"},
        method="POST",
    )
    urllib.request.urlopen(asked, timeout=5).read()  # noqa: S310


def main(argv: list[str]) -> None:
    """Both shows and a table."""
    seconds = 60.0
    if "--seconds" in argv:
        at = argv.index("--seconds")
        seconds = float(argv[at + 1])
        argv = argv[:at] + argv[at + 2 :]
    for name, changes in (("left alone", False), ("a program a second", True)):
        figures = measure(seconds, argv, changes=changes)
        interval = figures["screen_interval_ms"]
        longest = max((row["ms"] for row in figures["longest_intervals"] if row["at_s"] > BEGIN), default=0.0)
        print(
            f"{name:20} interval ms median {interval['median']}, p95 {interval['p95']}, after the first {BEGIN:g} s at "
            f"most {longest} ({longest / interval['median']:.2f} medians); dream {figures['dream_fps']}/s, "
            f"{len(figures['programs'])} programs"
        )
        print(
            " " * 20, "longest:", ", ".join(f"{row['ms']} at {row['at_s']} s" for row in figures["longest_intervals"])
        )
    print("largest step:", ", ".join(f"{name} {step:.4f}" for name, step in figures["largest_step"].items()))
    least = min(row["fade"] for row in figures["programs"])
    widest = longest / 1000
    print(f"a fade of {least:g} s may move {1.5 * widest / least:.4f} in the longest refresh")


if __name__ == "__main__":
    main(sys.argv[1:])
