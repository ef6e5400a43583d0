"""The camera's gamma, as ``dreamwall calibrate light`` measured it: kept, and found by ``dreamwall calibrate wall``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from calibration.photometry import Camera
from installation.calibrate.arguments import CAMERA_GAMMA, CAMERA_GAMMAS
from installation.errors import SettingsError
from installation.toml_file import TomlText, user_folder, write_toml

FILE = "camera.toml"


def keep(camera: Camera, name: str, when: str) -> Path:
    """Write the camera's gamma for `gamma_of` to find; returns where.  Raises SettingsError if it cannot be written."""
    path = user_folder() / FILE
    document = tomlkit.document()
    document.add(tomlkit.comment("Dreamwall: how a camera turns light into levels; `dreamwall calibrate light`."))
    document["camera"], document["measured"] = name, when
    document["light"] = {"gamma": round(camera.gamma, 2)}
    try:
        write_toml(path, document)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    return path


def gamma_of(camera: str, say: Callable[[str], None]) -> float:
    """The gamma of the camera of that name, as it was measured, else the usual one; says where it comes from.

    A file that is damaged, or of another camera, is told and left out.
    """
    path = user_folder() / FILE
    if not path.exists():
        return CAMERA_GAMMA
    try:
        text = TomlText.read(path)
        light: Any = text.tables.get("light")
        gamma = light.get("gamma") if isinstance(light, dict) else None
        low, high = CAMERA_GAMMAS
        if isinstance(gamma, bool) or not isinstance(gamma, int | float) or not low <= gamma <= high:
            raise text.wrong(f"gamma is a number from {low:g} to {high:g}", "light", key="gamma")
    except SettingsError as error:
        say(f"{error}; the camera's gamma is taken to be {CAMERA_GAMMA:g}")
        return CAMERA_GAMMA
    if text.tables.get("camera") != camera:
        say(f"{path} is of {text.tables.get('camera')}; the gamma of {camera} is taken to be {CAMERA_GAMMA:g}")
        return CAMERA_GAMMA
    say(f"the camera's gamma is {gamma:.2f}, as it was measured ({path})")
    return float(gamma)
