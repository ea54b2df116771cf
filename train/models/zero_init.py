"""Zero initialisation: how a new part begins without changing what the network around it computes."""

from typing import TypeVar

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def zeroed(module: Module) -> Module:
    """Set every parameter of `module` to zero and return it (ControlNet's zero layer, arXiv 2302.05543)."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
