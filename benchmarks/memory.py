"""How much memory a worker takes for a video of ten minutes, one hour and three hours that shows a face throughout.

    python benchmarks/memory.py [HOURS ...]

Each length is curated by a process of its own, with the default recipe but for the thresholds that a portrait under a
pan can't pass, so that every clip is scored and kept. The videos are one encoded minute, its packets repeated. Prints
the peak of the resident memory and the speed, and fails over 1.5 GB.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data

from curate.analysis import analyse
from curate.curation import Recipe, curate_source
from curate.media_writing import write_video
from curate.records import SourceEntry, Threshold
from pipelines.attempts import limit_memory
from pipelines.curate_config import SCORERS

HOURS = (1 / 6, 1.0, 3.0)
LIMIT_GB = 1.5
MINUTE_S = 60


@dataclass(frozen=True, kw_only=True)
class Use:
    """What curating one video took; `peak_mb` is of resident memory."""

    peak_mb: float
    wall_s: float
    n_clips: int


def write_minute(file: Path) -> None:
    """Write a minute of a 320x240 portrait under a pan, with a tone that comes and goes."""
    portrait = np.asarray(data.astronaut(), np.uint8)
    time_s = np.arange(16_000 * MINUTE_S) / 16_000
    tone = 0.4 * np.sin(2 * np.pi * 220 * time_s) * (0.5 - 0.5 * np.cos(2 * np.pi * 3 * time_s))
    lefts = (round(100 + 60 * np.sin(2 * np.pi * index / 750)) for index in range(25 * MINUTE_S))
    write_video(file, (portrait[:240, left : left + 320] for left in lefts), audio=tone.astype(np.float32), crf=28)


def repeat(minute: Path, to: Path, times: int) -> None:
    """Write its packets `times` times, one run after the other; the sound's few that overlap are left out."""
    with av.open(str(minute)) as source, av.open(str(to), "w") as written:
        streams = {stream.index: written.add_stream_from_template(stream) for stream in source.streams}
        packets = [packet for packet in source.demux() if packet.dts is not None and packet.pts is not None]
        ends = dict.fromkeys(streams, -(1 << 62))
        for turn in range(times):
            for packet in packets:
                shift = round(turn * MINUTE_S / packet.time_base)
                if packet.dts + shift < ends[packet.stream.index]:
                    continue
                ends[packet.stream.index] = packet.dts + shift + (packet.duration or 1)
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts + shift, packet.dts + shift, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, streams[packet.stream.index]
                written.mux(copy)


def use_of(video: Path, work: Callable[[Path], int]) -> Use:
    """Do `work`, which returns a number of clips, in a process of its own, within a source's default limit."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (video, work))


def curate_all(video: Path) -> int:
    """Keep every clip of at least three seconds."""
    keep = {"duration_s": Threshold(min=3.0)}
    recipe = Recipe(scorers=SCORERS, keep={"speech": keep, "singing": keep}, repair_by="sync_ridge")
    outcome = curate_source(SourceEntry(uri=str(video)), recipe, scratch=video.parent)
    assert outcome.outcome == "kept", outcome
    return outcome.n_clips


def analyse_only(video: Path) -> int:
    """Follow its faces, but make no clip of them."""
    return len(analyse(video).tracks)


def _measured(video: Path, work: Callable[[Path], int]) -> Use:
    limit_memory(4.0)
    cv2.setNumThreads(1)
    started = time.perf_counter()
    n_clips = work(video)
    return Use(peak_mb=_peak_mb(), wall_s=time.perf_counter() - started, n_clips=n_clips)


def _peak_mb() -> float:
    """The process' own peak: ru_maxrss begins at what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Print a line a length; fail where the limit is broken."""
    hours = [float(text) for text in sys.argv[1:]] or HOURS
    with tempfile.TemporaryDirectory() as scratch:
        minute, video = Path(scratch) / "minute.mp4", Path(scratch) / "video.mp4"
        write_minute(minute)
        peaks = []
        print("length      peak memory      clips   speed")
        for length_h in hours:
            repeat(minute, video, round(length_h * 60))
            use = use_of(video, curate_all)
            peaks.append(use.peak_mb)
            speed = length_h * 3600 / use.wall_s
            print(f"{length_h:5.2f} h  {use.peak_mb:9.0f} MB  {use.n_clips:9d}  {speed:5.1f}x real time", flush=True)
    assert max(peaks) < LIMIT_GB * 1024, f"over {LIMIT_GB} GB"


if __name__ == "__main__":
    main()
