"""A scored clip as files: written by the worker that scored it, read back for fitting, for the table, for going on."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.components import Marks
from evaluate.detection.scoring import Answer, ClipScores

# what NumPy and the standard library raise of a file that was cut or changed; a flipped bit can ask for encryption
# (RuntimeError), another compression (NotImplementedError) or an array beyond any memory
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def save_scored(clip: ClipScores, path: Path) -> None:
    """Write PATH (.npz, no pickles) and, where it was matched, the MP4 beside it; each whole or not at all."""
    arrays: dict[str, NDArray[np.generic]] = {
        "identity": clip.marks.identity,
        "frame_hashes": np.asarray(clip.marks.frame_hashes, np.int64),
        "audio_fingerprint": np.asarray(clip.marks.audio_fingerprint, np.int32),
    }
    rows = []
    for number, answer in enumerate(clip.answers):
        row = {key: value for key, value in asdict(answer).items() if key != "given"}
        if isinstance(answer.given, np.ndarray):
            arrays[f"seen_{number}"] = answer.given
        rows.append(row | {"score": None if isinstance(answer.given, np.ndarray) else answer.given})
    marks = {"source": clip.marks.source, "duration_s": clip.marks.duration_s}
    text = json.dumps({"answers": rows, "trivial": clip.trivial, "marks": marks})
    if clip.video is not None:
        _write(path.with_suffix(".mp4"), clip.video)
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with scratch.open("wb") as file:
        np.savez_compressed(file, record=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load_scored(path: Path, *, observed: bool = True) -> ClipScores | None:
    """Read it back without the video, and if told without what fitted detectors observed, which may be large.

    None when there is no file to be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            record = json.loads(arrays["record"].tobytes())
            held = arrays if observed else {}
            answers = tuple(_answer(row, f"seen_{number}", held) for number, row in enumerate(record["answers"]))
            marks = Marks(
                **record["marks"],
                identity=arrays["identity"],
                frame_hashes=arrays["frame_hashes"].tolist(),
                audio_fingerprint=arrays["audio_fingerprint"].tolist(),
            )
            return ClipScores(answers=answers, trivial=record["trivial"], marks=marks)
    except _DAMAGED:
        return None


def load_seen(path: Path, detector: str) -> dict[tuple[str, str], NDArray[np.float32] | str]:
    """(condition, severity) -> what a fitted detector observed of the clip, or why it observed nothing.

    Only that detector's arrays are read. Raises OSError when the file has gone.
    """
    with np.load(path, allow_pickle=False) as arrays:
        answers = json.loads(arrays["record"].tobytes())["answers"]
        return {
            (row["condition"], row["severity"]): (
                np.asarray(arrays[f"seen_{number}"], np.float32)
                if f"seen_{number}" in arrays.files
                else str(row["abstained"])
            )
            for number, row in enumerate(answers)
            if row["detector"] == detector
        }


def _answer(row: dict[str, object], seen: str, held: Mapping[str, NDArray[np.float32]]) -> Answer:
    score = row.pop("score")
    given = np.asarray(held[seen], np.float32) if seen in held else score
    return Answer(**row, given=given)  # type: ignore[arg-type]


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    scratch.write_bytes(content)
    scratch.replace(path)
