"""One feature of a set of clips as statistics, in two parts so that its own floor comes along; measured or stored."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate.gaussians import Gaussian, Statistics, merged
from evaluate.measure import Measured
from evaluate.results import Count

MIN_CLIPS = 2
FORMAT = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Some clips of a set: the Gaussian of all their vectors."""

    gaussian: Gaussian
    clips: int

    @property
    def count(self) -> Count:
        """Its vectors and clips."""
        return Count(frames=self.gaussian.n, clips=self.clips)


@dataclass(frozen=True, kw_only=True, eq=False)
class SetStatistics:
    """A whole set: two parts without a cluster in common, or one where the clips are too few to part.

    `protocol`: of the feature (evaluate.protocol.feature_protocol), which other vectors must share to be compared.
    """

    parts: tuple[Part, ...]
    protocol: Mapping[str, Any]

    @property
    def whole(self) -> Part:
        """All clips together."""
        return Part(gaussian=merged(part.gaussian for part in self.parts), clips=sum(part.clips for part in self.parts))


def set_statistics(parts: Sequence[Sequence[Measured]], feature: str, *, protocol: Mapping[str, Any]) -> SetStatistics:
    """Read each clip's features once, in the order of the clips' names, one clip in memory at a time."""
    return SetStatistics(parts=tuple(_part(clips, feature) for clips in parts), protocol=protocol)


def split(clips: Sequence[Measured], *, size: int, clusters: Mapping[str, str]) -> list[list[Measured]]:
    """Part a set in two without cutting a cluster: the second has `size` clips where that is at most half of them.

    Clusters come in the order of their names' sha256, so that neither names nor measuring decide; where they can't be
    parted (all clips show one person) the clips are. One part where a side would have fewer than two clips.
    """
    parts = _split(clips, size=size, clusters=clusters)
    return parts if len(parts) > 1 or not clusters else _split(clips, size=size, clusters={})


def _split(clips: Sequence[Measured], *, size: int, clusters: Mapping[str, str]) -> list[list[Measured]]:
    groups: dict[tuple[bool, str], list[Measured]] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        named = clip.name in clusters
        groups.setdefault((named, clusters[clip.name] if named else clip.name), []).append(clip)
    first: list[Measured] = []
    second: list[Measured] = []
    for key in sorted(groups, key=lambda key: hashlib.sha256(key[1].encode()).digest()):
        short = len(second) < min(size, len(clips) // 2)
        (second if short else first).extend(groups[key])
    return [first, second] if min(len(first), len(second)) >= MIN_CLIPS else [list(clips)]


def save_statistics(statistics: Mapping[str, SetStatistics], path: Path) -> None:
    """Write feature -> statistics as one .npz without pickles, whole or not at all."""
    about = {
        name: {"protocol": dict(found.protocol), "clips": [part.clips for part in found.parts]}
        for name, found in statistics.items()
    }
    text = json.dumps({"format": FORMAT, "features": about}, sort_keys=True)
    arrays = {
        f"{name}/{i}/{key}": array
        for name, found in statistics.items()
        for i, part in enumerate(found.parts)
        for key, array in part.gaussian.to_arrays().items()
    }
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with scratch.open("wb") as file:
        np.savez(file, about=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load_statistics(path: Path) -> dict[str, SetStatistics]:
    """Read them back, equal to the last bit; EmoforgeError names the file that can't be, whatever it holds."""
    try:
        _check_members(path)
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            if about["format"] != FORMAT:
                raise EmoforgeError(f"format {about['format']!r}, not {FORMAT}")
            return {name: _loaded(name, entry, arrays) for name, entry in about["features"].items()}
    except (EmoforgeError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EmoforgeError(f"{path} holds no statistics that can be read: {error}") from error
    except (zipfile.BadZipFile, EOFError, MemoryError, RecursionError, NotImplementedError) as error:
        raise EmoforgeError(f"{path} holds no statistics that can be read: {type(error).__name__}") from error


def _part(clips: Sequence[Measured], feature: str) -> Part:
    statistics = Statistics()
    for clip in sorted(clips, key=lambda clip: clip.name):
        try:
            statistics.add(clip.features[feature])
        except EmoforgeError as error:
            raise EmoforgeError(f"{clip.name}: {error}") from error
    return Part(gaussian=statistics.gaussian(), clips=len(clips))


def _check_members(path: Path) -> None:
    """Refuse what savez doesn't write: compressed members may unpack to any size."""
    with zipfile.ZipFile(path) as file:
        if any(member.compress_type != zipfile.ZIP_STORED for member in file.infolist()):
            raise EmoforgeError("its members are compressed")


def _loaded(name: str, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SetStatistics:
    clips = entry["clips"]
    if not isinstance(entry["protocol"], dict) or not 1 <= len(clips) <= 2 or not all(type(n) is int for n in clips):
        raise EmoforgeError(f"{name} is described by {entry!r:.80}")
    parts = []
    for i, n_clips in enumerate(clips):
        found = {key: arrays[f"{name}/{i}/{key}"] for key in ("mean", "factor", "n")}
        parts.append(Part(gaussian=Gaussian.from_arrays(found), clips=n_clips))
    if len({part.gaussian.mean.shape for part in parts}) > 1 or min(clips) < 1:
        raise EmoforgeError(f"the parts of {name} do not fit together")
    return SetStatistics(parts=tuple(parts), protocol=entry["protocol"])
