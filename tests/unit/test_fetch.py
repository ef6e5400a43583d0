"""Networks are downloaded over a real connection: resumed when it breaks, checked, and never left half-written."""

import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from models import fetch as fetching
from models.fetch import fetch
from models.weights import Known, NetworkError, known_networks

PAYLOAD = bytes(hashlib.sha256(b"dreamwall").digest()) * 40_000  # 1.28 MB
KNOWN = Known(
    kind="googlenet",
    name="small",
    file="small.pth",
    sha256=hashlib.sha256(PAYLOAD).hexdigest(),
    size=len(PAYLOAD),
    licence="CC0-1.0",
    source="the tests",
    cite="nobody",
)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves PAYLOAD as told by the class attributes, and notes what was asked for."""

    protocol_version = "HTTP/1.1"
    content: ClassVar[bytes]
    knows_ranges: ClassVar[bool]
    status: ClassVar[int | None]
    breaks_after: ClassVar[list[int]]  # bytes after which each coming connection breaks off; when empty, none does
    stalls_at: ClassVar[int | None]  # bytes after which the connection goes silent until `release`
    release: ClassVar[threading.Event]
    asked: ClassVar[list[str | None]]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Server.asked.append(wanted)
        if self.status:
            self.send_error(self.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.knows_ranges else 0
        if start and start >= len(self.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        stop = Server.breaks_after.pop(0) if Server.breaks_after else self.stalls_at
        self.wfile.write(body[:stop])
        if stop is not None and stop < len(body):
            if self.stalls_at is not None:
                self.release.wait(30)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.content, Server.knows_ranges, Server.status = PAYLOAD, True, None
    Server.breaks_after, Server.stalls_at, Server.asked, Server.release = [], None, [], threading.Event()
    monkeypatch.setattr(fetching, "known_networks", lambda: {"small": KNOWN})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/small.pth"
        Server.release.set()
        server.shutdown()
        thread.join()


def refusal(folder: Path, url: str) -> str:
    with pytest.raises(NetworkError) as caught:
        fetch("small", folder, url=url, quiet=True, say=lambda _: None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_network_arrives_whole_and_its_licence_is_shown_first(url: str, tmp_path: Path, capsys) -> None:
    """Licence and source are shown before anything is asked for, then a progress bar, then the file is there."""
    said: list[str] = []

    def say(text: str) -> None:
        assert not Server.asked
        said.append(text)

    path = fetch("small", tmp_path / "new" / "folder", url=url, say=say)
    assert path == tmp_path / "new" / "folder" / "small.pth"
    assert path.read_bytes() == PAYLOAD
    assert list(path.parent.iterdir()) == [path]
    assert "CC0-1.0" in said[0]
    assert "the tests" in said[0]
    assert "small.pth: 100%" in capsys.readouterr().err


def test_a_network_that_is_there_is_not_fetched_again(url: str, tmp_path: Path) -> None:
    """Fetching twice asks the server once; a damaged file of that name is replaced."""
    path = fetch("small", tmp_path, url=url, quiet=True)
    fetch("small", tmp_path, url=url, quiet=True)
    assert len(Server.asked) == 1
    path.write_bytes(b"damaged")
    assert fetch("small", tmp_path, url=url, quiet=True).read_bytes() == PAYLOAD


def test_a_fetch_that_was_killed_goes_on_where_it_stopped(url: str, tmp_path: Path) -> None:
    """Kill it in mid-download: what came is kept, under no real name yet, and then only the rest is asked for."""
    Server.stalls_at = 700_000
    program = f"""
        from pathlib import Path
        import models.fetch
        from models.weights import Known
        models.fetch.known_networks = lambda: {{"small": {KNOWN!r}}}
        models.fetch.fetch("small", Path({str(tmp_path)!r}), url={url!r}, quiet=True)
    """
    part = tmp_path / "small.pth.part"
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=Path(__file__).parents[2]) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 600_000):
            assert process.poll() is None, "the fetch ended by itself"
            assert time.monotonic() < deadline, "nothing arrived"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    came = part.stat().st_size
    assert not (tmp_path / "small.pth").exists()

    Server.stalls_at = None
    Server.release.set()
    assert fetch("small", tmp_path, url=url, quiet=True).read_bytes() == PAYLOAD
    assert Server.asked == [None, f"bytes={came}-"]
    assert not part.exists()


def test_a_connection_that_breaks_is_taken_up_again(url: str, tmp_path: Path) -> None:
    """A line that drops twice still ends in one whole file, each time from where it was."""
    Server.breaks_after = [500_000, 200_000]
    assert fetch("small", tmp_path, url=url, quiet=True).read_bytes() == PAYLOAD
    assert Server.asked == [None, "bytes=500000-", "bytes=700000-"]


def test_a_line_that_brings_nothing_more_is_given_up_and_kept(url: str, tmp_path: Path) -> None:
    """When nothing comes any more the fetch ends with how far it came, and the next one goes on from there."""
    Server.breaks_after = [500_000, 0]
    assert "broke off after 0.5 MB of 1.3 MB" in refusal(tmp_path, url)
    assert fetch("small", tmp_path, url=url, quiet=True).read_bytes() == PAYLOAD
    assert Server.asked[-1] == "bytes=500000-"


def test_a_server_that_cannot_resume_is_taken_from_the_start(url: str, tmp_path: Path) -> None:
    """A server that ignores Range sends the whole again; the two are not glued together."""
    Server.knows_ranges = False
    (tmp_path / "small.pth.part").write_bytes(PAYLOAD[:300_000])
    assert fetch("small", tmp_path, url=url, quiet=True).read_bytes() == PAYLOAD
    assert Server.asked == ["bytes=300000-"]


@pytest.mark.parametrize(
    ("part", "requests"),
    [(PAYLOAD, 1), (PAYLOAD + b"more", 2), (b"x" * len(PAYLOAD), 2)],
    ids=["whole", "long", "other"],
)
def test_a_part_with_nothing_left_to_fetch_is_used_or_started_anew(
    part: bytes, requests: int, url: str, tmp_path: Path
) -> None:
    """Killed just before the end, the next fetch only renames; a part that is not this file is thrown away (416)."""
    (tmp_path / "small.pth.part").write_bytes(part)
    assert fetch("small", tmp_path, url=url, quiet=True).read_bytes() == PAYLOAD
    assert len(Server.asked) == requests


def test_a_wrong_checksum_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    """A file that is not what was promised is deleted and said so."""
    Server.content = PAYLOAD[:-1] + b"!"
    message = refusal(tmp_path, url)
    assert f"instead of {KNOWN.sha256[:8]}" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_server_that_refuses_is_quoted(status: int, url: str, tmp_path: Path) -> None:
    """The server's own answer is in the message, with the address that was asked."""
    Server.status = status
    message = refusal(tmp_path, url)
    assert str(status) in message
    assert url in message


def test_offline_says_so_and_where_to_carry_the_file(tmp_path: Path, url: str) -> None:
    """Without a connection: one line, with the folder to carry the file into by hand."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    message = refusal(tmp_path, url.replace(url.split(":")[2], f"{port}/"))
    assert "cannot be reached" in message
    assert f"carry small.pth into {tmp_path}" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: a full disk needs /dev/full")
def test_a_full_disk_is_called_a_full_disk(url: str, tmp_path: Path) -> None:
    """A disk that fills up is named as such, with the room that is needed."""
    (tmp_path / "small.pth.part").symlink_to("/dev/full")
    message = refusal(tmp_path, url)
    assert f"{tmp_path} is full" in message
    assert "1.3 MB" in message


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="NOT TESTED: root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(url: str, tmp_path: Path) -> None:
    """A cache folder without permission to write ends in one line that names it."""
    tmp_path.chmod(0o500)
    assert "cannot be written: Permission denied" in refusal(tmp_path, url)


def test_a_file_in_the_way_of_the_folder_is_named(url: str, tmp_path: Path) -> None:
    """A cache folder that cannot be made, since a file has its name, ends in one line that names it."""
    (tmp_path / "cache").write_bytes(b"")
    assert f"{tmp_path / 'cache'} cannot be written" in refusal(tmp_path / "cache", url)


def test_networks_that_cannot_be_fetched_say_what_to_do(tmp_path: Path) -> None:
    """An unknown name lists the known ones; one without an address says where to put its file."""
    with pytest.raises(
        NetworkError, match=r"no network 'vgg' to fetch; there are inception_v3_2015, inception_v3, goog"
    ):
        fetch("vgg", tmp_path)
    assert known_networks()["inception_v3_2015"].url is None
    with pytest.raises(NetworkError, match=r"put inception_v3_2015\.safetensors into"):
        fetch("inception_v3_2015", tmp_path)
