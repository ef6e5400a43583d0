"""Films and stills: what is written is whole, the same every time, and not lost when the disk is full."""

import subprocess
import sys
import textwrap
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from installation.compose import Placing, compose
from installation.errors import SinkError
from installation.frame import Pixels
from installation.knobs import Look
from installation.sinks.film import Film
from installation.veil import Veil
from invented import noise_frame, smooth_frame, soft_veil


def shoot(path: Path, count: int = 12, size: tuple[int, int] = (96, 64)) -> None:
    with Film(path, rate=25) as film:
        for at in range(count):
            film.show(smooth_frame(at, size), soft_veil(at), Look(), ["Dreamwall"])


def written(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def watch(path: Path) -> list[Pixels]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_is_what_was_shown(suffix: str, tmp_path: Path) -> None:
    """Every picture is in the film, in order, at its rate, its colours right, without the operator's overlay."""
    path = tmp_path / f"show{suffix}"
    shoot(path)
    pictures = watch(path)
    assert len(pictures) == 12
    for at, picture in enumerate(pictures):
        wanted = compose(smooth_frame(at, (96, 64)), soft_veil(at), Look())
        assert np.abs(picture.astype(int) - wanted).mean() < 6
        assert np.abs(picture.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 3
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == 25
        assert (stream.codec_context.pix_fmt, stream.codec_context.colorspace) == ("yuv420p", 1)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ""])
def test_twice_the_same(suffix: str, tmp_path: Path) -> None:
    """The same show makes the same bytes."""
    for name in ("one", "other"):
        shoot(tmp_path / f"{name}{suffix}")
    one, other = (
        [*sorted((tmp_path / n).iterdir())] if not suffix else [tmp_path / f"{n}{suffix}"] for n in ("one", "other")
    )
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_stills_are_exact(tmp_path: Path) -> None:
    """Stills in a folder are numbered from one and are the pictures to the bit."""
    for folder in (tmp_path / "new" / "stills", f"{tmp_path}/with.dot/"):
        with Film(folder, (80, 60), placing=Placing(mirror=True)) as film:
            for at in range(3):
                film.show(noise_frame(at), Veil(), Look(), [])
        assert sorted(path.name for path in Path(folder).iterdir()) == ["000001.png", "000002.png", "000003.png"]
        for at in range(3):
            picture = cv2.cvtColor(cv2.imread(str(Path(folder) / f"{at + 1:06d}.png")), cv2.COLOR_BGR2RGB)
            wanted = compose(noise_frame(at), Veil(), Look(), (80, 60), Placing(mirror=True))
            np.testing.assert_array_equal(picture, wanted)


def test_odd_sizes_are_filled_up(tmp_path: Path) -> None:
    """A film of 97x63 gets one more column and row instead of an error."""
    shoot(tmp_path / "odd.mp4", 2, (97, 63))
    assert watch(tmp_path / "odd.mp4")[0].shape == (64, 98, 3)


def test_a_camera_that_changes_its_size_does_not_end_the_film(tmp_path: Path) -> None:
    """The film keeps the size it began with, whatever comes later."""
    with Film(tmp_path / "show.mkv") as film:
        for at, size in enumerate([(96, 64), (64, 64), (120, 90)]):
            film.show(noise_frame(at, size), Veil(), Look(), [])
    assert [picture.shape for picture in watch(tmp_path / "show.mkv")] == [(64, 96, 3)] * 3


def test_what_has_the_name_is_whole(tmp_path: Path) -> None:
    """While it grows the film is a .part, which can be watched already; the name comes when it is finished."""
    path = tmp_path / "show.mp4"
    with Film(path, rate=25) as film:
        for at in range(300):
            film.show(smooth_frame(at % 7, (64, 48)), Veil(), Look(), [])
        assert not path.exists()
        assert len(watch(tmp_path / "show.mp4.part")) >= 200
    assert len(watch(path)) == 300
    assert [entry.name for entry in tmp_path.iterdir()] == ["show.mp4"]
    film.__exit__(None, None, None)  # closing twice is harmless


def test_an_error_in_the_show_keeps_the_film(tmp_path: Path) -> None:
    """When the show ends with an error, what was shown until then is a whole film."""
    film = Film(tmp_path / "show.mp4").__enter__()
    film.show(noise_frame(1), Veil(), Look(), [])
    film.__exit__(RuntimeError, RuntimeError("thunder"), None)
    assert len(watch(tmp_path / "show.mp4")) == 1


def test_nothing_shown_is_no_film(tmp_path: Path) -> None:
    """A show that ended before its first picture leaves no empty file, and an older film alone."""
    (tmp_path / "show.mp4").write_bytes(b"older")
    with Film(tmp_path / "show.mp4"):
        pass
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("show.mp4", b"older")]


def test_where_it_cannot_be_written_one_line_says_so(tmp_path: Path) -> None:
    """A suffix nobody knows, and a folder that is a file, are refused with one line."""
    with pytest.raises(SinkError, match=r"\.mp4 or \.mkv"):
        Film(tmp_path / "show.gif")
    (tmp_path / "file").write_text("")
    for path in ("file/show.mp4", "file/stills/"):
        with pytest.raises(SinkError, match="cannot be written") as caught, Film(f"{tmp_path}/{path}"):
            pass
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["show.mp4", "show.mkv", "stills/"])
def test_a_full_disk_loses_nothing_that_was_written(name: str, tmp_path: Path) -> None:
    """When the disk takes no more, one line says so, and what was written before can be watched."""
    code = f"""
        import resource
        from invented import noise_frame
        from installation.errors import SinkError
        from installation.knobs import Look
        from installation.sinks.film import Film
        from installation.veil import Veil
        film = Film({f"{tmp_path}/{name}"!r}).__enter__()
        try:
            for at in range(400):
                if film.stills and at == 5:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
                elif not film.stills and at == 0:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
                film.show(noise_frame(at, (160, 120)), Veil(), Look(), [])
        except SinkError as error:
            print(error)
        film.__exit__(None, None, None)
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=root, env={"PYTHONPATH": f"{root}:{root / 'tests'}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "takes no more" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "pictures are in" in done.stdout
    if name == "stills/":
        assert len([path for path in (tmp_path / "stills").iterdir() if cv2.imread(str(path)) is not None]) == 5
    else:
        assert not (tmp_path / name).exists()
        part = tmp_path / f"{name}.part"
        with av.open(str(part)) as container:
            pictures = 0
            try:
                for _ in container.decode(video=0):
                    pictures += 1
            except av.FFmpegError:
                pass  # the last picture is torn
        assert pictures > 5
