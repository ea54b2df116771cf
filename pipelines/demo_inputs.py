"""What the demo samples with: portraits and voices, from the sample corpus and from clips that curate kept."""

import io
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from curate.corpus import ClipRef, Corpus, open_corpus
from curate.media import read_frames
from pipelines.sample_corpus.write import SampleCorpus

RATE_HZ = 16_000


@dataclass(frozen=True, kw_only=True)
class Drive:
    """A video to sample, and the portrait and the voice that it is sampled from; the video may not be there yet."""

    portrait: Path
    audio: Path
    video: Path


def choose_drives(corpus: Path, sample_corpus: Path | None, out: Path, *, count: int, longest_s: float) -> list[Drive]:
    """Write `count` portraits and voices below `out` (fewer if there are fewer clips), and return them.

    The sample corpus gives its portrait with words that no video has; clips, spread over the corpus, give their first
    frame and the beginning of their own voice.
    """
    drives = [] if sample_corpus is None else [_from_sample_corpus(SampleCorpus(folder=sample_corpus), out)]
    clips = open_corpus(corpus)
    spread = np.linspace(0, len(clips.clips) - 1, count).round().astype(int)
    chosen = [clips.clips[place] for place in dict.fromkeys(spread.tolist())]
    return drives + [_from_clip(clips, ref, out, longest_s) for ref in chosen[: count - len(drives)]]


def _from_sample_corpus(made: SampleCorpus, out: Path) -> Drive:
    drive = _places(out, "new_words")
    _once(drive.portrait, made.portrait.read_bytes())
    _once(drive.audio, made.driving_audio.read_bytes())
    return drive


def _from_clip(clips: Corpus, ref: ClipRef, out: Path, longest_s: float) -> Drive:
    source = Path(clips.row(ref, ["uri"])["uri"]).stem
    drive = _places(out, f"{source}_{ref.clip_id[:6]}")
    if not (drive.portrait.exists() and drive.audio.exists()):
        first = next(iter(read_frames(clips.video(ref), end_s=0.1)))
        _once(drive.portrait, _png(first.image))
        _once(drive.audio, _wav(clips.audio(ref)[: round(longest_s * RATE_HZ)]))
    return drive


def _places(out: Path, name: str) -> Drive:
    return Drive(
        portrait=out / "portraits" / f"{name}.png", audio=out / "voices" / f"{name}.wav", video=out / f"{name}.mp4"
    )


def _png(image: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    PIL.Image.fromarray(image).save(content, format="png")
    return content.getvalue()


def _wav(samples: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return content.getvalue()


def _once(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; an existing one stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".tmp-{path.name}")
    scratch.write_bytes(content)
    scratch.replace(path)
