"""Finds plug-ins by name: in package `p`, the file `p/name.py` holds the function `name`. No registry, no decorator."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any

from curate.errors import ConfigError

NOT_PLUGINS = {"detections", "litert"}  # what plug-ins of a kind share


def names(package: str) -> list[str]:
    """Return the names of a package's plug-ins, sorted."""
    found = (module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    return sorted(name for name in found if name not in NOT_PLUGINS)


def load(package: str, name: str) -> Callable[..., Any]:
    """Return the function `name` of `package/name.py`; ConfigError suggests the nearest name."""
    check(package, [name])
    plugin: Callable[..., Any] = getattr(importlib.import_module(f"{package}.{name}"), name)
    return plugin


def weights_of(package: str, wanted: Sequence[str]) -> list[str]:
    """Return the names of the weights that plug-ins need beyond the base set, as their modules' WEIGHTS say."""
    return [name for plugin in wanted for name in constant(package, plugin, "WEIGHTS", ())]


def constant(package: str, name: str, what: str, default: Any) -> Any:
    """Return what the module of a plug-in says of it, or the default."""
    return getattr(importlib.import_module(f"{package}.{name}"), what, default)


def check(package: str, wanted: list[str]) -> None:
    """ConfigError unless every name is a plug-in of the package; imports none of them."""
    known = names(package)
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
            raise ConfigError(f"{package} has no {name!r}{hint}")
