"""Whether a long song stays well, guarded and not: memory flat, no seams, at the end as sharp as at the start.

    python benchmarks/long_song.py [--checkpoint RUN] [--portrait P.png] [--song S.wav] [--seconds 60] [--steps 10]
                                   [--out DIR]

Without --checkpoint, `emoforge demo` first renders a corpus and trains a tiny model on it, in minutes. Without --song
the sound is a synthesised sung tone. Prints one column with the guard and one without, and fails where memory grows or
a frame is missing. A clip's seam is compared with the changes inside of clips; sharpness and colour are measured by
the scorers of the same names on the face that curate's own analysis finds.
"""

import argparse
import logging
import math
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from curate.analysis import analyse
from curate.clip_media import clip_media
from curate.media import CORPUS_FPS, read_audio
from curate.media_writing import write_video
from curate.scorers.colour_drift import colour_drift
from curate.scorers.seam_score import seam_score
from curate.scorers.sharpness_drift import sharpness_drift
from pipelines.__main__ import main as emoforge
from train.checkpoint import load_model
from train.drift_guard import DriftGuard
from train.models.presets import PRESETS
from train.portrait import load_portrait
from train.sampling import SamplerSettings, generate
from train.silence_gate import voiced_frames
from train.stages import CLIP_FRAMES, STAGES

MOST_GROWTH_MB = 10.0
SHOWN_PX = 256
SETTLED_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A song to sample."""

    checkpoint: Path
    portrait: Path
    song: Path | None
    duration_s: float
    steps: int
    guarded: bool
    out: Path


@dataclass(frozen=True, kw_only=True)
class Told:
    """What sampling it took; resident memory after 10 s of the video and at its end."""

    settled_mb: float
    end_mb: float
    frames_per_s: float
    n_frames: int
    redone: int
    seams: float  # mean change of the picture between clips over that within


def sung_tone(duration_s: float) -> NDArray[np.float32]:
    """A vowel on a melody of four notes, with vibrato, in syllables, and a rest after each eighth one."""
    seconds = np.arange(round(duration_s * 16_000)) / 16_000
    syllable = np.floor(seconds / 0.4).astype(int)
    pitch = 220 * 2 ** (np.array([0, 4, 7, 5])[syllable % 4] / 12) * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    harmonics = sum(np.sin(k * phase) * math.exp(-(((k * 220 - 700) / 500) ** 2)) for k in range(1, 16))
    loudness = np.sin(np.pi * (seconds % 0.4) / 0.4) * (syllable % 8 != 7)
    return np.asarray(0.2 * loudness * harmonics, np.float32)


def sample(task: Task) -> Told:
    """Sample the song into a video; in a process of its own, whose memory is then its own."""
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    model, state = load_model(task.checkpoint)
    portrait = load_portrait(task.portrait, size=PRESETS[state.preset].image_px)
    n_frames = round(task.duration_s * CORPUS_FPS)
    if task.song is None:
        samples, voiced = sung_tone(task.duration_s), None
    else:
        samples = read_audio(task.song, end_s=task.duration_s)
        voiced = voiced_frames(samples, n_frames=n_frames)
    guard = DriftGuard() if task.guarded else None
    frames = generate(
        model,
        reference=portrait.image,
        face_mask=portrait.face_mask,
        samples=samples,
        n_frames=n_frames,
        settings=SamplerSettings(steps=task.steps),
        speed_deg=torch.tensor(0.5) if STAGES[state.stage].has_speed else None,
        guard=guard,
        voiced=voiced,
    )
    watched, began = Watched(), time.perf_counter()
    written = write_video(task.out, watched.pictures(frames), audio=samples)
    return Told(
        settled_mb=watched.settled_mb,
        end_mb=resident_mb(),
        frames_per_s=written / (time.perf_counter() - began),
        n_frames=written,
        redone=0 if guard is None else len(guard.redone),
        seams=watched.seams(),
    )


class Watched:
    """Passes frames on as pictures, and notes the memory after 10 s and each frame's change from the last."""

    def __init__(self) -> None:
        self.settled_mb = math.nan
        self._changes: list[float] = []

    def pictures(self, frames: Iterator[torch.Tensor]) -> Iterator[NDArray[np.uint8]]:
        """Take frames (3, S, S) in [-1, 1] to (256, 256, 3) RGB."""
        before: torch.Tensor | None = None
        for place, frame in enumerate(frames):
            if place == SETTLED_S * CORPUS_FPS:
                self.settled_mb = resident_mb()
            if before is not None:
                self._changes.append(float((frame - before).abs().mean()))
            before = frame
            levels = ((frame + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
            yield np.asarray(cv2.resize(levels, (SHOWN_PX, SHOWN_PX), interpolation=cv2.INTER_CUBIC), np.uint8)

    def seams(self) -> float:
        """Mean change between clips over the mean change within."""
        changes, at_seam = np.array(self._changes), np.arange(1, len(self._changes) + 1) % CLIP_FRAMES == 0
        return float(changes[at_seam].mean() / changes[~at_seam].mean())


def resident_mb() -> float:
    """This process' memory now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def scores(video: Path) -> dict[str, str]:
    """Return what the scorers say of the longest face track."""
    analysis = analyse(video)
    if not analysis.tracks:
        return {"face found": "none"}
    track = max(analysis.tracks, key=len)
    media = clip_media(video, analysis, track, size_px=SHOWN_PX)
    found = {
        "seam_score ratio": seam_score(media)["ratio"],
        "sharpness end / start": sharpness_drift(media)["last_to_first"],
        "colour end - start": colour_drift(media)["last_to_first"],
    }
    shown = {name: "-" if value is None else f"{value:.2f}" for name, value in found.items()}
    return {"face found": f"{len(track) / analysis.n_frames:.0%}"} | shown


def trained(out: Path) -> tuple[Path, Path]:
    """Train a tiny model by the demo, and return its run and a portrait."""
    if emoforge(["demo", "--out", str(out)]) != 0:
        raise SystemExit("emoforge demo failed")
    return out / "models" / "speed", next(out.rglob("portrait.png"))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    for name in ("checkpoint", "portrait", "song", "out"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    if options.checkpoint is not None and options.portrait is None:
        parser.error("--checkpoint goes with --portrait")
    return options


def main() -> None:
    """Print a row a measure, and fail where memory grows or a frame is missing."""
    options = parsed()
    out = options.out or Path(tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, portrait = options.checkpoint, options.portrait
    if checkpoint is None:
        checkpoint, portrait = trained(out / "demo")
    rows: dict[str, list[str]] = {}
    for guarded in (True, False):
        video = out / f"{'guarded' if guarded else 'alone'}.mp4"
        task = Task(
            checkpoint=checkpoint,
            portrait=portrait,
            song=options.song,
            duration_s=options.seconds,
            steps=options.steps,
            guarded=guarded,
            out=video,
        )
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            told = pool.apply(sample, (task,))
        assert told.n_frames == round(options.seconds * CORPUS_FPS), f"{told.n_frames} frames"
        assert not told.end_mb - told.settled_mb > MOST_GROWTH_MB, f"memory grew: {told}"
        column = {
            "memory at 10 s, MB": f"{told.settled_mb:.0f}",
            f"memory at {options.seconds:g} s, MB": f"{told.end_mb:.0f}",
            "frames/s": f"{told.frames_per_s:.2f}",
            "clips drawn again": f"{told.redone}",
            "change at seams / within": f"{told.seams:.2f}",
        } | scores(video)
        for name, value in column.items():
            rows.setdefault(name, []).append(value)
    print(f"{'':<28}{'guarded':>10}{'alone':>10}")
    for name, values in rows.items():
        print(f"{name:<28}" + "".join(f"{value:>10}" for value in values))
    print(f"(goals: no change at seams above 1, sharpness at least 0.90) videos in {out}")


if __name__ == "__main__":
    main()
