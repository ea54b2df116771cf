"""A sampler without a model: its pictures are as bright as the voice that it is given is loud."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipelines.sample_config import ProvenanceConfig, SampleConfig
from pipelines.sample_work import Request, Sampler
from tests.conftest import pulsed_tone
from train.checkpoint import TrainState
from train.drift_guard import DriftGuard
from train.portrait import Portrait

BOX = (180.0, 60.0, 270.0, 180.0)  # of the face in scikit-image's portrait, so that no detector is needed
PLAIN = SampleConfig(size_px=64, provenance=ProvenanceConfig(manifest=False))


class LoudnessSampler(Sampler):
    """All of the command but the model."""

    def __init__(self, config: SampleConfig = PLAIN, *, stage: str = "speed") -> None:
        state = TrainState(preset="tiny", stage=stage, step=1, seed=0)  # type: ignore[arg-type]
        super().__init__(None, state, config, "c" * 64, None)  # type: ignore[arg-type]
        self.speeds: list[NDArray[np.float32] | None] = []
        self.videos = 0

    def _generate(
        self,
        portrait: Portrait,
        samples: NDArray[np.float32],
        speed_deg: NDArray[np.float32] | None,
        seed: int,
        n_frames: int,
        guard: DriftGuard | None,
    ) -> Iterator[torch.Tensor]:
        self.speeds.append(speed_deg)
        self.videos += 1
        for index in range(n_frames):
            loudness = float(np.abs(samples[index * 640 : (index + 1) * 640]).sum()) / 640
            yield torch.full((3, 64, 64), min(1.0, 6 * loudness - 1))


def brightness(loudness: float) -> float:
    """The level, 0-255, of a picture while the voice has this mean size."""
    return 127.5 * min(2.0, 6 * loudness)


def save_portrait(folder: Path, image: NDArray[np.uint8]) -> Path:
    Image.fromarray(image).save(folder / "portrait.png")
    return folder / "portrait.png"


def save_tone(file: Path, *, seconds: float = 0.4, rate_hz: int = 16_000, level: float = 1.0) -> Path:
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, rate_hz, 0, "NONE", ""))
        sound.writeframes((level * 32767 * pulsed_tone(seconds, rate_hz=rate_hz)).astype("<i2").tobytes())
    return file


def request(folder: Path, image: NDArray[np.uint8], **more: object) -> Request:
    """A request for folder/v.mp4 with a tone of 10 frames."""
    values: dict[str, object] = {
        "portrait": save_portrait(folder, image),
        "audio": save_tone(folder / "voice.wav"),
        "out": folder / "v.mp4",
        "box": BOX,
    }
    return Request(**(values | more))  # type: ignore[arg-type]
