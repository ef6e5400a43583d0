"""From what was asked for to the rows that are measured, and to the footnotes for what cannot be."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from installation.bench.networks import Found, found_network
from installation.bench.task import COMPUTES, LEAP, Footnote, Machine, Task, refusal
from installation.errors import SettingsError

Sizes = Sequence[tuple[int, int]]

SIZES: dict[str, Sizes] = {
    "cuda": ((1280, 720), (1920, 1080), (3840, 2160)),
    "mps": ((640, 480), (1280, 720)),
    "cpu": ((320, 240), (640, 480)),
}
STEPS = {"cuda": 4, "mps": 2, "cpu": 2}
OCTAVES = 3  # as the knob stands
SECONDS = {"cuda": 3.0, "mps": 5.0, "cpu": 5.0}
QUICK_SECONDS = 3.0
QUICK_PATHS = ("plain", "full", "eager", "graphed", "tensorrt")
ALL_PATHS = (*QUICK_PATHS, LEAP)

# What others publish for DeepDream: "800 px wide, 4 iterations x 2 levels" in DeepDreamDiffusion, in frames a second on
# an RTX 5070 Ti laptop GPU.  Of the height nothing is said: 16:9 is measured, and on a card 4:3 as well.
PUBLISHED = {"inception3b": 27.0, "inception4e": 20.0}
PUBLISHED_SIZES: dict[str, Sizes] = {"cuda": ((800, 450), (800, 600)), "mps": ((800, 450),), "cpu": ((800, 450),)}
PUBLISHED_PATHS = ("eager", "graphed", "tensorrt")


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows, the footnotes for those that cannot be, and lines to say beforehand."""

    tasks: Sequence[Task]
    footnotes: Sequence[Footnote]
    said: Sequence[str]


def plan(options: Namespace, machine: Machine) -> Plan:
    """The rows that ``options`` ask for on ``machine``; see `installation.bench.bench`.

    Raises SettingsError for a network or layer that cannot be had, and where no row is left.
    """
    shaped = [flag for flag, value in _shapes(options).items() if value]
    if options.published and shaped:
        raise SettingsError(f"--published has its own workload: leave out {', '.join(shaped)}")
    asked: list[Task] = []
    said: list[str] = []
    if not options.published:
        networks = [found_network(name) for name in options.networks or [None]]
        said += [found.said for found in networks]
        asked += _ours(options, machine, networks)
    if options.published or not (shaped or options.quick):
        googlenet = found_network("googlenet")
        said.append(googlenet.said)
        asked += _published(options, machine, googlenet)
    tasks, footnotes = [], []
    for task in dict.fromkeys(asked):
        if why := refusal(task.path, task.precision, machine):
            footnotes.append(Footnote(f"{task.path} {task.precision}", task.about, why))
        else:
            tasks.append(task)
    if not tasks:
        what = f"{footnotes[0].what}: {footnotes[0].why}" if footnotes else "no such row"
        raise SettingsError(f"nothing of this can be measured here; {what}")
    return Plan(tasks, footnotes, list(dict.fromkeys(said)))


def _shapes(options: Namespace) -> dict[str, object]:
    return {
        "--network": options.networks,
        "--layers": options.taps,
        "--size": options.sizes,
        "--steps": options.each_steps,
        "--octaves": options.each_octaves,
    }


def _ours(options: Namespace, machine: Machine, networks: Sequence[Found]) -> Iterator[Task]:
    """Every combination of what was asked for, and of what is usual where nothing was."""
    usual = SIZES[machine.device]
    for network, layer in _tapped(networks, options.taps):
        for size in options.sizes or (usual[:1] if options.quick else usual):
            paths = options.paths or _usual_paths(options, machine, first=options.sizes is not None or size == usual[0])
            for steps in options.each_steps or (STEPS[machine.device],):
                for octaves in options.each_octaves or (OCTAVES,):
                    row = _row(network, layer, size, steps, octaves, options, machine)
                    if network.kind != LEAP:
                        yield from _along(row, [path for path in paths if path != LEAP], options, machine)
                    if network.kind == LEAP or LEAP in paths:
                        # One call of the leap stands for many steps: the show makes one a frame.
                        leaps = steps if options.each_steps else 1
                        leap = replace(row, network=LEAP, weights="leap.safetensors", layer="any", steps=leaps)
                        yield from _along(leap, [LEAP], options, machine)


def _usual_paths(options: Namespace, machine: Machine, *, first: bool) -> Sequence[str]:
    """Every path, as far as the time goes: a processor takes minutes for what a card does in seconds."""
    if options.quick:
        return QUICK_PATHS
    if machine.device == "cuda":
        return ALL_PATHS  # without ONNX Runtime, which would compute on the processor
    return (*ALL_PATHS, "onnx") if first else ("eager",)


def _published(options: Namespace, machine: Machine, googlenet: Found) -> Iterator[Task]:
    """The workload that others publish: 4 steps at each of 2 octaves, all of them in every frame."""
    paths = options.paths or PUBLISHED_PATHS
    for size in PUBLISHED_SIZES[machine.device]:
        for layer in PUBLISHED:
            row = replace(_row(googlenet, layer, size, 4, 2, options, machine), whole=True)
            yield from _along(row, [path for path in paths if path != LEAP], options, machine)


def _row(
    network: Found, layer: str, size: tuple[int, int], steps: int, octaves: int, options: Namespace, machine: Machine
) -> Task:
    """A row that still wants its path and precision."""
    seconds = float(options.seconds or (QUICK_SECONDS if options.quick else SECONDS[machine.device]))
    return Task(
        network.kind, network.weights, layer, size[0], size[1], steps, octaves, "", "", seconds, options.threads
    )


def _along(row: Task, paths: Sequence[str], options: Namespace, machine: Machine) -> Iterator[Task]:
    """``row`` along each path, in each precision that was asked for or that suits the path here."""
    for path in paths:
        fewer = options.quick or row.whole
        for precision in options.precisions or _usual_precisions(path, machine, fewer=fewer):
            yield replace(row, path=path, precision=precision)


def _usual_precisions(path: str, machine: Machine, *, fewer: bool) -> Sequence[str]:
    if path == LEAP:
        return (machine.native,)
    if path != "eager":
        return ("float16",) if "float16" in COMPUTES[path] else ("float32",)
    # Where bfloat16 is emulated its row is a footnote, so that nobody wonders where it is.
    half = "bfloat16" if machine.device == "cpu" else "float16"
    return (machine.native,) if fewer else ("float32", half)


def _tapped(networks: Sequence[Found], taps: Sequence[str] | None) -> Iterator[tuple[Found, str]]:
    """Each network with each of its layers that was asked for, or with the one at which the show usually stands."""
    from installation.stages.engine import USUAL_STOPS

    for tap in taps or ():
        if not any(tap in found.layers for found in networks):
            raise SettingsError(
                f"--layers: there is no layer {tap!r}; "
                + "; ".join(f"{found.kind} has {', '.join(found.layers) or 'none to choose'}" for found in networks)
            )
    for found in networks:
        stops = USUAL_STOPS.get(found.kind, "").split(",")
        usual = stops[3] if len(stops) > 3 and stops[3] in found.layers else (found.layers or ("any",))[-1]
        for layer in taps or (usual,):
            if layer in found.layers or found.kind == LEAP:
                yield found, layer
