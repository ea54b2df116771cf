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

NUMBERS = ("name", "stem", "scores", "failures", "n_frames", "n_track_frames")


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredFeatures(Mapping[str, NDArray[np.float32]]):
    """A clip's features where they lie: read each time they are asked for, so that a million clips take no memory."""

    file: Path
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Return (k, d) vectors; OSError when the file has gone since."""
        if name not in self.names:
            raise KeyError(name)
        with np.load(self.file, allow_pickle=False) as arrays:
            return np.asarray(arrays[f"feature_{name}"], np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def save_measured(clip: Measured, path: Path) -> None:
    """Write one .npz without pickles, whole or not at all."""
    arrays = {f"feature_{name}": vectors for name, vectors in clip.features.items()}
    arrays |= {f"series_{name}": values for name, values in clip.series.items()}
    text = json.dumps({key: getattr(clip, key) for key in NUMBERS} | {"has_thumbnail": clip.thumbnail is not None})
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with scratch.open("wb") as file:
        thumbnail = np.frombuffer(clip.thumbnail or b"", np.uint8)
        np.savez(file, numbers=np.frombuffer(text.encode(), np.uint8), thumbnail=thumbnail, **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load_measured(path: Path) -> Measured | None:
    """Read it back, equal to the last bit; None when there is no such file, or none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            numbers = json.loads(arrays["numbers"].tobytes())
            names = tuple(key.removeprefix("feature_") for key in arrays if key.startswith("feature_"))
            series = {key.removeprefix("series_"): arrays[key] for key in arrays if key.startswith("series_")}
            thumbnail = arrays["thumbnail"].tobytes() if numbers.pop("has_thumbnail") else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Measured(**numbers, features=StoredFeatures(file=path, names=names), series=series, thumbnail=thumbnail)
