"""A small MJPEG server for the loopback, as network cameras speak it, which can stall or die on demand."""

import socket
import threading
import time
from typing import Self

import cv2
import numpy as np

FPS = 20
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=wall\r\n\r\n"


def jpeg(number: int, colour: tuple[int, int, int], size: tuple[int, int] = (320, 240)) -> bytes:
    """A picture of one RGB colour with a mark that moves, and its number, below 250, in its top rows as grey."""
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = colour[::-1]
    picture[:16] = number
    left = number * 3 % (size[0] - 20)
    picture[100:120, left : left + 20] = 255
    return cv2.imencode(".jpg", picture)[1].tobytes()


class MjpegServer:
    """Serves ``http://127.0.0.1:port/cam`` to any number of viewers.

    ``stalled``: while set, it says nothing more but hangs up on nobody.  ``garbage``: sends noise instead.
    ``sent``: the number of the picture that was sent last.
    Leaving closes every connection at once.
    """

    def __init__(self, port: int, colour: tuple[int, int, int] = (255, 0, 0), *, garbage: bool = False) -> None:
        self.url = f"http://127.0.0.1:{port}/cam"
        self.stalled = threading.Event()
        self.sent = 0
        self._colour, self._garbage = colour, garbage
        self._door = socket.create_server(("127.0.0.1", port))
        self._door.settimeout(0.1)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        self._door.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                viewer, _ = self._door.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._send, args=(viewer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _send(self, viewer: socket.socket) -> None:
        noise = np.random.default_rng(0)
        with viewer:
            try:
                viewer.recv(65536)
                viewer.sendall(_HEAD)
                begin, number = time.monotonic(), 0
                while not self._over.wait(max(0.0, begin + number / FPS - time.monotonic())):
                    number += 1
                    if self.stalled.is_set():
                        continue
                    body = noise.bytes(3000) if self._garbage else jpeg(min(number, 250), self._colour)
                    head = b"--wall\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
                    viewer.sendall((b"" if self._garbage else head) + body + b"\r\n")
                    self.sent = number
            except OSError:
                return
