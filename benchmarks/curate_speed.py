"""How fast curation is, and where the time goes; with its peers in the same run.

    python benchmarks/curate_speed.py VIDEOS --peer-python PY --peer-model face_landmarker.task

1. `emoforge curate` with the default scorers against the chain that recipes run step by step (benchmarks/peer_chain.py,
   run by PY, which needs mediapipe scenedetect av opencv-python), on the same videos and cores.
2. Where our time goes, by step, and the limit: decoding and encoding alone.
3. Triage of a source that has no face or no sound, in times real time a core.
4. Shots: PySceneDetect's own loop against our shared decode, for the same cuts' sake at the same size.
5. One worker against two, and what a source costs the local and the Ray executor.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import scenedetect

from curate import analysis, clip_media, curation, encode, triage
from curate.camera import CameraMotion
from curate.clip_media import ClipMedia
from curate.curation import Recipe, curate_source
from curate.errors import MediaError
from curate.face_finder import SMALL_PX, FaceFinder
from curate.fingerprints import FrameHasher
from curate.frame import Frame
from curate.media import probe, read_frames
from curate.records import SourceEntry
from curate.shots import ShotDetector
from curate.sources import VIDEO_SUFFIXES
from pipelines.curate_config import KEEP, SCORERS

RECIPE = Recipe(scorers=SCORERS, keep={"speech": KEEP, "singing": KEEP}, repair_by="sync_ridge")


def main() -> None:
    """Run every part that its inputs are there for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peer-python")
    parser.add_argument("--peer-model")
    parser.add_argument("--ray", action="store_true", help="time the Ray executor too")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    videos = sorted(file for file in args.videos.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)
    seconds = sum(probe(video).duration_s or 0.0 for video in videos)
    print(f"{len(videos)} videos, {seconds:.0f} s, {args.workers} workers")
    against_peer(args, videos, seconds)
    where_time_goes(videos)
    triages(videos)
    shots(videos)
    scaling(args, videos)


def against_peer(args: argparse.Namespace, videos: list[Path], seconds: float) -> None:
    """The whole command against the chain, on the same videos and as many processes."""
    ours_s = command_s(videos, "--workers", str(args.workers))
    print(f"\nemoforge curate, all scorers   {ours_s:7.1f} s   {seconds / ours_s:5.2f} x real time")
    if args.peer_python:
        command = [args.peer_python, str(Path(__file__).with_name("peer_chain.py")), args.peer_model, str(args.workers)]
        told = subprocess.run([*command, *map(str, videos)], check=True, capture_output=True, text=True).stdout
        peer = json.loads(told.splitlines()[-1])
        print(f"the chain, step by step        {peer['wall_s']:7.1f} s   {seconds / peer['wall_s']:5.2f} x real time")
        print(f"                               {peer['wall_s'] / ours_s:.2f} times our time; its steps, core seconds:")
        print("    " + ", ".join(f"{name} {took:.0f}" for name, took in peer["steps"].items()))


def command_s(videos: list[Path], *flags: str) -> float:
    """Seconds of the whole command, imports and all."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pipelines", "curate", *map(str, videos), "--out", f"{folder}/run", *flags]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began


def where_time_goes(videos: list[Path]) -> None:
    """Core seconds of each step by itself, in this process, on one core; and of decoding and encoding alone."""
    clock = Clock()
    scratch = Path(tempfile.mkdtemp())
    curate_source(SourceEntry(uri=str(videos[0])), RECIPE, scratch=scratch)  # models loaded
    for name, place, function in STEPS:
        clock.watch(name, place, function)
    began = time.process_time()
    for video in videos:
        curate_source(SourceEntry(uri=str(video)), RECIPE, scratch=scratch)
    whole = time.process_time() - began
    clock.stop()
    shutil.rmtree(scratch)
    print(f"\nwhere {whole:.0f} core seconds go")
    for name, took in [*clock.spent.most_common(), ("the rest", whole - clock.spent.total())]:
        print(f"    {name:<34} {took:6.1f} s  {took / whole:4.0%}")
    began = time.process_time()
    for video in videos:
        for _ in decoded(video):
            pass
    print(f"    decoding every frame once takes    {time.process_time() - began:6.1f} s of them at least")


STEPS = (
    ("triage", curation, "triage"),
    ("decode, small picture", curation, "analyse"),
    ("faces: detector and mesh", FaceFinder, "find"),
    ("numbers off each face", analysis, "_face"),
    ("shots", ShotDetector, "feed"),
    ("camera", CameraMotion, "feed"),
    ("scorers", curation, "score"),
    ("sound: decode", ClipMedia, "audio_around"),
    ("kept pictures: decode and crop", clip_media, "clip_pictures"),
    ("kept clips: encode", encode, "write_video"),
    ("identity", encode, "embed"),
    ("fingerprints", FrameHasher, "feed"),
)


class Clock:
    """Notes how long functions take, less the time of other watched functions inside them."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._inside = [0.0]
        self._originals: list[tuple[Any, str, Any]] = []

    def watch(self, name: str, place: Any, function: str) -> None:
        original = getattr(place, function)
        self._originals.append((place, function, original))

        def watched(*args: Any, **options: Any) -> Any:
            self._inside.append(0.0)
            began = time.process_time()
            try:
                return original(*args, **options)
            finally:
                took = time.process_time() - began
                self.spent[name] += took - self._inside.pop()
                self._inside[-1] += took

        setattr(place, function, watched)

    def stop(self) -> None:
        for place, function, original in self._originals:
            setattr(place, function, original)


def decoded(video: Path) -> Iterator[Frame]:
    """Yield a video's frames as far as they go."""
    with contextlib.suppress(MediaError):
        yield from read_frames(video)


def triages(videos: list[Path]) -> None:
    """How fast a source that can't give a clip is told from one that can."""
    print("\ntriage, one core")
    for video in videos:
        began = time.process_time()
        reason = triage.triage(video, needs_audio=True, max_gap_s=RECIPE.triage_gap_s)
        took, length_s = time.process_time() - began, probe(video).duration_s or 0.0
        if reason is not None:
            print(f"    {video.name:<30} {reason:<22} {length_s:6.1f} s in {took:.3f} s   {length_s / took:5.0f} x")


def shots(videos: list[Path]) -> None:
    """Both find cuts alone; PySceneDetect reads by OpenCV, and both shrink to 256 px."""
    seconds = sum(probe(video).duration_s or 0.0 for video in videos)
    began = time.process_time()
    for video in videos:
        scenedetect.detect(str(video), scenedetect.AdaptiveDetector(adaptive_threshold=3.5, window_width=3))
    theirs = time.process_time() - began
    shared, own = 0.0, 0.0
    for video in videos:
        detector = ShotDetector(fps=25)
        began = time.process_time()
        for frame in decoded(video):
            small, at = frame.small(SMALL_PX), time.process_time()
            detector.feed(frame.index, small)
            own += time.process_time() - at
        shared += time.process_time() - began
    print("\nshots, core seconds a minute of video")
    print(f"    PySceneDetect's own loop              {theirs / seconds * 60:6.2f}")
    print(
        f"    our decode, small picture and shots    {shared / seconds * 60:6.2f}   {theirs / shared:.2f} times as fast"
    )
    print(f"    what shots add to the shared decode    {own / seconds * 60:6.2f}   {theirs / own:.2f} x as fast")


def scaling(args: argparse.Namespace, videos: list[Path]) -> None:
    """One worker against two, and the executors' own cost on sources that take no work."""
    one_s, two_s = (command_s(videos, "--workers", str(n)) for n in (1, 2))
    print(f"\n1 worker {one_s:.1f} s, 2 workers {two_s:.1f} s: {one_s / two_s:.2f} times as fast")
    with tempfile.TemporaryDirectory() as folder:
        texts = [Path(folder) / f"{i:03d}.mp4" for i in range(200)]
        for text in texts:
            text.write_text("no video")
        for name, flags in [("local", ()), *([("Ray", ("--executor", "ray"))] if args.ray else [])]:
            few, many = command_s(texts[:1], *flags), command_s(texts, *flags)
            print(
                f"    {name}: {few:.1f} s to start and end, {(many - few) / 199 * 1000:.0f} ms a source beyond its work"
            )


if __name__ == "__main__":
    main()
