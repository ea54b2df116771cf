"""What a number depends on, written down and hashed: two numbers compare only under the same fingerprint."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from curate import plugins, weights
from curate.errors import WeightsError
from evaluate.observation import EVERY_FRAME, FACE_WEIGHTS, FRAME_RULE

PACKAGES = ("emoforge", "numpy", "scipy", "av")
FINGERPRINT_DIGITS = 16
ABSENT = "absent"  # where a version stands


def plugin_module(package: str, name: str) -> ModuleType:
    """The module of a feature or metric, for the constants that sit beside its function."""
    return importlib.import_module(f"{package}.{name}")


def feature_protocol(feature: str, *, max_frames: int | None) -> dict[str, Any]:
    """The protocol of a feature plug-in: its own constants, its weights' sha256, the choice of frames, versions."""
    module = plugin_module("evaluate.features", feature)
    every = EVERY_FRAME if max_frames is None else FRAME_RULE.format(n=max_frames)
    return {
        "features": {"name": feature, **module.PROTOCOL},
        "frames": "as its windows" if "windows" in module.PROTOCOL else every,
        "weights": weights_sha256(module.WEIGHTS),
        "versions": versions(module.PACKAGES),
    }


def scorer_protocol(scorer: str) -> dict[str, Any]:
    """The protocol of a scorer of curate on the longest face track: every frame of it counts."""
    return {
        "scorer": scorer,
        "frames": "every frame of the longest face track, 25 fps",
        "weights": weights_sha256((*FACE_WEIGHTS, *plugins.weights_of("curate.scorers", [scorer]))),
        "versions": versions(("ai-edge-litert", "opencv-python")),
    }


def weights_sha256(names: Iterable[str]) -> dict[str, str]:
    """Name -> sha256 of each file of weights: the published one, or of the file that is here; "absent" without."""
    return {name: _weights_sha256(name) for name in sorted(names)}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Package -> installed version, "absent" without one."""
    return {name: _version(name) for name in sorted({*PACKAGES, *packages})}


def fingerprint(protocol: Mapping[str, Any]) -> str:
    """The first 16 hex digits of the sha256 of the protocol as canonical JSON."""
    canonical = json.dumps(protocol, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def _weights_sha256(name: str) -> str:
    try:
        return weights.sha256(name)
    except WeightsError:
        return ABSENT


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT
