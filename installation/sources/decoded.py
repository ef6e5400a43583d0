"""What clips and streams share: one picture of FFmpeg's as one of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
from av.video.reformatter import Colorspace

from installation.errors import SourceError
from installation.frame import Pixels

_UNTAGGED = 2  # FFmpeg's AVCOL_SPC_UNSPECIFIED
_HD = 720  # lines from which an untagged recording is meant in BT.709; read as BT.601 its reds go brown


def pixels_of(picture: av.VideoFrame) -> Pixels:
    """(H, W, 3) uint8 RGB, C-contiguous and upright: phones film on their side and leave a note."""
    untagged = int(picture.colorspace) == _UNTAGGED and picture.height >= _HD and "yuv" in picture.format.name
    rgb = picture.to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709 if untagged else None)
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns) if turns else rgb, np.uint8)


@contextmanager
def in_one_line(name: str) -> Iterator[None]:
    """FFmpeg's errors as ours, in one line.

    Whether a file is not there, is not a film or ends in the middle, it says so in its own words after the name.
    """
    try:
        yield
    except av.error.ExitError as error:
        raise SourceError(f"{name} does not answer in time; check the network and the sender") from error
    except av.error.FileNotFoundError as error:
        raise SourceError(f"{name} is not there") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{name}: {why}".split("\n", 1)[0]) from error
