"""How a video is sampled: every key of configs/sample.yaml, and what it may be."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from curate.errors import ConfigError
from pipelines.config import option

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class ProvenanceConfig:
    """What the video says of itself; tags in the container that call it AI-generated are always there."""

    label: str | None = option(None, "words drawn small into the lower right corner of every picture")
    manifest: bool = option(True, "sign a C2PA manifest into the video")
    certificate: str | None = option(
        None, "PEM file of your certificate chain; without it a self-signed one is made once, which nobody trusts"
    )
    key: str | None = option(None, "PEM file of the certificate's key, without a password")


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How the video is sampled."""

    steps: int = option(10, "denoising steps a clip of 12 frames; more is slower and finer")
    scheduler: str = option("ddim", "ddim, dpm++ or unipc: the last two need fewer steps for the same")
    audio_guidance: float = option(1.5, "how strongly the voice is followed; 1 is no guidance and faster")
    reference_guidance: float = option(
        1.0, "how strongly the portrait is followed; other than 1 only for models trained with its dropout"
    )
    drift_guard: bool = option(
        True, "hold the colours and the sharpness of long videos, and draw clips again that lose the face or the person"
    )
    redraws: int = option(2, "how often the drift guard has a broken clip drawn again, at most")
    silence_gate: bool = option(True, "let the mouth rest where no voice is heard")
    seed: int = option(0, "of the noise: same seed, same pictures")
    size_px: int = option(
        256, "side of the video without --paste-back; the model's own size (tiny: 64 px) is scaled to it"
    )
    device: str = option("auto", "auto (cuda where there is one), cpu or cuda")
    precision: Literal["float32", "bfloat16"] = option("float32", "of the networks' arithmetic; bfloat16 is for a GPU")
    compile: bool = option(False, "compile the backbone: the first clip takes minutes, each later one less")
    cpu_threads: int = option(
        1, "threads of a step on a CPU; a tiny model gains little from more, and stalls on a busy machine"
    )
    speech_command: str | None = option(
        None, "program of --say: reads the text on standard input and writes {out} (default: one that is installed)"
    )
    separator: str | None = option(
        None, "program that takes the voice from {audio} to {out} for --song (default: one that is installed)"
    )
    provenance: ProvenanceConfig = field(default_factory=ProvenanceConfig)


def check(config: SampleConfig) -> None:
    """Raise ConfigError for a value that can't be, before anything is loaded."""
    if not 0 <= config.seed < 1 << 63:
        raise ConfigError(f"seed must be in 0-2^63, not {config.seed}")
    if not 0 <= config.redraws <= 100:
        raise ConfigError(f"redraws must be in 0-100, not {config.redraws}")
    if not 1 <= config.cpu_threads <= 1024:
        raise ConfigError(f"cpu_threads must be in 1-1024, not {config.cpu_threads}")
    if config.size_px % 2 or not 16 <= config.size_px <= 4096:
        raise ConfigError(f"size_px must be even and in 16-4096, not {config.size_px}")
    if config.device not in DEVICES:
        raise ConfigError(f"device must be one of {', '.join(DEVICES)}, not {config.device!r}")
    _check_provenance(config.provenance)


def _check_provenance(provenance: ProvenanceConfig) -> None:
    from pipelines.visible_label import check_label

    if provenance.label is not None:
        check_label(provenance.label)
    if (provenance.certificate is None) != (provenance.key is None):
        raise ConfigError("provenance.certificate and provenance.key go together; give both, or neither")
    for file in (provenance.certificate, provenance.key):
        if file is not None and not Path(file).is_file():
            raise ConfigError(f"there is no PEM file {file} to sign with")
