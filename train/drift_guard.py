"""The drift guard: holds the clips of a video to its beginning, and has broken ones drawn again."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.errors import WeightsError
from curate.identity import SAME_PERSON_COSINE
from train.anchoring import MAX_CONTRAST, MAX_DETAIL, MAX_LEVEL, Looks, anchor_of, anchored, looks
from train.face_identity import face_identity

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 3  # clips broken at every attempt, with none sound between: else a weak model takes thrice as long
LOOKED_AT_EVERY = 4  # frames; the last, from which the next clip goes on, is one of them
FACE_LOST = 10.0  # worse than any other fault that a frame with finite numbers can have
LIKENESS_LOST = 0.04  # of the cosine: a clip may be so much less like the portrait than the first one was

Identity = NDArray[np.float32]
FindFace = Callable[[NDArray[np.uint8]], Identity | None]  # (S, S, 3) RGB -> unit vector, or no face


class Draw(Protocol):
    """Draws a clip: frames (F, 3, S, S) in [-1, 1]."""

    def __call__(self, attempt: int, *, afresh: bool) -> Tensor:
        """Each `attempt` has noise of its own; `afresh` does not continue from the clip before."""


@dataclass(frozen=True, kw_only=True)
class Redone:
    """A clip that was drawn again."""

    clip: int  # from 0
    reason: str  # what was wrong with the first attempt
    attempts: int  # in all
    left: str  # what is wrong with the one that was kept; "" is nothing


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    frames: Tensor
    likeness: float | None  # cosine to the portrait; None: no face, or none looked for
    faults: dict[str, float]  # reason -> how bad


class DriftGuard:
    """Guards one video at a time; `redone` are its clips that were drawn again."""

    def __init__(self, *, find_face: FindFace = face_identity, max_retries: int = 2) -> None:
        """With 2 or more retries, the last one begins afresh: a failure that the motion frames carry on ends there."""
        self.redone: list[Redone] = []
        self._max_retries = max_retries
        self._find_face = find_face
        self._person: Identity | None = None
        self._in_vain = 0
        self._first_likeness: float | None = None
        self._portrait: Looks | None = None
        self._anchor: Looks | None = None

    def begin(self, reference: Tensor) -> None:
        """Start on the video of a portrait (3, S, S) in [-1, 1]."""
        self.redone.clear()
        self._in_vain = 0
        self._portrait, self._anchor, self._first_likeness = looks(reference[None]), None, None
        try:
            self._person = self._find_face(_picture(reference))
            problem = "no face is found in the portrait at the model's size"
        except WeightsError as error:
            self._person, problem = None, str(error)
        if self._person is None:
            log.warning("clips are not checked for a lost face or another person: %s", problem)

    def hold(self, number: int, draw: Draw) -> Tensor:
        """Return the frames of clip `number`: drawn again where broken, the least broken kept, and anchored."""
        first = best = self._judged(draw(0, afresh=False))
        attempts, retries = 1, 0 if self._in_vain == GIVE_UP_AFTER else self._max_retries
        while best.faults and attempts <= retries:
            again = self._judged(draw(attempts, afresh=attempts == retries > 1))
            best = min(best, again, key=lambda attempt: sum(attempt.faults.values()))
            attempts += 1
        if attempts > 1:
            self._note(Redone(clip=number, reason=_told(first), attempts=attempts, left=_told(best)))
        if not best.faults:
            self._in_vain = 0
        self._measure_by(best)
        return best.frames if self._anchor is None else anchored(best.frames, self._anchor)

    def _measure_by(self, clip: _Attempt) -> None:
        """Hold what follows to the first clip. A weak model's may look little like the portrait, the rest not less."""
        if self._anchor is None and self._portrait is not None:
            self._anchor = anchor_of(looks(clip.frames), self._portrait)
        if self._first_likeness is None and clip.likeness is not None:
            self._first_likeness = clip.likeness

    def _note(self, redone: Redone) -> None:
        self.redone.append(redone)
        outcome = f"the best has: {redone.left}" if redone.left else "the last is sound"
        log.warning("clip %d is broken (%s); of %d attempts %s", redone.clip, redone.reason, redone.attempts, outcome)
        self._in_vain += bool(redone.left)
        if self._in_vain == GIVE_UP_AFTER:
            log.warning("no clip is drawn again until one is sound: the model can't do better on this portrait")

    def _judged(self, frames: Tensor) -> _Attempt:
        if not torch.isfinite(frames).all():
            return _Attempt(frames=frames, likeness=None, faults={"numbers that are not finite": math.inf})
        faults = {} if self._anchor is None else _looks_faults(looks(frames), self._anchor)
        if self._person is None:
            return _Attempt(frames=frames, likeness=None, faults=faults)
        seen = [self._find_face(_picture(frame)) for frame in frames[LOOKED_AT_EVERY - 1 :: LOOKED_AT_EVERY]]
        faces = [face for face in seen if face is not None]
        if not faces:
            return _Attempt(frames=frames, likeness=None, faults=faults | {"the face is lost": FACE_LOST})
        likeness = float(np.mean(faces @ self._person))
        first = self._first_likeness
        least = SAME_PERSON_COSINE if first is None else min(SAME_PERSON_COSINE, first - LIKENESS_LOST)
        if likeness < least:
            name = f"another face: {likeness:.3f} like the portrait, at least {least:.3f} is wanted"
            faults = faults | {name: 10 * (least - likeness)}
        return _Attempt(frames=frames, likeness=likeness, faults=faults)


def _looks_faults(found: Looks, anchor: Looks) -> dict[str, float]:
    """What is further off than anchoring corrects, and by how many times."""
    faults = {}
    level = float((found.level.mean(0) - anchor.level).abs().max())
    contrast = float((found.contrast.mean(0) - anchor.contrast).abs().max())
    detail = float(found.detail.mean() - anchor.detail)
    if level > MAX_LEVEL:
        faults[f"colours off by {level / 2:.0%}"] = level / MAX_LEVEL
    if contrast > MAX_CONTRAST:
        faults[f"contrast off by a factor of {math.exp(contrast):.2f}"] = contrast / MAX_CONTRAST
    if abs(detail) > MAX_DETAIL:
        faults[f"{math.exp(detail):.2f} times as sharp as the first clip"] = abs(detail) / MAX_DETAIL
    return faults


def _told(attempt: _Attempt) -> str:
    return "; ".join(attempt.faults)


def _picture(frame: Tensor) -> NDArray[np.uint8]:
    """Take (3, S, S) in [-1, 1] to (S, S, 3) RGB."""
    levels = ((frame.float() + 1) * 127.5).round().clamp(0, 255)
    return levels.byte().permute(1, 2, 0).cpu().numpy()
