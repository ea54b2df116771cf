"""A portrait and a voice in, a talking video out: as long as the sound, and carrying it unchanged."""

import argparse
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import ConfigError, EmoforgeError, MediaError
from pipelines.config import option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

log = logging.getLogger(__name__)

HELP = "a portrait and a voice in, a talking video out"
MAX_AUDIO_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How the video is sampled."""

    steps: int = option(10, "denoising steps a clip of 12 frames (DDIM); more is slower and finer")
    guidance_scale: float = option(1.5, "how strongly the voice is followed; 1 is no guidance and twice as fast")
    speed_deg: float = option(0.5, "the head's rotation in degrees a frame; only for models trained on stage speed")
    seed: int = option(0, "of the noise: same seed, same video")
    cpu_threads: int = option(
        1, "threads of a step on a CPU; a tiny model gains little from more, and stalls on a busy machine"
    )
    size_px: int = option(256, "side of the video; the model's own size (tiny: 64 px) is scaled to it")


CONFIG = SampleConfig


@dataclass(frozen=True, kw_only=True)
class Voice:
    """The sound to speak."""

    mono: "NDArray[np.float32]"  # (n,) at 16 kHz, what the model hears
    original: "NDArray[np.float32]"  # (n,) or (channels, n) at its own rate, what the video carries
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """The length of the original."""
        return float(self.original.shape[-1]) / self.sample_rate_hz


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the model, the portrait, the voice and the video."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        type=Path,
        metavar="T",
        help="run folder of emoforge train, or one checkpoint in it",
    )
    parser.add_argument("--portrait", required=True, type=Path, metavar="P", help="a picture of one face, of any size")
    parser.add_argument(
        "--audio", required=True, type=Path, metavar="A", help="a sound file of any length up to an hour"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="V.mp4", help="the video to write")


def run(args: argparse.Namespace, config: SampleConfig) -> None:
    """Check the inputs, cheapest first, then sample and write the video."""
    _check(args.out, config)
    voice = read_voice(args.audio)

    import torch

    from curate.media import CORPUS_FPS
    from curate.media_writing import write_video
    from pipelines.progress import progress
    from train.checkpoint import load_model
    from train.models.presets import PRESETS
    from train.portrait import load_portrait
    from train.sampling import generate
    from train.stages import STAGES

    torch.set_num_threads(config.cpu_threads)
    model, state = load_model(args.checkpoint)
    stage = STAGES[state.stage]
    if not stage.has_audio:
        raise EmoforgeError(
            f"{args.checkpoint} is of stage {state.stage}, which has not learned to listen; train stage video from it"
        )
    portrait = load_portrait(args.portrait, size=PRESETS[state.preset].image_px)
    n_frames = math.ceil(voice.duration_s * CORPUS_FPS)
    frames = generate(
        model,
        reference=portrait.image,
        face_mask=portrait.face_mask,
        samples=voice.mono,
        n_frames=n_frames,
        speed_deg=config.speed_deg if stage.has_speed else None,
        steps=config.steps,
        guidance_scale=config.guidance_scale,
        seed=config.seed,
    )
    pictures = progress(_pictures(frames, config.size_px), "sample", total=n_frames, unit="frame")
    write_video(args.out, pictures, audio=voice.original, sample_rate_hz=voice.sample_rate_hz)
    print(f"{args.out}: {n_frames} frames, {voice.duration_s:.2f} s")


def read_voice(path: Path) -> Voice:
    """Read a sound file; MediaError says what is wrong with one that is missing, empty, no sound, or a video."""
    from curate.media import audio_format, read_audio

    if not path.is_file():
        raise MediaError("not_found", f"there is no audio file {path}")
    if path.stat().st_size == 0:
        raise MediaError("empty", f"the audio file {path} is empty (0 bytes)")
    try:
        rate_hz, channels, has_video = audio_format(path)
    except MediaError as error:
        raise MediaError(error.reason, f"the audio {path} can't be used: {error}") from error
    if has_video:
        raise MediaError(
            "is_video",
            f"{path} is a video, and --audio wants sound alone; take its sound out with: "
            f"ffmpeg -i {path.name} -vn {path.stem}.wav",
        )
    try:
        original = read_audio(path, sample_rate_hz=rate_hz, channels=min(channels, 2), end_s=None)
        mono = read_audio(path)
    except MediaError as error:
        raise MediaError(error.reason, f"the audio {path} can't be used: {error}") from error
    voice = Voice(mono=mono, original=original, sample_rate_hz=rate_hz)
    if not 0 < voice.duration_s <= MAX_AUDIO_S:
        raise MediaError(
            "duration",
            f"the audio {path} lasts {voice.duration_s:.1f} s; it must be above 0 and at most {MAX_AUDIO_S:.0f} s",
        )
    return voice


def _check(out: Path, config: SampleConfig) -> None:
    if config.steps < 1 or config.steps > 1000:
        raise ConfigError(f"steps must be in 1-1000, not {config.steps}")
    if config.guidance_scale < 0 or not math.isfinite(config.guidance_scale):
        raise ConfigError(f"guidance_scale must be at least 0, not {config.guidance_scale}")
    if config.cpu_threads < 1:
        raise ConfigError(f"cpu_threads must be at least 1, not {config.cpu_threads}")
    if config.size_px < 16 or config.size_px % 2 or config.size_px > 4096:
        raise ConfigError(f"size_px must be even and in 16-4096, not {config.size_px}")
    if config.speed_deg < 0 or not math.isfinite(config.speed_deg):
        raise ConfigError(f"speed_deg must be at least 0, not {config.speed_deg}")
    if out.suffix.lower() != ".mp4":
        raise ConfigError(f"--out must end in .mp4, not {out.name}")
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder; name a file in it")


def _pictures(frames: "Iterator[Tensor]", size_px: int) -> "Iterator[NDArray[np.uint8]]":
    """Take frames (3, S, S) in [-1, 1] to (size, size, 3) RGB."""
    import cv2
    import numpy as np

    for frame in frames:
        picture = ((frame + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        yield np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_CUBIC), np.uint8)
