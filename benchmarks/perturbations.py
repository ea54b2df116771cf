"""How fast clips are perturbed, on one core: beside the bare encoder, and beside a file in, a file out each time.

    python benchmarks/perturbations.py [VIDEO]

A clip of 256 x 256 px (the first 4 s of VIDEO, its middle square; a made one without) is decoded once. For each
perturbation of `standard` the best of three in processor time (all threads counted) is printed, in milliseconds:

* ours: what `perturbed` takes, the written MP4's bytes included;
* encoder: PyAV alone on the same pictures and sound, coded alike: no perturbation, nothing kept from the source;
* file: what a script for one file takes, that decodes the source for every perturbation, then does and writes the same.
"""

import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SVT_LOG", "1")

import av
import numpy as np

from curate import plugins
from evaluate.detection.perturbing import PACKAGE, Perturbation, perturbations, perturbed
from evaluate.detection.recording import Recording
from evaluate.detection.recording_files import read_recording, write_recording

SIDE, SECONDS = 256, 4.0
ONE_THREAD = {
    "libx265": {"x265-params": "pools=none:frame-threads=1:info=0:log-level=error"},
    "libsvtav1": {"svtav1-params": "lp=1"},
}


def clip(video: Path | None) -> Recording:
    """Return the middle square of a video's first seconds, or moving noise with a tone."""
    if video is None:
        return _made()
    whole = read_recording(video, max_s=SECONDS)
    top, left = ((side - SIDE) // 2 & ~1 for side in whole.frames.shape[1:3])
    return replace(whole, frames=np.ascontiguousarray(whole.frames[:, top : top + SIDE, left : left + SIDE]))


def _made() -> Recording:
    random = np.random.default_rng(0)
    ground = np.kron(random.integers(0, 255, (48, 48, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    frames = np.stack([ground[n : n + SIDE, n : n + SIDE] for n in range(round(25 * SECONDS))])
    tone = 0.3 * np.sin(np.arange(round(16_000 * SECONDS)) / 12)
    return Recording(frames=frames, samples=tone.astype(np.float32))


def by_encoder(recording: Recording) -> None:
    """Encode with PyAV as its documentation does it, with the coding's own options."""
    coding, rate = recording.coding, Fraction(recording.fps).limit_denominator(1001)
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        options = {**ONE_THREAD.get(coding.video, {}), **coding.options}
        video = container.add_stream(coding.video, rate=rate, options=options)
        video.height, video.width = recording.frames.shape[1:3]
        video.pix_fmt, video.codec_context.thread_count = "yuv420p", 1
        sound = container.add_stream(coding.sound, rate=48_000 if coding.sound == "libopus" else 16_000, layout="mono")
        packets = [p for frame in recording.frames for p in video.encode(av.VideoFrame.from_ndarray(frame))]
        heard = av.AudioFrame.from_ndarray(recording.samples[None], format="fltp", layout="mono")
        heard.sample_rate = 16_000
        container.mux([*packets, *video.encode(None), *sound.encode(heard), *sound.encode(None)])
    if hasattr(os, "sched_setscheduler"):  # SVT-AV1, opened as root, leaves its caller with real-time priority
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def best_ms(work: Callable[[], object]) -> float:
    """Return the best of three, in milliseconds of the processor."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return 1000 * min(spent)


def row(recording: Recording, source: bytes, perturbation: Perturbation) -> tuple[float, float, float]:
    """Return milliseconds: ours, the bare encoder's, and from file to file."""
    coded = plugins.load(PACKAGE, perturbation.name)(recording, perturbation.level)
    ours = best_ms(lambda: perturbed(recording, perturbation, source=source))
    encoder = best_ms(lambda: by_encoder(coded))
    file = best_ms(lambda: perturbed(read_recording(source), perturbation))
    return ours, encoder, file


def main() -> None:
    """Print a row for each perturbation, and the sums."""
    source = write_recording(clip(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
    decoding = best_ms(lambda: read_recording(source))
    recording = read_recording(source)
    print(f"{len(recording.frames)} pictures of {SIDE} px; one decode {decoding:.0f} ms; in ms of one core:")
    print(f"  {'':<36} {'ours':>6} {'encoder':>8} {'file':>6}")
    rows = []
    for perturbation in perturbations("standard"):
        rows.append(row(recording, source, perturbation))
        name = f"{perturbation.name} {perturbation.severity}"
        print(f"  {name:<36} {rows[-1][0]:6.0f} {rows[-1][1]:8.0f} {rows[-1][2]:6.0f}", flush=True)
    ours, encoder, file = np.sum(rows, axis=0)
    print(f"  {'all, with one decode':<36} {ours + decoding:6.0f} {encoder + decoding:8.0f} {file:6.0f}")


if __name__ == "__main__":
    main()
