"""Which perturbations are asked for, at which severities, and what a recording becomes under one of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate import plugins
from curate.errors import ConfigError
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording
from evaluate.detection.recording_files import check_encoders, write_recording

PACKAGE = "evaluate.perturbations"

_QUICK = ("h264:crf 33", "jpeg:q 50", "resize:x 0.5", "noise:sd 8", "audio_noise:10 dB", "social_x:480p")
_STANDARD = (
    *("h264:crf 23", "h264:crf 33", "h264:crf 40", "h265:crf 33", "vp9:crf 42", "av1:crf 50"),
    *("double_compression:crf 28 then 33", "jpeg:q 80", "jpeg:q 30", "resize:x 0.5", "resize:x 0.25", "blur:sd 2 px"),
    *("noise:sd 8", "gamma:1.5", "crop:80 %", "flip", "overlay:border and caption"),
    *("frame_drop:15 %", "frame_rate:15 fps"),
    *("aac:16 kbit/s", "opus:16 kbit/s", "mp3:24 kbit/s", "audio_noise:10 dB", "gain:-20 dB"),
    *("resample_audio:8 kHz", "leading_silence:0.5 s"),
    *("social_youtube:360p", "social_x:480p", "social_tiktok:576p h264 plain", "social_whatsapp:480p"),
)


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """A perturbation at one severity: `rank` 1 is the mildest that its file knows, `level` what its function takes."""

    name: str
    severity: str
    rank: int
    level: Any

    @property
    def changes(self) -> tuple[Medium, ...]:
        """The media that it changes; a detector that reads none of them answers as before."""
        changes: tuple[Medium, ...] = plugins.constant(PACKAGE, self.name, "CHANGES", ())
        return changes

    @property
    def source(self) -> str | None:
        """Where its numbers come from, for those that stand for somebody's service."""
        source: str | None = plugins.constant(PACKAGE, self.name, "SOURCE", None)
        return source


def perturbations(spec: str) -> tuple[Perturbation, ...]:
    """Return what a list asks for, in its order and each once: `h264` (all its severities), `jpeg:q 30`, a preset.

    ConfigError names what isn't known, and an encoder that is missing here, before anything is perturbed.
    """
    items = [item.strip() for item in spec.split(",")]
    wanted = dict.fromkeys(pair for item in items for pair in (PRESETS[item] if item in PRESETS else _pairs(item)))
    found = tuple(_perturbation(name, severity) for name, severity in wanted)
    for perturbation in found:
        check_encoders(_applied(_SMALL, perturbation).coding)
    return found


def perturbed(recording: Recording, perturbation: Perturbation, *, source: bytes = b"") -> bytes:
    """Return the MP4 of a perturbed recording, the same bytes whenever it is asked for.

    Where `source` is the MP4 that the recording was read from, the medium that the perturbation leaves alone keeps the
    packets that it has there: nothing else changes with it, and a perturbation of the sound encodes no picture.
    """
    media: tuple[Medium, ...] = ("picture", "sound")
    unchanged = [medium for medium in media if source and medium not in perturbation.changes]
    return write_recording(_applied(recording, perturbation), unchanged=unchanged, source=source)


def _applied(recording: Recording, perturbation: Perturbation) -> Recording:
    result: Recording = plugins.load(PACKAGE, perturbation.name)(recording, perturbation.level)
    return result


def _pairs(item: str) -> tuple[tuple[str, str], ...]:
    """The names and severities that `name` or `name:severity` stands for."""
    name, colon, severity = item.partition(":")
    if name not in plugins.names(PACKAGE):
        known = [*PRESETS, *plugins.names(PACKAGE)]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
        raise ConfigError(f"there is no perturbation {name!r}{hint}")
    return ((name, severity.strip()),) if colon else tuple((name, label) for label in _severities(name))


def _perturbation(name: str, severity: str) -> Perturbation:
    severities = _severities(name)
    if severity not in severities:
        raise ConfigError(f"perturbation {name!r} has no severity {severity!r}; it has: {', '.join(severities)}")
    rank = list(severities).index(severity) + 1
    return Perturbation(name=name, severity=severity, rank=rank, level=severities[severity])


def _severities(name: str) -> Mapping[str, Any]:
    severities: Mapping[str, Any] = plugins.constant(PACKAGE, name, "SEVERITIES", {})
    return severities


def _all(items: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for item in items for pair in _pairs(item))


PRESETS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "none": (),
    "quick": _all(_QUICK),
    "standard": _all(_STANDARD),
    "full": _all(plugins.names(PACKAGE)),
}

_SMALL = Recording(frames=np.zeros((2, 64, 64, 3), np.uint8), samples=np.zeros(1280, np.float32))
