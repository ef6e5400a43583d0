"""`dreamwall looks`: one sheet to choose from, on which every picture is what the show would dream."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from installation import looks as module
from installation.contact_sheet import (
    BOLD,
    LARGEST,
    LEAST_LETTERS,
    PLAIN,
    WIDEST,
    Block,
    Cell,
    contact_sheet,
    fitted,
)
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.looks import looks
from installation.settings import Settings
from installation.stages.engine import Engine, open_engine
from installation.stages.recipe import ladder_of
from installation.still import still
from models.ascent import Stepping
from models.directions import NAMES
from pictures import texture

PROGRAMS = """
[[program]]
name = "Strokes"
[program.knobs]
octaves = 2
hue = 40
[program.layers]
Conv2d_4a_3x3 = 0.6
Mixed_5b = 0.4
conv3 = 1

[[program]]
name = "Façade, half there"
[program.layers]
Mixed_5b = 1
Mixed_9z = 1

[[program]]
name = "Elsewhere"
[program.knobs]
layer = 0.0
[program.layers]
inception4c = 1
"""
TAPS = ("Conv2d_4a_3x3", "Mixed_5b", "Mixed_5d")


class Drift(Stepping):
    """An ascent that turns a picture brighter by layers of its own; quick, and told apart by its ``sign``."""

    status, reach, device = "drift", 1.0, torch.device("cpu")

    def __init__(self, layers, sign):
        self.layers, self.sign = layers, sign

    def gradient(self, image, weights, channels=None):
        return torch.full_like(image, self.sign * sum(at * weight for at, weight in enumerate(weights, 1)))


def drifting(network, layers, sign, choice="as asked for"):
    return Engine(Drift(layers, sign), ladder_of(",".join(layers), layers), network, choice, None, 1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "programs.toml").write_text(PROGRAMS, encoding="utf-8")
    cv2.imwrite(str(tmp_path / "photo.png"), texture(size=(144, 96))[:, :, ::-1])
    return tmp_path


@pytest.fixture
def sheet(folder, monkeypatch):
    """Draws a small sheet; gives back its pixels, its header's lines, its blocks of cells and what was said."""

    def draw(picture="photo.png", out="looks.png", frames=1, **given):
        drawn, said = [], []

        def keep(*arguments):
            drawn.extend(arguments)
            return contact_sheet(*arguments)

        monkeypatch.setattr(module, "contact_sheet", keep)
        usual = {"network": "leap", "size": (96, 96), "programs": folder / "programs.toml"}
        photo = None if picture is None else folder / picture
        looks(photo, folder / out, Settings(**usual | given), frames=frames, say=said.append)
        _, lines, beside, blocks = drawn
        return cv2.imread(str(folder / out))[:, :, ::-1], lines, beside, blocks, said

    return draw


@pytest.fixture
def both(monkeypatch):
    """The leap and a network beside it, each one a quick stand-in."""
    engines = {"leap": drifting("leap", TAPS[:2], -1.0), None: drifting("inception_v3", TAPS, 1.0)}
    monkeypatch.setattr(module, "open_engine", lambda network, *_: engines[network])
    return engines


def cells_of(blocks):
    return [cell for block in blocks for row in block.rows for cell in row]


def test_the_leap_alone_makes_a_sheet(sheet):
    """With no network trained on ImageNet there is still a sheet, and one line says why the leap is alone on it."""
    pixels, lines, beside, blocks, said = sheet()
    assert [len(block.rows) for block in blocks] == [2, 2, 1], "the directions are only tried on the photograph"
    assert {cell.maker for cell in cells_of(blocks)} == {"leap"}
    assert [line for line in said if "leap is alone" in line] == [said[0]]
    assert any("as asked for" in line for line in lines)
    assert [cell.name for cell in beside] == ["photo.png", "clouds at noon"]
    assert pixels.shape[1] <= WIDEST


def test_every_tap_and_program_has_its_label(sheet):
    """Each tap stands on the sheet with its place on the layer knob, each program with its number and its layers."""
    blocks = sheet()[3]
    taps = [(cell.name, cell.note) for cell in blocks[0].rows[0]]
    leap = open_engine("leap", None)
    assert [name for name, _ in taps] == list(leap.ascent.layers)
    assert (taps[0][1], taps[-1][1]) == ("layer 0", "layer 1")
    programs = {cell.name: cell.note for cell in blocks[1].rows[0]}
    assert list(programs) == ["1 Strokes", "2 Façade, half there", "3 Elsewhere"]
    assert programs["1 Strokes"] == "Conv2d_4a_3x3 0.6 + Mixed_5b 0.4", "GoogLeNet's conv3 is nobody's loss here"


def test_a_program_with_layers_that_are_not_there_says_so(sheet):
    """What the engine does not have is left out, or the layer knob says, as in the show; the label tells which."""
    blocks = sheet()[3]
    programs = {cell.name: cell for cell in blocks[1].rows[0]}
    assert programs["2 Façade, half there"].note == "Mixed_5b; no Mixed_9z"
    elsewhere = programs["3 Elsewhere"]
    assert elsewhere.note == "Conv2d_4a_3x3; none of its layers"
    first_tap = blocks[0].rows[0][0]
    assert np.array_equal(elsewhere.pixels, first_tap.pixels), "its layer knob stands at the first tap"


def test_two_sheets_are_the_same_bytes(sheet, folder):
    """The same settings give the same file, to the byte; without a photograph there is a second sky."""
    beside = sheet(picture=None, out="one.png")[2]
    sheet(picture=None, out="two.png")
    assert (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()
    assert [cell.name for cell in beside] == ["clouds at dusk", "clouds at noon"]
    assert np.abs(beside[0].pixels.astype(int) - beside[1].pixels).mean() > 20


def test_every_direction_has_a_picture(sheet):
    """Each named direction is shown by itself, at the tap where the knob usually stands."""
    directions = sheet()[3][2].rows[0]
    assert [cell.name for cell in directions] == list(NAMES)
    leap = open_engine("leap", None)
    usual = leap.ladder.weights(KNOBS["layer"].default)
    assert all(layer in cell.note for cell in directions for layer in usual)


def test_a_picture_is_what_still_makes(sheet, folder):
    """What is chosen on the sheet is what `dreamwall still` gives for that tap, program or direction, bit for bit."""
    taps, programs, directions = sheet(frames=3, knobs={"step": 3.0})[3]
    chosen = (
        (taps.rows[0][1], {"layer": 1 / (len(taps.rows[0]) - 1)}, None),
        (programs.rows[0][0], {}, "Strokes"),
        (programs.rows[0][2], {}, "3"),
        (directions.rows[0][0], {NAMES[0]: 1.0}, None),
    )
    usual = {"network": "leap", "size": (96, 96), "programs": folder / "programs.toml"}
    for cell, knobs, program in chosen:
        same = Settings(**usual, knobs={"step": 3.0} | knobs, program=program)
        still(folder / "photo.png", folder / "still.png", same, frames=3, reference=False, say=lambda _line: None)
        assert np.array_equal(cell.pixels, cv2.imread(str(folder / "still.png"))[:, :, ::-1]), cell.name
        undreamed = cv2.resize(texture(size=(144, 96)), cell.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(cell.pixels.astype(int) - undreamed).mean() > 0.5


def test_the_leap_and_true_ascent_stand_side_by_side(sheet, both):
    """On each picture first the leap's row and under it that of true ascent, place for place."""
    blocks, said = sheet(network=None)[3:]
    for block in blocks:
        assert [row[0].maker for row in block.rows] == ["leap", "inception_v3"] * (len(block.rows) // 2)
        assert len({len(row) for row in block.rows}) == 1
        light = [np.array([cell.pixels.mean() for cell in row]) for row in block.rows]
        for leaps, trues in zip(light[::2], light[1::2], strict=True):
            assert (leaps < trues - 1).all(), "the stand-ins turn pictures darker and brighter"
        assert all(np.abs(photo - sky).min() > 1 for photo, sky in zip(light[:2], light[2:], strict=False))
    assert sum("beside the leap" in line for line in said) == 1


def test_taps_meet_on_the_knob(sheet, both):
    """Where one network has fewer taps, each is shown what it dreams at that place of the knob: a mixture."""
    leap, true = sheet(network=None)[3][0].rows[:2]
    assert [cell.note for cell in leap] == [cell.note for cell in true] == ["layer 0", "layer 0.5", "layer 1"]
    assert [cell.name for cell in true] == list(TAPS)
    assert [cell.name for cell in leap] == [TAPS[0], "Conv2d_4a_3x3 0.5 + Mixed_5b 0.5", TAPS[1]]


def test_layers_that_only_one_of_them_has(sheet, monkeypatch):
    """--layers is for both; where the leap lacks one, it keeps to its own and a line says so."""
    true = drifting("inception_v3", ("Mixed_6a",), 1.0)
    monkeypatch.setattr(module, "open_engine", lambda name, *rest: open_engine(name, *rest) if name else true)
    blocks, said = sheet(network=None, layers="Mixed_6a")[3:]
    assert {cell.maker for cell in cells_of(blocks)} == {"leap", "inception_v3"}
    assert "Mixed_6a" in said[1]
    assert "its own layers" in said[1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"picture": "nowhere.png"}, "nowhere.png: there is no such picture"),
        ({"picture": "programs.toml"}, "programs.toml: not a picture"),
        ({"out": "no/such/folder.png"}, "folder.png: cannot be written"),
        ({"out": "looks.doc"}, "looks.doc: pictures of this kind"),
        ({"network": "nowhere.pth"}, "nowhere.pth does not exist"),
        ({"layers": "Mixed_9z"}, "Mixed_9z"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_dreamed(sheet, monkeypatch, given, told):
    """A picture, file, network or layer that is not there is one line, and nobody has waited for it."""
    monkeypatch.setattr(module, "dreamed_on", lambda *_: pytest.fail("it began to dream"))
    with pytest.raises(SettingsError, match=told) as error:
        sheet(**given)
    assert "\n" not in str(error.value)


def test_a_full_disk_is_told(sheet, monkeypatch):
    """When the file cannot be written in the end, that is one line too."""
    monkeypatch.setattr("installation.still.cv2.imwrite", lambda *_: False)
    with pytest.raises(SettingsError, match=r"looks\.png: cannot be written"):
        sheet()


# -- the sheet by itself -----------------------------------------------------------------------------------------------


def coloured(number, size):
    """A picture in one colour that no other has, nor paper and letters."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[:] = number % 200, 251, number // 200
    return Cell(pixels, f"picture {number}", "leap", "Mixed_6b")


@pytest.mark.parametrize("across", [1, 8])
@pytest.mark.parametrize("size", [(320, 214), (160, 240), (640, 480)])
def test_no_picture_hides_another(across, size):
    """However many there are: each lies on the sheet whole, nothing is written over it, and the sheet is not too wide.

    Larger ones are scaled down to the largest that fits.
    """
    rows = [[coloured(row * across + at, size) for at in range(across)] for row in range(2)]
    beside = [coloured(390, (96, 64)), coloured(391, (96, 64))]
    sheet = contact_sheet("Looks", ["a line", "another " * 90], beside, [Block("One", rows), Block("Two", [beside])])
    assert sheet.shape[1] <= WIDEST
    small, large = 2 * 96 * 64, min(size[0], LARGEST[0]) * min(size[1], LARGEST[1])
    colours, counts = np.unique(sheet.astype(np.int32) @ (1 << 16, 1 << 8, 1), return_counts=True)
    found = dict(zip(colours.tolist(), counts.tolist(), strict=True))
    for cells, area in ((beside, small), *((row, large) for row in rows)):
        for red, green, blue in (cell.pixels[0, 0].tolist() for cell in cells):
            assert found[(red << 16) + (green << 8) + blue] == area


def test_names_and_notes_are_written_under_their_picture():
    """Each caption is drawn: another name changes the paper under that picture, and nothing else."""
    one, two = coloured(1, (320, 214)), coloured(2, (320, 214))
    renamed = Cell(two.pixels, "another name", two.maker, two.note)
    before, after = (contact_sheet("Looks", [], [], [Block("One", [[one, cell]])]) for cell in (two, renamed))
    rows, columns = np.nonzero((before != after).any(axis=2))
    where = np.argwhere((before == two.pixels[0, 0]).all(axis=2))
    (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0)
    assert top < bottom < rows.min()
    assert rows.max() < bottom + 30
    assert left <= columns.min()
    assert columns.max() <= right


@given(st.text(st.integers(0, 0xD7FF).map(chr), max_size=80), st.integers(60, 320), st.sampled_from([PLAIN, BOLD]))
def test_any_name_fits_under_its_picture(text, room, font):
    """Whatever somebody calls a program: in letters that can be drawn, no wider than the room, none too small."""
    written, scale = fitted(text, 0.54, font, room)
    assert written.isascii()
    assert written.isprintable()
    assert scale >= LEAST_LETTERS
    assert not written or cv2.getTextSize(written, font, scale, 1)[0][0] <= room


def test_accents_are_dropped_and_long_names_are_cut():
    """A name in other letters than ASCII stays a name; one that would be too small ends in dots."""
    assert fitted("Façade à l’été — größe", 0.5, PLAIN, 300)[0] == "Facade a l?ete - grosse"
    assert fitted("endless " * 30, 0.5, PLAIN, 200)[0].endswith("...")
