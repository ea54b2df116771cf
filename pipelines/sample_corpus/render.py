"""Turns a scene of the table into frames and sound."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.sample_corpus import animate
from pipelines.sample_corpus.photograph import SIZE_PX
from pipelines.sample_corpus.portrait import Portrait, build_portrait
from pipelines.sample_corpus.scenes import CAPTION, LATE_S, PEOPLE, SHORT_S, VOICES, Scene, Shot, Treatment
from pipelines.sample_corpus.speech import SAMPLE_RATE_HZ, mouth_motion, speak
from pipelines.sample_corpus.warp import Image

FPS = 25
LEAD_S, TAIL_S = 0.2, 0.3  # silence before and after the words
CAPTION_Y_PX = 366  # under the chin, so that a crop around the face has it too
PAIR_WIDTH_PX = 400  # of each of two people side by side
STAGE_PX, TINY_PX = (480, 640), 112  # height and width of the picture that holds a tiny one


@dataclass(frozen=True, kw_only=True, eq=False)
class Film:
    """What a scene looks and sounds like: RGB frames at 25 fps, and (n,) samples at 16 kHz or no sound track."""

    frames: Iterator[Image]
    sound: NDArray[np.float32] | None


def film(scene: Scene) -> Film:
    """Render a scene; its frames come one by one."""
    sounds = [voice_over(shot) for shot in scene.shots]
    if scene.treatment == "two_faces":
        sounds = [sounds[0], np.zeros_like(sounds[0])]
        pairs = zip(*(_talking(shot, sound) for shot, sound in zip(scene.shots, sounds, strict=True)), strict=True)
        return Film(frames=(_side_by_side(left, right) for left, right in pairs), sound=sounds[0])
    if scene.treatment == "no_face":
        return Film(frames=_panned(_still_life(), count=n_frames(sounds[0])), sound=sounds[0])
    shots = chain.from_iterable(_talking(shot, sound) for shot, sound in zip(scene.shots, sounds, strict=True))
    return Film(frames=_treated(shots, scene.treatment), sound=_heard(np.concatenate(sounds), scene.treatment))


def voice_over(shot: Shot) -> NDArray[np.float32]:
    """(n,) samples of the shot's words with a little silence around them, a whole number of frames long."""
    words = np.pad(
        speak(shot.text, VOICES[shot.person]), (round(LEAD_S * SAMPLE_RATE_HZ), round(TAIL_S * SAMPLE_RATE_HZ))
    )
    return words[: n_frames(words) * SAMPLE_RATE_HZ // FPS]


def n_frames(sound: NDArray[np.float32]) -> int:
    """How many whole frames the sound lasts."""
    return len(sound) * FPS // SAMPLE_RATE_HZ


@cache
def portrait_of(person: str) -> Portrait:
    """The picture of one of the corpus's people."""
    return build_portrait(PEOPLE[person])


def _talking(shot: Shot, sound: NDArray[np.float32]) -> Iterator[Image]:
    mouth = mouth_motion(sound, n_frames=n_frames(sound), fps=FPS)
    return animate.frames(portrait_of(shot.person), animate.perform(mouth, seed=shot.seed, fps=FPS))


def _treated(frames: Iterator[Image], treatment: Treatment) -> Iterator[Image]:
    if treatment == "caption":
        return map(_captioned, frames)
    if treatment == "tiny_face":
        return map(_far_away, frames)
    return islice(frames, round(SHORT_S * FPS)) if treatment == "short" else frames


def _heard(sound: NDArray[np.float32], treatment: Treatment) -> NDArray[np.float32] | None:
    if treatment == "no_sound":
        return None
    if treatment == "silent":
        return np.zeros_like(sound)
    if treatment == "short":
        return sound[: round(SHORT_S * SAMPLE_RATE_HZ)]
    return np.pad(sound, (round(LATE_S * SAMPLE_RATE_HZ), 0))[: len(sound)] if treatment == "late_sound" else sound


def _side_by_side(left: Image, right: Image) -> Image:
    edge = (SIZE_PX - PAIR_WIDTH_PX) // 2
    return np.hstack([left[:, edge:-edge], right[:, edge:-edge]])


def _captioned(frame: Image) -> Image:
    picture = frame.copy()
    (width, height), _ = cv2.getTextSize(CAPTION, cv2.FONT_HERSHEY_DUPLEX, 0.8, 2)
    left, base = (SIZE_PX - width) // 2, CAPTION_Y_PX
    cv2.rectangle(picture, (left - 10, base - height - 10), (left + width + 10, base + 12), (0, 0, 0), -1)
    cv2.putText(picture, CAPTION, (left, base), cv2.FONT_HERSHEY_DUPLEX, 0.8, (255, 255, 255), 2, cv2.LINE_AA)
    return picture


def _far_away(frame: Image) -> Image:
    """The whole frame, small, at the bottom of an empty wall of its own colour."""
    height, width = STAGE_PX
    wall = cv2.resize(cv2.GaussianBlur(frame[:120, :60], (0, 0), 20), (width, height), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(frame, (TINY_PX, TINY_PX), interpolation=cv2.INTER_AREA)
    left = (width - TINY_PX) // 2
    wall[-TINY_PX:, left : left + TINY_PX] = small
    return np.asarray(wall, np.uint8)


def _still_life() -> Image:
    return np.asarray(importlib.import_module("skimage.data").coffee(), np.uint8)


def _panned(picture: Image, *, count: int) -> Iterator[Image]:
    """A window of 400 x 500 px that moves over the picture from its left to its right end."""
    room = picture.shape[1] - 500
    for index in range(count):
        left = round(room * index / max(1, count - 1))
        yield np.ascontiguousarray(picture[:400, left : left + 500])
