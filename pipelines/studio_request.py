"""What a visitor of the page asks for, as a request to the sampler and its settings; nothing in it is trusted."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from curate.errors import EmoforgeError
from pipelines.config import build, to_values
from pipelines.provenance import MAX_REFERENCE
from pipelines.sample_config import SampleConfig
from pipelines.sample_requests import request_of
from pipelines.sample_work import Request
from pipelines.speak import speak

T = TypeVar("T")

VIDEO = "talking.mp4"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The values of the page's parts, which are None where a visitor emptied them."""

    portrait: str | None
    voice: str | None
    words: str | None
    consent: str | None
    steps: float | None
    scheduler: str | None
    audio_guidance: float | None
    reference_guidance: float | None
    speed_deg: float | None
    seed: float | None
    face_box: str | None
    paste_back: bool | None


def wish_of(config: SampleConfig, *, speed_deg: float) -> Wish:
    """Return what the page begins with."""
    values = to_values(config)
    kept = {field.name: values.get(field.name) for field in dataclasses.fields(Wish)}
    return Wish(**kept | {"speed_deg": speed_deg})


def settings_of(wish: Wish, config: SampleConfig) -> SampleConfig:
    """Return `config` with the wish's steps, scheduler and guidance; ConfigError names what can't be."""
    values = to_values(config)
    wished = {name: _given(value, name) for name, value in vars(wish).items() if name in values}
    return build(SampleConfig, values | wished, where="the page")


def to_request(wish: Wish, folder: Path, *, has_speed: bool, speech_command: str | None) -> Request:
    """Return the request for a video in `folder`; words are spoken into a file there first.

    EmoforgeError says what is missing, or given twice.
    """
    consent = (wish.consent or "").strip()
    if len(consent) > MAX_REFERENCE:
        raise EmoforgeError(f"the consent reference has {len(consent)} characters; at most {MAX_REFERENCE} are written")
    if not wish.portrait:
        raise EmoforgeError("there is no portrait; choose a picture of one face")
    cells = {
        "portrait": wish.portrait,
        "audio": _sound(wish, folder, speech_command),
        "out": folder / VIDEO,
        "box": (wish.face_box or "").strip() or None,
        "speed": _number(wish.speed_deg, "head speed") if has_speed else None,
        "seed": _number(wish.seed, "seed", whole=True),
        "consent_ref": consent or None,
    }
    return request_of(cells, folder=Path(), paste_back=bool(wish.paste_back), separate=False)


def _sound(wish: Wish, folder: Path, speech_command: str | None) -> str | Path:
    words = (wish.words or "").strip()
    if wish.voice and words:
        raise EmoforgeError("there are both a voice and words to say; remove one of them")
    if wish.voice:
        return wish.voice
    if not words:
        raise EmoforgeError("there is nothing to speak; choose a sound with a voice, or write words to say")
    return speak(words, folder / "speech.wav", command=speech_command)


def _number(value: float | None, name: str, *, whole: bool = False) -> str:
    number = _given(value, name)
    if not math.isfinite(number) or (whole and number != int(number)):
        raise EmoforgeError(f"the {name} must be a {'whole ' if whole else ''}number, not {value}")
    return str(int(number) if whole else number)


def _given(value: T | None, name: str) -> T:
    if value is None:
        raise EmoforgeError(f"the {name.replace('_', ' ')} is empty; give a value")
    return value
