"""A measured clip as a file: written by the worker that measured it, read back for the metrics, and for going on."""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluate.measure import Measured

FEATURE, SERIES = "feature_", "series_"
NUMBERS = ("name", "stem", "scores", "failures", "n_frames", "n_track_frames")


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredArrays(Mapping[str, NDArray[np.float32]]):
    """A clip's features or series where they lie: read when they are asked for, so that many clips take no memory."""

    file: Path
    kind: str  # what their names in the file begin with
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Return the array; OSError when the file has gone since."""
        if name not in self.names:
            raise KeyError(name)
        with np.load(self.file, allow_pickle=False) as arrays:
            return np.asarray(arrays[f"{self.kind}{name}"], np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def save_measured(clip: Measured, path: Path) -> None:
    """Write one .npz without pickles, whole or not at all."""
    arrays = {f"{FEATURE}{name}": vectors for name, vectors in clip.features.items()}
    arrays |= {f"{SERIES}{name}": values for name, values in clip.series.items()}
    text = json.dumps({key: getattr(clip, key) for key in NUMBERS} | {"has_thumbnail": clip.thumbnail is not None})
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with scratch.open("wb") as file:
        thumbnail = np.frombuffer(clip.thumbnail or b"", np.uint8)
        np.savez(file, numbers=np.frombuffer(text.encode(), np.uint8), thumbnail=thumbnail, **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load_measured(path: Path, *, thumbnail: bool = True) -> Measured | None:
    """Read it back, equal to the last bit, if asked without the thumbnail; None when there is no file to be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            numbers = json.loads(arrays["numbers"].tobytes())
            shown = numbers.pop("has_thumbnail") and thumbnail
            jpeg = arrays["thumbnail"].tobytes() if shown else None
            features, series = (_stored(path, kind, arrays.files) for kind in (FEATURE, SERIES))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Measured(**numbers, features=features, series=series, thumbnail=jpeg)


def _stored(path: Path, kind: str, names: list[str]) -> StoredArrays:
    mine = tuple(name.removeprefix(kind) for name in names if name.startswith(kind))
    return StoredArrays(file=path, kind=kind, names=mine)
