"""Engines on disk: built once, found again at the next start, and never trusted.

A file is found by its key, which says all that an engine depends on: another network, card or compiler has another
name.  It begins with a checksum of everything after it, so that an engine cut short by a full disk or a lost supply is
told from a whole one before a compiler's library, which might crash on it, sees a byte of it.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from models.ascent.compiled import BuildError, Compiler
from models.ascent.fingerprint import fingerprint
from models.network import Network
from models.weights import cache_dir

# Raise the number when the layout changes, or when the graph is written out in another way: older engines are rebuilt.
MAGIC = b"dreamwall engine 1\n"
SUFFIX, UNFINISHED = ".engine", ".part"
SUM = hashlib.sha256().digest_size
USUAL_LIMIT = 4 << 30  # bytes; some hundred engines
LEFT_BEHIND = 3600.0  # seconds after which an unfinished file is nobody's any more
LONGEST_HEADER = 1 << 16  # bytes
SMALLEST_ROOM = 128 << 20  # bytes; no build is begun with less, since an engine may want that much
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Header = dict[str, object]


@dataclass(frozen=True, slots=True)
class Key:
    """All that an engine depends on.

    ``kind``: of the network, for the person who reads file names.  ``network``: `fingerprint` of its weights down to
    the deepest layer.  ``size``: (height, width).  ``version``: the compiler's, with its name.
    """

    kind: str
    network: str
    layers: tuple[str, ...]
    size: tuple[int, int]
    precision: str
    version: str
    target: str

    @classmethod
    def of(cls, compiler: Compiler, network: Network, layers: Sequence[str], size: tuple[int, int]) -> "Key":
        """The key of the engine that ``compiler`` makes for ``layers`` of ``network`` at ``size``."""
        return cls(
            network.name,
            fingerprint(network, layers[-1]),
            tuple(layers),
            (size[0], size[1]),
            compiler.precision,
            compiler.version,
            compiler.target,
        )

    @property
    def name(self) -> str:
        """The file's name: readable as far as it goes, and no other key has it."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:12]
        return f"{self.begins}{_plain(self.precision)}-{_plain(self.target)}-{digest}{SUFFIX}"

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def begins(self) -> str:
        return f"{_plain(self.kind)}-{_plain(self.layers[-1])}-{self.size[1]}x{self.size[0]}-"

    def differs(self, header: Header) -> str:
        """How the engine with ``header`` is another, in words: "its target is sm_86, not sm_89"; "" when it is not."""
        mine = json.loads(self.text)
        for name in ("target", "version", *mine):  # what a person can do most about comes first
            if header.get(name) != mine[name]:
                return f"its {name} is {header.get(name)}, not {mine[name]}"
        return ""


class Store:
    """A folder of engines."""

    def __init__(
        self, folder: Path | None = None, *, limit: int = USUAL_LIMIT, event: Callable[[str], None] | None = None
    ) -> None:
        """``folder``: otherwise ``engines`` in the cache folder.  ``limit``: bytes that its engines may take.

        ``event`` is told, in one line, why an engine that is there is not used, and which ones had to go.
        """
        self.folder = folder or cache_dir() / "engines"
        self._limit = limit
        self._event = event or (lambda _line: None)

    def find(self, key: Key) -> bytes | None:
        """The engine of ``key``; None when it is not there, or not whole, which is told.  Never raises."""
        path = self.folder / key.name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._event(f"{path} cannot be read ({error.strerror}); its engine will be built again")
            return None
        opened = _opened(content)
        if opened is None:
            self._event(f"{path} is damaged and will be built again")
            return None
        header, engine = opened
        if why := key.differs(header):
            self._event(f"{path} holds another engine ({why}) and will be built again")
            return None
        with contextlib.suppress(OSError):  # a folder that may only be read is good enough
            os.utime(path)  # what was not used for longest goes first
        return engine

    def near(self, key: Key) -> str | None:
        """Why an engine that is there, for another card or of another compiler's version, is not that of ``key``."""
        mine = json.loads(key.text)
        for path in sorted(self.folder.glob(f"{key.begins}*{SUFFIX}")):
            with contextlib.suppress(OSError, ValueError, struct.error), path.open("rb") as file:
                file.seek(len(MAGIC) + SUM)
                (length,) = struct.unpack("<I", file.read(4))
                header = json.loads(file.read(min(length, LONGEST_HEADER)))
                others = {name for name in mine if header.get(name) != mine[name]}
                if others and others <= {"target", "version"}:
                    return f"{path} cannot be used here: {key.differs(header)}"
        return None

    def keep(self, key: Key, engine: bytes) -> Path:
        """Write ``engine`` to where `find` looks, whole or not at all; returns where.

        Raises BuildError when the folder cannot be written, or has no room.
        """
        path = self.folder / key.name
        part = self.folder / f"{key.name}.{os.getpid()}{UNFINISHED}"
        try:
            self._tidy()
            with part.open("wb") as file:
                file.write(_closed(key, engine))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise self._refusal(error, len(engine)) from error
        self._make_room(path)
        return path

    def forget(self, key: Key) -> None:
        """Remove the engine of ``key``, which turned out to be of no use.  Never raises."""
        with contextlib.suppress(OSError):
            (self.folder / key.name).unlink()

    def check(self) -> None:
        """Raise BuildError, saying why, where no engine could be kept: before minutes are spent on building one."""
        probe = self.folder / f"probe.{os.getpid()}{UNFINISHED}"
        try:
            self._tidy()
            free = shutil.disk_usage(self.folder).free
            probe.write_bytes(MAGIC)
            probe.unlink()
        except OSError as error:
            with contextlib.suppress(OSError):
                probe.unlink()
            raise self._refusal(error, SMALLEST_ROOM) from error
        if free < SMALLEST_ROOM:
            raise self._refusal(OSError(errno.ENOSPC, ""), SMALLEST_ROOM)

    def _refusal(self, error: OSError, size: int) -> BuildError:
        if error.errno in _NO_ROOM:
            return BuildError(
                f"no room in {self.folder} for an engine of {size / 1e6:.0f} MB:"
                " make some, or set DREAMWALL_CACHE to a folder on another disk"
            )
        return BuildError(
            f"{self.folder} cannot be written ({error.strerror}), so no engine can be kept:"
            " let it be written, or set DREAMWALL_CACHE to a folder that can"
        )

    def _tidy(self) -> None:
        """Make the folder, and remove what was begun there and never finished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob(f"*{UNFINISHED}"):
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > LEFT_BEHIND:
                    part.unlink()

    def _make_room(self, new: Path) -> None:
        """Remove the engines not used for longest until the limit is kept; ``new`` stays, however large."""
        there = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):  # another process may have removed it
                about = path.stat()
                there.append((about.st_mtime, about.st_size, path))
        total = sum(size for _, size, _ in there)
        for _, size, path in sorted(there):
            if total <= self._limit:
                break
            if path != new:
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size
                    self._event(f"{path} was removed: it was not used for longest, and engines may take"
                                f" {self._limit / 1e9:.1f} GB")  # fmt: skip


def _closed(key: Key, engine: bytes) -> bytes:
    header = key.text.encode()
    body = struct.pack("<I", len(header)) + header + engine
    return MAGIC + hashlib.sha256(body).digest() + body


def _opened(content: bytes) -> tuple[Header, bytes] | None:
    """The header and the engine in a file; None unless every byte is as it was written."""
    view = memoryview(content)
    body = view[len(MAGIC) + SUM :]
    if view[: len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != view[len(MAGIC) : len(MAGIC) + SUM]:
        return None
    try:
        (length,) = struct.unpack_from("<I", body)
        header = json.loads(bytes(body[4 : 4 + length]))
    except (ValueError, struct.error):
        return None
    return (header, bytes(body[4 + length :])) if isinstance(header, dict) else None


def _sync(folder: Path) -> None:
    """Let the new name reach the disk too, where a folder can be asked for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _plain(text: str) -> str:
    return re.sub(r"[^\w.]+", "_", text)
