"""What is plugged in: cameras with their modes, and displays."""

from installation.errors import SinkError
from installation.sinks.window import list_displays
from installation.sources.camera import list_cameras


def lines() -> list[str]:
    """One line for each camera and display, and what to do where there is none."""
    cameras = list_cameras()
    found = ["cameras:"]
    found += [f"  {camera}" for camera in cameras] or ["  none; plug one in, or give a stream or file with --source"]
    found.append("displays:")
    try:
        found += [f"  {display}" for display in list_displays()]
    except SinkError as error:
        found.append(f"  none ({error}); the show will be a page at http://127.0.0.1:8750/")
    return found
