"""``dreamwall prepare``: engines built before the doors open, for this machine or ahead of time for another's card."""

import math
import os
import re
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from installation.errors import SettingsError
from installation.frame import fit
from installation.knobs import KNOBS
from installation.programs import Programs
from installation.settings import Settings
from installation.stages.builder import step_back
from installation.stages.engine import Opened, open_network
from models.ascent.compiled import BuildError, Compiler, Place, called, one_line
from models.ascent.parity import check
from models.ascent.store import Key, Store
from models.network import Network
from models.octaves import octave_sizes

ABANDONED = 4  # its exit code when that show is gone
NEEDS_NONE = "nothing to prepare, since no engines are built for {}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be built: engines for ``layers[:k]`` of ``network`` at a size, for each place (k, size)."""

    network: Network
    layers: tuple[str, ...]
    places: tuple[Place, ...]


def prepare(settings: Settings, options: Namespace, say: Callable[[str], None]) -> int:
    """Build the engines that are not in the store yet; returns how many could not be built.

    ``options.targets``: cards by their compute capability, "sm_89"; without any, this machine's.  ``options.at``: only
    these, "LAYER:WIDTHxHEIGHT"; otherwise all that the settings may come to want.  ``options.aside``: begun by a show,
    which goes before: as slow as need be, and over when the show is.
    Raises SettingsError, one line, when something that was asked for cannot be had.
    """
    if options.aside:
        _step_back()
    compilers = _compilers(settings.engine, options.targets or (), say)
    if not compilers:
        return 0
    mixed = () if options.aside else (*Programs.load(settings.programs).layers, *settings.mix)
    found = open_network(settings.network, settings.layers, mixed)
    if isinstance(found, str):
        say(NEEDS_NONE.format(found))
        say("an ImageNet network, named with --network (dreamwall fetch lists them), dreams quicker with engines")
        return 0
    plan = Plan(found.network, found.taps, tuple(_places(found, settings, options.at or ())))
    store = Store(event=say)
    try:
        store.check()
    except BuildError as error:
        raise SettingsError(str(error)) from error
    if options.aside:
        return _one(plan, compilers[0], store)
    say(f"network: {found.choice}")
    number = len(plan.places) * len(compilers)
    say(f"{number} engine{'s' if number != 1 else ''} in {store.folder}")
    return sum(_all(plan, compiler, store, not options.targets, say) for compiler in compilers)


def _one(plan: Plan, compiler: Compiler, store: Store) -> int:
    """For a show that waits for the engine: the last line says why there is none.  The show checks it by itself."""
    try:
        for depth, size in plan.places:
            layers = plan.layers[:depth]
            key = Key.of(compiler, plan.network, layers, size)
            if store.find(key) is None:
                store.keep(key, compiler.build(plan.network, layers, size))
    except BuildError as error:
        raise SettingsError(str(error)) from error
    return 0


def _all(plan: Plan, compiler: Compiler, store: Store, here: bool, say: Callable[[str], None]) -> int:
    """Every engine by one compiler; returns how many failed.  ``here``: it can be tried on this machine."""
    failed = 0
    for number, place in enumerate(plan.places, 1):
        begun = perf_counter()
        try:
            size = _built(plan, place, compiler, store, here)
            how = "there already" if size is None else f"{perf_counter() - begun:.0f} s, {size / 1e6:.0f} MB"
        except Exception as error:
            failed += 1
            how = f"FAILED, {one_line(error)}"
        what = f"{called(plan.layers, place)} for {compiler.target}"
        say(f"{number}/{len(plan.places)} {what}: {how}")
    if failed:
        say(f"{failed} of {len(plan.places)} engines for {compiler.target} could not be built; a show dreams without")
    return failed


def _built(plan: Plan, place: Place, compiler: Compiler, store: Store, here: bool) -> int | None:
    """How large the new engine of ``place`` is; None where there was one.  Raises BuildError."""
    depth, size = place
    layers = plan.layers[:depth]
    key = Key.of(compiler, plan.network, layers, size)
    if store.find(key) is not None:
        return None
    engine = compiler.build(plan.network, layers, size)
    if here:
        runner = compiler.load(engine, layers, size)
        check(runner, plan.network, layers, size, compiler.device, compiler.precision)
    store.keep(key, engine)
    return len(engine)


# -- which compilers ---------------------------------------------------------------------------------------------------


def _compilers(engine: str, targets: Sequence[str], say: Callable[[str], None]) -> list[Compiler]:
    """Who builds; empty, and said why, where nothing has to be built.  Raises SettingsError."""
    if targets and engine not in {"auto", "tensorrt"}:
        raise SettingsError(f"--for builds TensorRT's engines for other machines' cards; {engine} has none such")
    if engine in {"eager", "graphed"}:
        say(NEEDS_NONE.format(engine))
        return []
    try:
        return [_tensorrt_for(target) for target in targets] or [_compiler_here(engine)]
    except BuildError as error:
        if targets or engine != "auto":
            raise SettingsError(str(error)) from error
        say(f"nothing to prepare for this machine: {error}")
        say("it can build for another machine's card (--for sm_89), or for its own processor (--engine onnx)")
        return []


def _compiler_here(engine: str) -> Compiler:
    if engine == "onnx":
        from models.ascent.onnx_runtime import OnnxRuntime

        return OnnxRuntime()
    from models.ascent.tensorrt import TensorRT

    return TensorRT.here()


def _tensorrt_for(target: str) -> Compiler:
    from models.ascent.tensorrt import TensorRT

    return TensorRT.for_target(_capability(target))


def _capability(text: str) -> str:
    """A card's compute capability as "sm_89", however it was written: 89, 8.9, sm89."""
    digits = re.fullmatch(r"(?:sm_?)?(\d+)\.?(\d)", text.strip().lower())
    if digits is None:
        raise SettingsError(f"--for: {text!r} is not a card's compute capability, like sm_89")
    return f"sm_{digits[1]}{digits[2]}"


# -- which engines -----------------------------------------------------------------------------------------------------


def _places(found: Opened, settings: Settings, at: Sequence[str]) -> Iterator[Place]:
    """What the settings may come to want; what they want first comes first."""
    layers = found.taps
    if at:
        yield from (_place(text, layers) for text in at)
        return
    standing = found.ladder.weights(settings.knobs.get("layer", KNOBS["layer"].default))
    first = max(layers.index(layer) for layer in standing) + 1
    rest = (depth for depth in range(len(layers), 0, -1) if depth != first)
    # A camera's picture keeps its shape inside the working size.
    width, height = fit(settings.camera_size, settings.working_size)
    octaves = [settings.knobs.get("octaves", KNOBS["octaves"].default)]
    octaves += [row.knobs["octaves"] for row in Programs.load(settings.programs).rows if "octaves" in row.knobs]
    for depth in (first, *rest):
        for size in octave_sizes(height, width, math.ceil(max(octaves))):
            yield depth, size


def _place(text: str, layers: Sequence[str]) -> Place:
    match = re.fullmatch(r"\s*(\w+)\s*:\s*(\d+)\s*[x×]\s*(\d+)\s*", text)
    if match is None:
        raise SettingsError(f"--at: {text!r} is not LAYER:WIDTHxHEIGHT, like Mixed_6b:320x240")
    if match[1] not in layers:
        raise SettingsError(f"--at: no program or stop of --layers has {match[1]}; there are {', '.join(layers)}")
    return layers.index(match[1]) + 1, (int(match[3]), int(match[2]))


# -- beside a show -----------------------------------------------------------------------------------------------------


def _step_back() -> None:
    """Take only what a show leaves, and end with it: its end of the standard input is closed then."""
    import torch

    step_back(0)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_the_show, name="end-with-the-show", daemon=True).start()


def _end_with_the_show() -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(ABANDONED)
