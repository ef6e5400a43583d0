"""TensorRT's two distributions, and what they say while they work.

Their Python interfaces are the same.  `RTX` is for GeForce and RTX cards: ordinary wheels, engines in seconds, also on
a machine without a card, since it names the card to build for and leaves the last of the compiling to the card's own
machine.  `FULL` is for every NVIDIA card, tries kernels out on the one that is there, and needs NVIDIA's own index.
"""

import re
from collections import deque
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from models.ascent.compiled import BuildError, one_line

RTX, FULL = "tensorrt_rtx", "tensorrt"
INSTALL = {
    RTX: "pip install 'dreamwall[rtx]' (GeForce and RTX cards)",
    FULL: "pip install 'dreamwall[tensorrt]' (every NVIDIA card)",
}


class Library:
    """One of the distributions, ready to be used.  ``name`` is `RTX` or `FULL`, ``trt`` the module.

    ``title`` names it with its version, ``targets`` are the cards it can build for unseen, by their "sm_89"; none for
    `FULL`, which builds for the card it finds.  Raises BuildError where it is not installed or cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        try:
            self.trt: Any = import_module(name)
        except ModuleNotFoundError as error:
            raise BuildError(f"{name} is not installed; {INSTALL[name]}") from error
        except Exception as error:  # its libraries are loaded while it is imported, and may be of another system
            raise BuildError(f"{name} cannot be loaded ({one_line(error)}); {INSTALL[name]}") from error
        # torch_tensorrt puts TensorRT-RTX in the place of the full one, under the full one's name.
        if name != RTX and vars(self.trt).get("_package_name") == RTX:
            raise BuildError(f"{name} is not installed; {INSTALL[name]}")
        self.name = name
        self.title = f"{name} {self.trt.__version__}"
        self.logger = _listener(self.trt)

    @property
    def targets(self) -> dict[str, Any]:
        if self.name != RTX:
            return {}
        members = self.trt.ComputeCapability.__members__
        return {f"sm_{name[2:]}": member for name, member in members.items() if name[:2] == "SM" and name[2:].isdigit()}

    def listen(self) -> None:
        """Forget what was said: what comes next is about what is tried next."""
        self.logger.errors.clear()

    def reason(self) -> str:
        """Why the last thing failed, in the library's own words, in one line."""
        if not self.logger.errors:
            return "no reason given"
        # The first says what happened.  Those after it say that something had happened.
        text = re.sub(r"\(?\s*In \S+ at \S+\)?", "", self.logger.errors[0])
        text = re.sub(r"OutOfMemory\b", "out of memory", text)
        text = re.sub(r"^\[?\w+::\S+\s+|Error Code \d+:\s*", "", " ".join(text.split()))
        if text.count("(") > text.count(")"):
            text += ")"
        return text if len(text) <= 200 else f"{text[:200]}..."


@cache
def _listener(trt: ModuleType) -> Any:
    """The one that hears all.  TensorRT keeps to its first logger, whatever others it is given while that is in use."""

    class Listener(trt.ILogger):  # type: ignore[misc, name-defined]
        """Keeps errors, prints nothing."""

        def __init__(self) -> None:
            super().__init__()
            self.errors: deque[str] = deque(maxlen=20)

        def log(self, severity: Any, message: str) -> None:
            if severity in {trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR}:
                self.errors.append(message)

    listener = Listener()
    listener.in_use = trt.Runtime(listener)  # or torch_tensorrt's, which prints, would be the first
    return listener
