"""Libraries that talk while they work, kept from talking into the show's lines.

Exporters and converters warn of what neither the operator nor we can change ("torchvision is not installed").  What
they call errors is kept: it is the only place where some of them say why they failed.
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def quiet(*loggers: str) -> Iterator[list[str]]:
    """Inside, ``loggers`` and all below them, warnings and prints reach nobody; gives what was said as an error.

    Warnings and prints are the process's, not the thread's: use it where engines are built, not beside the picture.
    """
    kept = _Kept()
    before = []
    for name in loggers:
        logger = logging.getLogger(name)
        before.append((logger, logger.handlers, logger.propagate))
        logger.handlers, logger.propagate = [kept], False
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield kept.errors
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())
