"""A measured clip as a file: written by the worker that measured it, read back for the metrics, and for going on."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from evaluate.measure import Measured

NUMBERS = ("name", "stem", "scores", "failures", "n_frames", "n_track_frames")


def save_measured(clip: Measured, path: Path) -> None:
    """Write one .npz without pickles, whole or not at all."""
    arrays = {f"feature_{name}": vectors for name, vectors in clip.features.items()}
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
            features = {key.removeprefix("feature_"): arrays[key] for key in arrays if key.startswith("feature_")}
            thumbnail = arrays["thumbnail"].tobytes() if numbers.pop("has_thumbnail") else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Measured(**numbers, features=features, thumbnail=thumbnail)
