"""What can go wrong, as a tree.

    DreamwallError            every error whose message is meant for a person
    ├── SettingsError         a setting, option or file was refused before the doors opened
    ├── SourceError           a source could not be opened, or gave up; the understudy steps in
    └── SinkError             a screen, page or film could not be opened; the next best one is tried

Each message is one line: what happened, to which file or device, and what to do about it.
"""


class DreamwallError(Exception):
    """Carries one line for the person on the ladder."""


class SettingsError(DreamwallError):
    """Settings were refused; the message lists every problem, one a line."""


class SourceError(DreamwallError):
    """A camera, stream or file gave no frames.  Never ends the show."""


class SinkError(DreamwallError):
    """A screen, page or film could not be opened."""
