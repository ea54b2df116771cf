"""What a named protocol says, and how one is found by its name."""

import pkgutil
from dataclasses import dataclass
from importlib import import_module

from curate.errors import ConfigError

PACKAGE = "evaluate.protocols"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A choice of metrics and frames under a name.

    max_frames: at most so many pictures a video, None for every frame of the 25 fps grid.
    about: which printed numbers ours compares with; off: what still differs from the original, one sentence each.
    """

    name: str
    title: str
    metrics: tuple[str, ...]
    max_frames: int | None
    about: str
    off: tuple[str, ...] = ()


def names() -> list[str]:
    """Return all names, sorted, as the command line spells them."""
    modules = (module.name for module in pkgutil.iter_modules(import_module(PACKAGE).__path__))
    return sorted(name.replace("_", "-") for name in modules if name != "contract")


def load(name: str) -> Protocol:
    """Return the protocol called `name`, hyphens and underscores alike; ConfigError names the choices."""
    if name.replace("_", "-") not in names():
        raise ConfigError(f"no protocol is called {name!r}; known: {', '.join(names())}")
    protocol: Protocol = import_module(f"{PACKAGE}.{name.replace('-', '_')}").SETTINGS
    return protocol
