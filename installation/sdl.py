"""SDL as a wall needs it.  Import pygame from here: SDL reads its environment when it is loaded, and only then.

Importing this opens no window.
"""

import os
import sys
import tempfile

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS", "0")  # else a click on the operator's screen drops the wall
os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")  # SIGTERM is the show's, not SDL's
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")  # a plain surface goes to X as shared memory, no texture
if sys.platform == "linux":
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())  # else Wayland's library complains at every start

import pygame

__all__ = ["pygame"]
