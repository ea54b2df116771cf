"""Writes the sample corpus: the videos, the truth about them, and a portrait and a voice to sample with."""

import csv
import io
import os
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.curation import REQUIRED_WEIGHTS
from curate.media_writing import write_video
from pipelines.sample_corpus.render import FPS, film, portrait_of, voice_over
from pipelines.sample_corpus.scenes import DRIVING, SCENES, Scene
from pipelines.sample_corpus.speech import SAMPLE_RATE_HZ

MANIFEST_COLUMNS = (
    "file", "what", "expected_outcome", "expected_reason", "expected_clips", "sync_offset_s", "note",
)  # fmt: skip
TRUNCATED_TO = 0.5  # of the file's bytes
TEXT = b"This is a text. It only bears the name of a video.\n"


@dataclass(frozen=True, kw_only=True)
class SampleCorpus:
    """Where the parts of a sample corpus are."""

    folder: Path

    @property
    def videos(self) -> Path:
        """The folder of the videos, which is what curate gets."""
        return self.folder / "videos"

    @property
    def manifest(self) -> Path:
        """A CSV file with one row a video: the truth."""
        return self.folder / "manifest.csv"

    @property
    def portrait(self) -> Path:
        """A PNG of one of the people, mouth as photographed."""
        return self.folder / "portrait.png"

    @property
    def driving_audio(self) -> Path:
        """A WAV of that person's voice with words that no video has."""
        return self.folder / "driving.wav"


def make_sample_corpus(folder: Path, *, scenes: Sequence[Scene] = SCENES, workers: int = 2) -> Iterator[Path]:
    """Write what is missing of the corpus (see SampleCorpus for the layout), and yield each video as it is there.

    The same code makes the same files. Raises EmoforgeError without the extra `demo`, and WeightsError when the face
    models can't be fetched. Must run through to the end: the manifest, the portrait and the voice are written last.
    """
    corpus = SampleCorpus(folder=folder)
    corpus.videos.mkdir(parents=True, exist_ok=True)
    for half_written in corpus.videos.glob(".*"):  # by a run that was killed
        half_written.unlink()
    originals = [scene for scene in scenes if not scene.copy_of]
    missing = [scene for scene in originals if not (corpus.videos / scene.file).exists()]
    yield from (corpus.videos / scene.file for scene in originals if scene not in missing)
    if missing or not corpus.portrait.exists():
        for name in REQUIRED_WEIGHTS:
            weights.fetch(name)
    yield from _render_all(missing, corpus.videos, workers=workers)
    for scene in scenes:
        if scene.copy_of:
            _write_once(corpus.videos / scene.file, (corpus.videos / scene.copy_of).read_bytes())
            yield corpus.videos / scene.file
    _write_extras(corpus)
    _write_once(corpus.manifest, manifest(scenes).encode(), again=True)


def manifest(scenes: Sequence[Scene]) -> str:
    """The truth as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(MANIFEST_COLUMNS)
    rows.writerows((s.file, s.what, s.outcome, s.reason, s.clips, s.sync_offset_s, s.note) for s in scenes)
    return text.getvalue()


def write_scene(scene: Scene, folder: Path) -> Path:
    """Render one scene into `folder`, whole or not at all."""
    path = folder / scene.file
    if scene.treatment == "text":
        return _write_once(path, TEXT)
    rendered = film(scene)
    if scene.treatment != "truncated":
        write_video(path, rendered.frames, fps=FPS, audio=rendered.sound, sample_rate_hz=SAMPLE_RATE_HZ)
        return path
    whole = path.with_name(f".whole-{path.name}")
    write_video(whole, rendered.frames, fps=FPS, audio=rendered.sound, sample_rate_hz=SAMPLE_RATE_HZ)
    content = whole.read_bytes()
    whole.unlink()
    return _write_once(path, content[: int(TRUNCATED_TO * len(content))])


def _render_all(scenes: Sequence[Scene], folder: Path, *, workers: int) -> Iterator[Path]:
    """Long scenes first, so that no core is idle at the end."""
    places, cache = weights.folders()
    queue = sorted(scenes, key=lambda scene: -sum(len(shot.text) for shot in scene.shots))
    if len(queue) < 2 or workers < 2:
        yield from (write_scene(scene, folder) for scene in queue)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (places, cache)) as pool:
        jobs = [pool.submit(write_scene, scene, folder) for scene in queue]
        try:
            yield from (job.result() for job in as_completed(jobs))
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker(places: tuple[Path, ...], cache: Path) -> None:
    weights.use_folders(places, cache=cache)
    cv2.setNumThreads(1)  # a worker owns one core


def _write_extras(corpus: SampleCorpus) -> None:
    if not corpus.portrait.exists():
        picture = portrait_of(DRIVING.person).image
        _write_once(corpus.portrait, cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
    if not corpus.driving_audio.exists():
        _write_once(corpus.driving_audio, encode_wav(voice_over(DRIVING)))


def encode_wav(samples: NDArray[np.float32]) -> bytes:
    """Return (n,) samples at 16 kHz in [-1, 1] as a 16-bit WAV; what lies beyond is clipped."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return content.getvalue()


def _write_once(path: Path, content: bytes, *, again: bool = False) -> Path:
    """Write a file, whole or not at all; an existing one stays unless `again`."""
    if again or not path.exists():
        scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
        scratch.write_bytes(content)
        scratch.replace(path)
    return path
