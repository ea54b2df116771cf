"""What the demo samples with: portraits and voices, from the sample corpus and from clips that curate kept."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from curate.corpus import ClipRef, Corpus, open_corpus
from curate.media import read_audio, read_frames
from pipelines.sample_corpus.write import SampleCorpus, encode_wav

RATE_HZ = 16_000


@dataclass(frozen=True, kw_only=True)
class Drive:
    """A video to sample, and the portrait and the voice that it is sampled from; the video may not be there yet."""

    portrait: Path
    audio: Path
    video: Path


def choose_drives(
    corpus: Path, sample_corpus: Path | None, out: Path, *, count: int, trained_clips: int, longest_s: float
) -> list[Drive]:
    """Write up to `count` portraits and voices below `out`, and return them.

    The sample corpus gives its portrait with words that no video has. The rest are first frames of the clips that were
    trained on, with the beginning of the voices of clips spread over the corpus, their own first.
    """
    drives = [] if sample_corpus is None else [_new_words(SampleCorpus(folder=sample_corpus), out, longest_s)]
    clips = open_corpus(corpus)
    spread = np.linspace(0, len(clips.clips) - 1, max(2, count)).round().astype(int)
    voices = [clips.clips[place] for place in dict.fromkeys(spread.tolist())][: count - len(drives)]
    faces = clips.clips[: min(trained_clips, len(clips.clips))]
    return drives + [
        _from_clips(clips, faces[place % len(faces)], voice, out, longest_s) for place, voice in enumerate(voices)
    ]


def _new_words(made: SampleCorpus, out: Path, longest_s: float) -> Drive:
    drive = _places(out, "new_words")
    _once(drive.portrait, made.portrait.read_bytes())
    _once(drive.audio, encode_wav(read_audio(made.driving_audio, sample_rate_hz=RATE_HZ)[: round(longest_s * RATE_HZ)]))
    return drive


def _from_clips(clips: Corpus, face: ClipRef, voice: ClipRef, out: Path, longest_s: float) -> Drive:
    name = _name(clips, face) if face == voice else f"{_name(clips, face)}_with_the_voice_of_{_name(clips, voice)}"
    drive = _places(out, name)
    if not (drive.portrait.exists() and drive.audio.exists()):
        first = next(iter(read_frames(clips.video(face), end_s=0.1)))
        _once(drive.portrait, _png(first.image))
        _once(drive.audio, encode_wav(clips.audio(voice)[: round(longest_s * RATE_HZ)]))
    return drive


def _name(clips: Corpus, ref: ClipRef) -> str:
    """The source's name; with the clip's id where the source has more than one clip."""
    stem = Path(clips.row(ref, ["uri"])["uri"]).stem
    alone = sum(other.source_id == ref.source_id for other in clips.clips) == 1
    return stem if alone else f"{stem}_{ref.clip_id[:6]}"


def _places(out: Path, name: str) -> Drive:
    return Drive(
        portrait=out / "portraits" / f"{name}.png", audio=out / "voices" / f"{name}.wav", video=out / f"{name}.mp4"
    )


def _png(image: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    PIL.Image.fromarray(image).save(content, format="png")
    return content.getvalue()


def _once(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; an existing one stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".tmp-{path.name}")
    scratch.write_bytes(content)
    scratch.replace(path)
