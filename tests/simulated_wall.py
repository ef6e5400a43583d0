"""A projector, a wall and a camera that are sums, so that it is known where everything truly lies.

Rays are followed: the projector's pixels are boxes of light, thrown through a pinhole at a wall that may be slanted or
bulge, and at a pillar that stands before it and casts a shadow.  The camera sees this with its lens's distortion, blur,
the room's light, paint that is not even, light that comes back from the other places, shot and readout noise, its
gamma, and whole levels of 255.  Units are metres; pictures count with pixel centres at one half.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

AGAIN = 2  # rays a side in each camera pixel


def turned(across, down, roll):
    """The matrix of a pinhole that is turned by so many degrees."""
    return cv2.Rodrigues(np.deg2rad([down, across, 0.0]))[0] @ cv2.Rodrigues(np.deg2rad([0.0, 0.0, roll]))[0]


@dataclass(frozen=True)
class SimulatedWall:
    """``see(pixels)`` is what the camera sees of a projector's picture; ``truth(points)`` where it sees its places."""

    projector: tuple = (320, 180)
    camera: tuple = (400, 300)
    throw: float = 1.4  # distance over the picture's width
    focal: float = 1.1  # of the camera's width
    aim: tuple = (-7.0, 0.0, 2.0)  # degrees by which the camera is turned: right, down, rolled
    distortion: tuple = (-0.12, 0.03, 0.001, -0.001)  # k1 k2 p1 p2, as OpenCV has them
    slant: float = 0.15  # metres of depth in a metre across
    bulge: float = 0.0  # metres
    pillar: tuple | None = None  # left, right, depth in metres
    projector_gamma: float = 2.2
    camera_gamma: float = 2.2
    leak: float = 0.002  # of white, that a projector's black still gives
    ambient: float = 0.03  # of the light that white makes
    gain: float = 0.75  # of the camera's full scale, that white makes
    noise: float = 0.004  # of full scale: readout; and shot noise of the same size at full scale
    blur: float = 0.7  # camera pixels
    focus: float = 0.5  # projector pixels
    returned: float = 0.0  # share of the light that comes back from all other places
    paint: float = 0.15  # by how much the wall's paint varies
    rear: bool = False  # seen from behind a screen
    seed: int = 1
    shifted: tuple = field(default=(0.0, 0.0))  # camera pixels by which it was knocked

    def moved(self, x, y):
        """The same after the camera was knocked by so many of its pixels."""
        return replace(self, shifted=(x, y))

    @cached_property
    def chance(self):
        return np.random.default_rng(self.seed)

    def see(self, pixels):
        """(h, w) uint8: what the camera takes of a projector's (H, W, 3) uint8 picture."""
        sent = (pixels.astype(np.float32).mean(axis=2) / 255) ** self.projector_gamma
        light = cv2.GaussianBlur(self.leak + (1 - self.leak) * sent, (0, 0), self.focus)
        pixel, paint = self._rays
        width, height = self.camera
        rays = np.append(light.ravel(), np.float32(0)).take(pixel)
        seen = cv2.resize(rays, (width, height), interpolation=cv2.INTER_AREA)
        if self.returned:
            around = cv2.GaussianBlur(seen, (0, 0), width / 12)
            seen = (1 - self.returned) * seen + self.returned * around
        seen = cv2.GaussianBlur((seen + self.ambient) * paint, (0, 0), self.blur)
        seen = self.gain * seen
        spread = self.noise * np.sqrt(1 + np.maximum(seen, 0))
        seen = seen + spread * self.chance.standard_normal(seen.shape, np.float32)
        return np.rint(255 * np.clip(seen, 0, 1) ** (1 / self.camera_gamma)).astype(np.uint8)

    def truth(self, points):
        """Camera positions (n, 2) of places (n, 2) of the projector's picture, and (n,) whether it sees them."""
        ray = np.concatenate([(points - self._axis) / self._length, np.ones((len(points), 1))], 1)
        place, on_pillar = self._hits(self._projector_at, ray)
        seen = on_pillar | ~self._behind(place, self._camera_at)
        relative = (place - self._camera_at) @ self._turn.T
        seen &= relative[:, 2] > 0.1
        at = cv2.projectPoints(relative, np.zeros(3), np.zeros(3), self._matrix, self._lens)[0].reshape(-1, 2) + 0.5
        if self.rear:
            at[:, 0] = self.camera[0] - at[:, 0]
        at = at + self.shifted
        return at, seen & (at >= 0).all(axis=1) & (at <= self.camera).all(axis=1)

    @cached_property
    def _rays(self):
        """For each camera ray the number of the projector's pixel that lights it, or one more; and the paint."""
        width, height = self.camera
        x, y = np.meshgrid((np.arange(width * AGAIN) + 0.5) / AGAIN, (np.arange(height * AGAIN) + 0.5) / AGAIN)
        at = np.stack([x, y], -1).reshape(-1, 2) - self.shifted
        if self.rear:
            at[:, 0] = width - at[:, 0]
        straight = cv2.undistortPoints(
            (at - 0.5)[:, None],
            self._matrix,
            self._lens,
            criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-7),
        ).reshape(-1, 2)
        ray = np.concatenate([straight, np.ones((len(straight), 1))], 1) @ self._turn
        place, on_pillar = self._hits(self._camera_at, ray)
        relative = place - self._projector_at
        at = relative[:, :2] / relative[:, 2:] * self._length + self._axis
        lit = (at >= 0).all(axis=1) & (at < self.projector).all(axis=1)
        lit &= on_pillar | ~self._behind(place, self._projector_at)
        column, row = np.clip(at.astype(int), 0, np.array(self.projector) - 1).T
        pixel = np.where(lit, row * self.projector[0] + column, self.projector[0] * self.projector[1])
        paint = np.random.default_rng(7).uniform(1 - 2 * self.paint, 1, (24, 32)).astype(np.float32)
        on_wall = (place[:, :2] * 5 + 16).astype(np.float32)
        paint = cv2.remap(
            paint,
            on_wall[:, 0].reshape(x.shape),
            on_wall[:, 1].reshape(x.shape),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        paint = cv2.resize(paint, self.camera, interpolation=cv2.INTER_AREA)
        return pixel.reshape(x.shape), paint

    def _depth(self, place):
        x, y = place[:, 0], place[:, 1]
        return 3.0 + self.slant * x + 0.05 * y + self.bulge * np.exp(-((x - 0.1) ** 2 + y**2) / 0.5)

    def _hits(self, start, ray):
        """Where rays from ``start`` end, and whether on the pillar."""
        far = np.full(len(ray), 3.0)
        for _ in range(25 if self.bulge else 8):
            place = start + ray * far[:, None]
            far += (self._depth(place) - place[:, 2]) / ray[:, 2]
        place = start + ray * far[:, None]
        if self.pillar is None:
            return place, np.zeros(len(ray), bool)
        before = start + ray * ((self.pillar[2] - start[2]) / ray[:, 2])[:, None]
        hit = (before[:, 0] > self.pillar[0]) & (before[:, 0] < self.pillar[1])
        return np.where(hit[:, None], before, place), hit

    def _behind(self, place, eye):
        """Whether the pillar stands between places on the wall and an eye."""
        if self.pillar is None:
            return np.zeros(len(place), bool)
        share = (self.pillar[2] - eye[2]) / (place[:, 2] - eye[2])
        x = eye[0] + share * (place[:, 0] - eye[0])
        return (x > self.pillar[0]) & (x < self.pillar[1])

    _projector_at = np.array([0.25, -0.1, 0.0])
    _camera_at = np.array([-0.2, 0.1, 0.1])

    @property
    def _axis(self):
        return np.array([self.projector[0] / 2 - 0.05 * self.projector[0], self.projector[1] / 2])

    @property
    def _length(self):
        return self.throw * self.projector[0]

    @property
    def _matrix(self):
        width, height = self.camera
        return np.array([[self.focal * width, 0, 0.51 * width], [0, self.focal * width, 0.49 * height], [0, 0, 1]])

    @property
    def _lens(self):
        return np.array(self.distortion, np.float64)

    @property
    def _turn(self):
        return turned(*self.aim)
