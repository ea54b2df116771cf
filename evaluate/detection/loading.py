"""Detectors by what a user writes: names of plug-ins, `all`, and NAME=KIND:ARGUMENT for those from elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass

from curate import plugins, weights
from curate.errors import ConfigError, WeightsError
from evaluate.detection.detector import Detector
from evaluate.detection.external import command, endpoint, python_function

PACKAGE = "evaluate.detectors"
KINDS = ("cmd", "http", "https", "py", "deepfakebench", "hf")
LIMIT_S = 120.0  # for a program's or an endpoint's answer


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A detector that can't run on this machine, and why."""

    name: str
    reason: str


def load_detectors(spec: Sequence[str], *, limit_s: float = LIMIT_S) -> tuple[list[Detector], list[Missing]]:
    """Return the detectors that `spec` names, in its order, and those whose weights or packages aren't here.

    An entry is `all` (every plug-in), a plug-in's name, or one of
    `NAME=cmd:PROGRAM ... {video}`, `NAME=http://...`, `NAME=https://...`, `NAME=py:package.module:function`,
    `NAME=deepfakebench:CHECKPOINT.pth`, `NAME=hf:FOLDER_OR_NAME[#label]`.
    `limit_s` is for a program's or an endpoint's answer to one video. Raises ConfigError for what can't be read, and
    for two of one name.
    """
    found, missing = list[Detector](), list[Missing]()
    for name, kind, argument in _entries(spec):
        try:
            found.append(_load(name, kind, argument, limit_s))
        except WeightsError as error:
            missing.append(Missing(name=name, reason=str(error)))
    return found, missing


def _entries(spec: Sequence[str]) -> list[tuple[str, str, str]]:
    """(name, kind, argument) of each, a plug-in's kind being ""; no name is there twice."""
    entries = list[tuple[str, str, str]]()
    for entry in spec:
        if entry == "all":
            entries += [(name, "", "") for name in plugins.names(PACKAGE)]
        else:
            entries.append(_entry(entry.strip()))
    seen = set[str]()
    for name, _, _ in entries:
        if name in seen:
            raise ConfigError(f"two detectors are called {name!r}; give each NAME=... a name of its own")
        seen.add(name)
    if not entries:
        raise ConfigError(f"no detector is named; known: all, {', '.join(plugins.names(PACKAGE))}")
    return entries


def _entry(entry: str) -> tuple[str, str, str]:
    name, is_external, rest = entry.partition("=")
    if not is_external:
        plugins.check(PACKAGE, [name])
        return name, "", ""
    kind, has_kind, argument = rest.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", name, re.ASCII):
        raise ConfigError(f"the detector {entry!r} needs a name of letters, digits, '_', '-' and '.' before its '='")
    if name == "all" or name in plugins.names(PACKAGE):
        raise ConfigError(f"the detector {entry!r} has the name of one that comes with emoforge; take another")
    if not has_kind or kind not in KINDS or not argument:
        raise ConfigError(f"the detector {entry!r} is not NAME=KIND:ARGUMENT; kinds: {', '.join(KINDS)}")
    return name, kind, argument


def _load(name: str, kind: str, argument: str, limit_s: float) -> Detector:
    match kind:
        case "":
            return _plugin(name)
        case "cmd":
            return command(name, argument, limit_s=limit_s)
        case "http" | "https":
            return endpoint(name, f"{kind}:{argument}", limit_s=limit_s)
        case "py":
            return python_function(name, argument)
        case "deepfakebench":
            from evaluate.detection.deepfakebench import load_deepfakebench

            return load_deepfakebench(name, argument)
        case _:
            from evaluate.detection.hf_classifier import load_hf_classifier

            return load_hf_classifier(name, argument)


def _plugin(name: str) -> Detector:
    """The detector of a file; WeightsError when the weights or packages that it names aren't here."""
    needs: tuple[str, ...] = plugins.constant(PACKAGE, name, "NEEDS", ())
    if lacking := [package for package in needs if importlib.util.find_spec(package) is None]:
        raise WeightsError(f"{name} needs {', '.join(lacking)}; install it with: pip install 'emoforge[detect]'")
    for needed in plugins.weights_of(PACKAGE, [name]):
        weights.path(needed)
    function = plugins.load(PACKAGE, name)
    fit = plugins.constant(PACKAGE, name, "fit", None)
    return Detector(
        name=name,
        origin=_origin(name),
        reads=plugins.constant(PACKAGE, name, "READS", ("picture", "sound")),
        score=function if fit is None else None,
        observe=plugins.constant(PACKAGE, name, "observe", None),
        fit=fit,
    )


def _origin(name: str) -> str:
    module = importlib.import_module(f"{PACKAGE}.{name}")
    subject = str(module.__doc__).splitlines()[0].rstrip(".")
    read = [f"{needed} (sha256 {weights.sha256(needed)})" for needed in plugins.weights_of(PACKAGE, [name])]
    return f"{subject}; weights: {', '.join(read)}" if read else subject
