"""A drawn talking face with its own sound, and a corpus of it written with the real shard writer."""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.corpus import Corpus, open_corpus
from curate.media_writing import encode_flac, write_video
from curate.shards import locate_blobs, shard_schema, write_rows

SIDE = 128  # px
FPS, RATE_HZ = 25, 16_000
MOUTH = (slice(86, 104), slice(52, 76))  # rows and columns that the mouth opens in


def openness(n_frames: int, *, seed: int = 0) -> NDArray[np.float32]:
    """How far the mouth is open in each frame, in [0, 1]: syllables of 4-8 frames with gaps between them."""
    random = np.random.default_rng(seed)
    curve: list[float] = []
    while len(curve) < n_frames:
        length = int(random.integers(5, 9))
        curve += [*(random.uniform(0.5, 1) * np.sin(np.linspace(0, np.pi, length))), 0.0, 0.0]
    return np.asarray(curve[:n_frames], np.float32)


def face(opened: float) -> NDArray[np.uint8]:
    """A (SIDE, SIDE, 3) RGB face whose mouth is open by `opened` in [0, 1]."""
    picture = np.full((SIDE, SIDE, 3), (90, 120, 150), np.uint8)
    cv2.ellipse(picture, (64, 66), (40, 52), 0, 0, 360, (222, 178, 150), -1, cv2.LINE_AA)
    for x in (48, 80):
        cv2.ellipse(picture, (x, 54), (7, 4), 0, 0, 360, (250, 250, 250), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 54), 3, (40, 40, 50), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (64, 95), (13, 2 + round(9 * opened)), 0, 0, 360, (90, 20, 30), -1, cv2.LINE_AA)
    return picture


def voice(curve: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sound (n,) at RATE_HZ whose loudness is the mouth's openness."""
    seconds = np.arange(len(curve) * RATE_HZ // FPS) / RATE_HZ
    loudness = np.interp(seconds * FPS, np.arange(len(curve)) + 0.5, curve)
    buzz = sum(np.sin(2 * np.pi * 150 * k * seconds) / k for k in range(1, 9))
    return (0.3 * loudness * buzz).astype(np.float32)


def write_corpus(path: Path, *, clips: int = 1, n_frames: int = 60) -> Corpus:
    """Write a corpus of drawn clips under `path` and open it."""
    (path / "shards").mkdir(parents=True)
    rows = [_row(path, number, n_frames) for number in range(clips)]
    shard = path / "shards" / "part-00000.parquet"
    schema = shard_schema([])
    write_rows(shard, [pa.Table.from_pylist(rows, schema=schema)], schema)
    index = [
        {name: row[name] for name in ("clip_id", "source_id", "n_frames", "duration_s")}
        | {"shard": "shards/part-00000.parquet", "row": number}
        | asdict(blob)
        for number, (row, blob) in enumerate(zip(rows, locate_blobs(shard), strict=True))
    ]
    pq.write_table(pa.Table.from_pylist(index), path / "index.parquet")
    return open_corpus(path)


def _row(path: Path, number: int, n_frames: int) -> dict[str, object]:
    curve = openness(n_frames, seed=number)
    scratch = path / f"{number}.mp4"
    write_video(scratch, [face(float(opened)) for opened in curve], fps=FPS, audio=voice(curve))
    content = scratch.read_bytes()
    scratch.unlink()
    return {
        "clip_id": f"clip{number}",
        "source_id": f"source{number}",
        "n_frames": n_frames,
        "duration_s": n_frames / FPS,
        "fps": float(FPS),
        "width": SIDE,
        "height": SIDE,
        "video": {"bytes": content, "path": "clip.mp4"},
        "audio": {"bytes": encode_flac(voice(curve)), "path": "clip.flac"},
        "face_box": [[24.0, 14.0, 104.0, 118.0]] * n_frames,
        "rotation_speed_deg": list(np.abs(np.sin(np.arange(n_frames) / 5)).astype(float)),
    }
