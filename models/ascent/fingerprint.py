"""A network's own mark: what engines built from it are known by."""

import hashlib
import weakref

from models.network import Network

_known: "weakref.WeakKeyDictionary[Network, dict[str, str]]" = weakref.WeakKeyDictionary()


def fingerprint(network: Network, deepest: str) -> str:
    """16 hexadecimal digits of the sha256 over all that ``network`` computes with, down to ``deepest``.

    The same however deep the rest of it was loaded.  Worked out once for a network, which must not change afterwards.
    """
    if network not in _known:
        _known[network] = _fingerprints(network)
    return _known[network][deepest]


def _fingerprints(network: Network) -> dict[str, str]:
    total = hashlib.sha256(f"{network.name} {network._affine}".encode())
    for buffer in (network._scale, network._shift):
        total.update(buffer.cpu().contiguous().numpy().tobytes())
    found = {}
    for stage in network._stages:
        total.update(f"{stage.name} {stage.window}".encode())
        # Pools have no weights, and yet one that counts its padding is another network; a block keeps them in its rows.
        rows = getattr(stage.module, "_rows", ((stage.module,),))
        total.update(repr([[_plain_facts(step) for step in row] for row in rows]).encode())
        for name, tensor in stage.module.state_dict().items():
            total.update(f"{name} {tuple(tensor.shape)}".encode())
            total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        if stage.tap:
            found[stage.name] = total.hexdigest()[:16]
    return found


def _plain_facts(step: object) -> list[tuple[str, object]]:
    """What kind of step it is, and its numbers: kernel, stride, padding and whether padding is counted."""
    facts = [(name, value) for name, value in sorted(vars(step).items()) if isinstance(value, int | tuple)]
    return [("kind", type(step).__name__), *(fact for fact in facts if fact[0][0] != "_" and fact[0] != "training")]
