"""The operator's page: every knob, every program, how the show is doing, and the picture for whoever may see it.

Where a machine has no display the page is its screen as well.  `page.py` is the page's life, `gate.py` says who comes
in, `hands.py` and `figures.py` what he can turn and read; `static/` is what the browser gets.
"""

from installation.page.page import PORT, Page

__all__ = ["PORT", "Page"]
