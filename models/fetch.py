"""Fetching networks: shown licence, progress, going on where a broken download stopped, checksum, no half files.

A download grows in ``NAME.part`` and takes its real name only when its sha256 is right.
"""

from __future__ import annotations

import errno
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tqdm import tqdm

from models.weights import Known, NetworkError, cache_dir, checksum, known_networks

CHUNK = 1 << 18
PATIENCE = 30.0  # seconds that a server may be silent


def fetch(
    name: str,
    to: Path | None = None,
    *,
    url: str | None = None,
    say: Callable[[str], None] = print,
    quiet: bool = False,
) -> Path:
    """Download the known network ``name`` into the folder ``to`` (default: the cache folder) and return its path.

    Shows source and licence through ``say`` first. A file that is already there and right is left alone; one that is
    half there is gone on with. ``url`` replaces the one in ``weights.toml``, for a mirror; the checksum stays.
    ``quiet`` hides the progress bar. Raises NetworkError, one line, for everything that can go wrong.
    """
    known = known_networks().get(name)
    if known is None:
        raise NetworkError(f"there is no network {name!r} to fetch; there are {', '.join(known_networks())}")
    target = (to or cache_dir()) / known.file
    url = url or known.url
    try:
        if target.is_file() and checksum(target).startswith(known.sha256):
            say(f"{name}: already there, {target}")
            return target
        if url is None:
            raise NetworkError(
                f"{name} is not to be had on the internet: put {known.file} into {target.parent} yourself"
            )
        say(f"{name}: {known.source}\nlicence: {known.licence}\ncite: {known.cite}\nfrom {url}\nto {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        return _Download(known, url, target, quiet=quiet).run()
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NetworkError(
                f"{target.parent} is full: make room ({_megabytes(known.size)}) and fetch again, it goes on from there"
            ) from error
        raise NetworkError(f"{error.filename or target} cannot be written: {error.strerror or error}") from error


class _Download:
    """One file on its way, over as many connections as it takes."""

    def __init__(self, known: Known, url: str, target: Path, *, quiet: bool) -> None:
        self._known, self._url, self._target, self._quiet = known, url, target, quiet
        self._part = target.with_name(target.name + ".part")
        self._total: int | None = known.size

    def run(self) -> Path:
        """Connect as long as each connection brings something; then check and rename."""
        while True:
            before = self._have()
            whole = self._connect()
            if whole:
                break
            if self._have() <= before:
                raise NetworkError(
                    f"{self._host()} broke off after {_megabytes(self._have())} of {_megabytes(self._total)}:"
                    " fetch again, it goes on from there"
                )
        found = checksum(self._part)
        if not found.startswith(self._known.sha256):
            self._part.unlink()
            raise NetworkError(
                f"what {self._host()} sent is not {self._known.file}: its sha256 begins with {found[:8]} instead of"
                f" {self._known.sha256[:8]}; it was deleted, fetch again"
            )
        self._part.replace(self._target)
        return self._target

    def _connect(self) -> bool:
        """Take what one connection gives. True: the server has sent everything; False: it broke off."""
        start = self._have()
        request = urllib.request.Request(self._url, headers={"User-Agent": "dreamwall"})  # noqa: S310 (weights.toml)
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
                    first, whole = _content_range(answer.headers.get("Content-Range"))
                    if first != start:
                        raise NetworkError(f"{self._host()} sent another piece of the file than it was asked for")
                    self._total = whole or self._total
                else:  # the whole file, whether or not a piece was asked for
                    start = 0
                    length = answer.headers.get("Content-Length")
                    self._total = int(length) if length else None
                with self._part.open("r+b" if start else "wb") as file:
                    file.seek(start)
                    self._receive(answer, file)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                return self._nothing_left(error)
            raise NetworkError(f"{self._host()} answers {error.code} {error.reason} for {self._url}") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError, _BrokeOffError):
            return False
        except urllib.error.URLError as error:
            if self._have():  # it was there a moment ago: say how far it came
                return False
            raise NetworkError(
                f"{self._host()} cannot be reached ({error.reason}): connect this machine to the internet, or carry"
                f" {self._known.file} into {self._target.parent}"
            ) from error
        return self._total is None or self._have() >= self._total

    def _nothing_left(self, error: urllib.error.HTTPError) -> bool:
        """416: there is nothing after what we have. Either it is whole, or it is not this file: then from the start."""
        _, whole = _content_range(error.headers.get("Content-Range"))
        if self._have() == (whole or self._have()) and checksum(self._part).startswith(self._known.sha256):
            return True
        self._part.unlink()
        return self._connect()

    def _receive(self, answer: http.client.HTTPResponse, file: IO[bytes]) -> None:
        with tqdm(
            desc=self._known.file,
            total=self._total,
            initial=file.tell(),
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=self._quiet,
        ) as bar:
            while chunk := _read(answer):
                file.write(chunk)
                bar.update(len(chunk))
        file.truncate()
        file.flush()
        os.fsync(file.fileno())

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _host(self) -> str:
        return urllib.parse.urlsplit(self._url).netloc or self._url


class _BrokeOffError(Exception):
    """The network failed, as against the disk: both speak in OSError."""


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(CHUNK)  # what is there, without waiting for a whole chunk
    except OSError as error:
        raise _BrokeOffError from error


def _content_range(header: str | None) -> tuple[int | None, int | None]:
    """(first byte, size of the whole) of a Content-Range header such as "bytes 7-99/100"; None where it is silent."""
    piece, _, whole = (header or "").removeprefix("bytes ").partition("/")
    first = piece.partition("-")[0]
    return int(first) if first.isdigit() else None, int(whole) if whole.isdigit() else None


def _megabytes(size: int | None) -> str:
    return "an unknown size" if size is None else f"{size / 1e6:.1f} MB"
