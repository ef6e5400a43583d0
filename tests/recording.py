"""What a CUDA graph does, on the processor: the operations of one run, again and again, on the same tensors.

Like a graph, a recording reads and writes the very tensors that it was made with, and has every Python number, and
every decision taken by one, in it for good.
"""

from collections.abc import Callable

from torch.fx.experimental.proxy_tensor import make_fx


def recorded(work: Callable[[], None]) -> Callable[[], None]:
    """Fills `models.ascent.cuda_graphs.Capture`."""

    def run() -> None:  # make_fx counts the arguments of what it traces, and takes a method's own object for one
        work()

    graph = make_fx(run)()
    asked = [node.name for node in graph.graph.nodes if "_local_scalar_dense" in str(node.target)]
    assert not asked, f"a graph cannot wait for what the card has computed: {asked}"
    return graph
