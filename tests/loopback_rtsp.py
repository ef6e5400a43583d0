"""A very small RTSP server for the loopback: one H.264 picture stream over TCP, which can stall or die on demand."""

import base64
import socket
import struct
import threading
import time
from fractions import Fraction
from typing import Self

import av
import numpy as np

FPS = 20
_START = b"\0\0\0\1"


def coded(colour: tuple[int, int, int], size: tuple[int, int] = (320, 240), count: int = FPS) -> list[list[bytes]]:
    """A second of H.264 that can be repeated: for each picture its NAL units, each short enough for one packet."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = size[0], size[1], "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "slices=1:repeat-headers=1"}
    picture = np.empty((size[1], size[0], 3), np.uint8)
    packets = []
    for i in range(count):
        picture[:] = colour
        picture[10:20, 10 + i * 4 : 20 + i * 4] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = i, Fraction(1, FPS)
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [_units(bytes(packet)) for packet in packets]


def _units(data: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in data.replace(_START, b"\0\0\1").split(b"\0\0\1") if unit]


class RtspServer:
    """Serves ``rtsp://127.0.0.1:port/wall`` to one viewer at a time.

    ``stalled``: while set, it says nothing more but hangs up on nobody.  Leaving closes every connection at once.
    """

    def __init__(self, port: int, colour: tuple[int, int, int] = (255, 0, 0)) -> None:
        self.url = f"rtsp://127.0.0.1:{port}/wall"
        self.stalled = threading.Event()
        self._pictures = coded(colour)
        self._door = socket.create_server(("127.0.0.1", port))
        self._door.settimeout(0.1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)
        self._door.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                viewer, _ = self._door.accept()
            except TimeoutError:
                continue
            with viewer:
                viewer.settimeout(0.02)
                try:
                    self._talk(viewer)
                except OSError:
                    continue

    def _talk(self, viewer: socket.socket) -> None:
        """Answer requests, and between them send pictures once they were asked for."""
        heard, playing, sent, stamp = b"", False, 0, 0
        begin = time.monotonic()
        while not self._over.is_set():
            try:
                said = viewer.recv(65536)
                if not said:
                    return
                heard += said
            except TimeoutError:
                pass
            if self.stalled.is_set():
                continue
            while b"\r\n\r\n" in heard:
                request, heard = heard.split(b"\r\n\r\n", 1)
                if request[:1] == b"$":
                    continue  # a receiver's report; nothing to learn from it here
                viewer.sendall(self._answer(request.decode("ascii", "replace")))
                if request.startswith(b"PLAY"):
                    playing, begin, sent = True, time.monotonic(), 0
            while playing and sent < (time.monotonic() - begin) * FPS:
                units = self._pictures[sent % len(self._pictures)]
                for i, unit in enumerate(units):
                    head = struct.pack(
                        ">BBHII", 0x80, 96 | (i == len(units) - 1) << 7, stamp & 0xFFFF, sent * 90000 // FPS, 7
                    )
                    viewer.sendall(struct.pack(">cBH", b"$", 0, len(head) + len(unit)) + head + unit)
                    stamp += 1
                sent += 1

    def _answer(self, request: str) -> bytes:
        verb = request.split(" ", 1)[0]
        number = next(
            (line.split(":")[1].strip() for line in request.splitlines() if line.lower().startswith("cseq")), "0"
        )
        lines, body = ["RTSP/1.0 200 OK", f"CSeq: {number}", "Session: 1"], ""
        if verb == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        elif verb == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        elif verb == "DESCRIBE":
            sets = ",".join(base64.b64encode(unit).decode() for unit in self._pictures[0] if unit[0] & 31 in (7, 8))
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=wall\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\na=control:0\r\n"
            )
            lines += [f"Content-Base: {self.url}/", "Content-Type: application/sdp"]
        lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
