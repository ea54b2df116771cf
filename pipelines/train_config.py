"""How a stage is trained: every key of `emoforge train`, and the table that fills what is left open."""

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from curate.errors import ConfigError
from pipelines.config import option
from train.recipes import RECIPES, Dropout, PresetName, Recipe, Weighting
from train.stages import STAGES, Part, Stage, StageName, trainable_parts

if TYPE_CHECKING:
    from train.plan import Plan

T = TypeVar("T")
BY_TABLE = "none: by preset and stage, as in the table above"
METRICS = ["mouth_correlation", "sync_correlation", "sync_in_place", "identity_similarity", "fd_efficientnet_lite0"]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW."""

    kind: Literal["adamw", "adamw_8bit"] = option("adamw", "adamw, or adamw_8bit (a GPU, and package bitsandbytes)")
    learning_rate: float | None = option(None, f"peak; falls along a cosine to a twentieth ({BY_TABLE})")
    warmup_steps: int | None = option(None, f"steps over which the learning rate rises to its peak ({BY_TABLE})")
    beta2: float | None = option(None, f"how long squared gradients are remembered, 0-1 ({BY_TABLE})")
    weight_decay: float = option(0.01, "AdamW's weight decay")
    grad_clip: float = option(1.0, "largest norm of all gradients together")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is predicted, and how errors count."""

    prediction_type: Literal["epsilon", "v_prediction"] | None = option(
        None, "epsilon (the noise, as in the paper) or v_prediction (none: as --init-from, else epsilon)"
    )
    zero_snr: bool | None = option(
        None, "end the schedule in pure noise (arXiv 2305.08891); needs v_prediction (none: as --init-from, else false)"
    )
    weighting: Weighting | None = option(
        None, f"uniform (the paper's), picture (an error counts by what it does to it) or min_snr ({BY_TABLE})"
    )
    min_snr_gamma: float = option(5.0, "gamma of min_snr (arXiv 2303.09556)")
    noise_offset: float = option(0.0, "strength of a constant in each channel's noise; Hallo: 0.05")


@dataclass(frozen=True, kw_only=True)
class DropoutConfig:
    """How often a window's condition is taken away; guidance needs some."""

    reference: float | None = option(None, f"share of windows without the portrait, 0-1 ({BY_TABLE})")
    audio: float | None = option(None, f"share of windows without the voice, 0-1 ({BY_TABLE})")
    both: float | None = option(None, f"further share of windows with neither, 0-1 ({BY_TABLE})")
    motion: float | None = option(
        None, f"share of windows without motion frames, as a video's first clip is, 0-1 ({BY_TABLE})"
    )


@dataclass(frozen=True, kw_only=True)
class ValidationConfig:
    """Held-out clips, sampled and scored while training."""

    every: int = option(0, "steps between validations; 0: none (each takes as long as sample and evaluate do)")
    clips: int = option(4, "clips to sample: the first of split val, or, without one, the last ones trained on")
    seconds: float = option(4.0, "longest sampled video, seconds")
    denoising_steps: int = option(10, "denoising steps of a sampled clip, and of the grids")
    metrics: list[str] = option(METRICS, "files of evaluate/metrics")
    longest_s: float = option(600.0, "longest scoring of one validation, seconds; beyond it there is no number")


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig:
    """Where preset sd15 begins, and the codecs: folders in diffusers' format, or names on the hub."""

    unet: str = option("stable-diffusion-v1-5/stable-diffusion-v1-5", "Stable Diffusion 1.5")
    motion_adapter: str = option("guoyww/animatediff-motion-adapter-v1-5-2", "AnimateDiff's motion modules")
    vae: str = option("stabilityai/sd-vae-ft-mse", "Stable Diffusion's autoencoder")
    taesd: str = option("madebyollin/taesd", "the tiny autoencoder")
    wav2vec2: str = option("facebook/wav2vec2-base-960h", "speech features")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a stage is trained; the stage itself and the folders are arguments."""

    preset: PresetName = option("tiny", "the model's size by name: tiny, small, sd15")
    steps: int | None = option(None, f"optimiser steps ({BY_TABLE})")
    batch_size: int | None = option(None, f"windows a step, over all processes and accumulated passes ({BY_TABLE})")
    accumulation: int = option(1, "forward passes that a step's windows are divided into; saves memory")
    learns: list[Part] | None = option(None, f"parts of the model that learn; the others are frozen ({BY_TABLE})")
    seed: int = option(0, "of the weights, the order of windows, and the noise")
    device: Literal["auto", "cpu", "cuda"] = option("auto", "auto (cuda where there is one), cpu or cuda")
    precision: Literal["float32", "bfloat16"] = option("float32", "of a step's arithmetic; weights stay float32")
    gradient_checkpointing: bool = option(False, "less memory, about a third more time")
    ema_decay: float | None = option(
        None, f"of the averaged weights, which are what is sampled, 0-1; 0: no average ({BY_TABLE})"
    )
    checkpoint_every: int | None = option(
        None, f"steps between checkpoints; the last step always writes one ({BY_TABLE})"
    )
    keep_checkpoints: int = option(2, "newest checkpoints to keep")
    max_skipped_steps: int = option(3, "steps in a row with a loss or gradients not finite, before it is the end")
    split: Literal["train", "val", "test", "all"] = option("train", "clips to train on; train: all if never split")
    max_clips: int | None = option(None, "train on the first clips only (none: all)")
    mix: dict[str, float] | None = option(
        None, "weights of the corpus' domains, as {speech: 1, singing: 2} (none: clips by their length)"
    )
    loader_threads: int = option(2, "threads of each process that read windows ahead; 0: between the steps")
    cpu_threads: int = option(
        1, "threads of a step on a CPU; a tiny model gains little from more, and stalls on a busy machine"
    )
    trackers: list[Literal["tensorboard", "wandb", "mlflow"]] = option(
        ["tensorboard"], "where numbers and pictures go besides metrics.jsonl: tensorboard, wandb, mlflow"
    )
    samples_every: int | None = option(None, f"steps between sample grids; 0: none ({BY_TABLE})")
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    dropout: DropoutConfig = field(default_factory=DropoutConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    pretrained: PretrainedConfig = field(default_factory=PretrainedConfig)


def resolved(config: TrainConfig, stage: StageName, *, prediction_type: str, zero_snr: bool) -> TrainConfig:
    """Return `config` with the table's values where it leaves them open, checked; the last two are the beginning's.

    ConfigError when a chain of stages would change what is predicted, or a value can't be used.
    """
    recipe = RECIPES[config.preset][stage]
    loss = replace(config.loss, **_open(config.loss, {"prediction_type": prediction_type, "zero_snr": zero_snr}))
    full = replace(
        config,
        **_open(config, _values(recipe) | {"learns": sorted(recipe.learns)}),
        optimizer=replace(config.optimizer, **_open(config.optimizer, _values(recipe))),
        loss=replace(loss, **_open(loss, _values(recipe))),
        dropout=replace(config.dropout, **_open(config.dropout, asdict(recipe.dropout))),
    )
    _check_counts(full)
    _check_shares(full)
    _check_loss(full)
    _check_parts(full, STAGES[stage], stage)
    return full


def plan_of(config: TrainConfig, *, processes: int) -> "Plan":
    """Return the plan of each of so many processes, from a resolved configuration."""
    from train.diffusion import Loss
    from train.plan import Plan

    optimizer, loss = config.optimizer, config.loss
    return Plan(
        steps=_known(config.steps),
        batch_size=_known(config.batch_size) // (processes * config.accumulation),
        accumulation=config.accumulation,
        learning_rate=_known(optimizer.learning_rate),
        warmup_steps=_known(optimizer.warmup_steps),
        weight_decay=optimizer.weight_decay,
        grad_clip=optimizer.grad_clip,
        optimizer=optimizer.kind,
        beta2=_known(optimizer.beta2),
        ema_decay=_known(config.ema_decay),
        checkpoint_every=_known(config.checkpoint_every),
        keep_checkpoints=config.keep_checkpoints,
        max_skipped_steps=config.max_skipped_steps,
        seed=config.seed,
        dropout=Dropout(**asdict(config.dropout)),
        loss=Loss(weighting=_known(loss.weighting), min_snr_gamma=loss.min_snr_gamma, noise_offset=loss.noise_offset),
        learns=frozenset(_known(config.learns)),
        precision=config.precision,
        device=config.device,
        gradient_checkpointing=config.gradient_checkpointing,
        loader_threads=config.loader_threads,
    )


def check_divides(config: TrainConfig, processes: int) -> None:
    """ConfigError unless a step's windows divide evenly among processes and passes."""
    if _known(config.batch_size) % (processes * config.accumulation):
        raise ConfigError(
            f"batch_size {config.batch_size} is not a multiple of {processes} processes (--workers) times "
            f"{config.accumulation} passes (accumulation)"
        )


def _known(value: T | None) -> T:
    if value is None:
        raise ValueError("the configuration is not resolved")
    return value


def _values(recipe: Recipe) -> dict[str, Any]:
    return {each.name: getattr(recipe, each.name) for each in fields(recipe) if each.name not in ("dropout", "learns")}


def _open(group: object, values: dict[str, Any]) -> dict[str, Any]:
    """Return those of the values that the group leaves open."""
    return {name: value for name, value in values.items() if getattr(group, name, "") is None}


def _check_counts(config: TrainConfig) -> None:
    counts = ("steps", "batch_size", "accumulation", "checkpoint_every", "keep_checkpoints", "cpu_threads", "max_clips")
    least = dict.fromkeys(counts, 1) | dict.fromkeys(("max_skipped_steps", "loader_threads", "samples_every"), 0)
    values = {name: getattr(config, name) for name in least} | {
        "seed": config.seed,
        "optimizer.warmup_steps": config.optimizer.warmup_steps,
        "validation.every": config.validation.every,
        "validation.clips": config.validation.clips,
        "validation.denoising_steps": config.validation.denoising_steps,
    }
    least |= {"validation.clips": 1, "validation.denoising_steps": 1}
    for name, value in values.items():
        if value is not None and value < least.get(name, 0):
            raise ConfigError(f"{name} must be at least {least.get(name, 0)}, not {value}")
    if config.seed >= 1 << 63:
        raise ConfigError(f"seed must be in 0-2^63, not {config.seed}")
    if config.cpu_threads > 1024:
        raise ConfigError(f"cpu_threads must be in 1-1024, not {config.cpu_threads}")


def _check_shares(config: TrainConfig) -> None:
    shares = {f"dropout.{name}": share for name, share in asdict(config.dropout).items()}
    shares |= {"ema_decay": config.ema_decay, "optimizer.beta2": config.optimizer.beta2}
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ConfigError(f"{name} must be in [0, 1), not {share}")
    above = {
        "optimizer.learning_rate": config.optimizer.learning_rate,
        "optimizer.grad_clip": config.optimizer.grad_clip,
        "loss.min_snr_gamma": config.loss.min_snr_gamma,
        "validation.seconds": config.validation.seconds,
        "validation.longest_s": config.validation.longest_s,
    }
    for name, value in above.items():
        if not (_known(value) > 0 and math.isfinite(_known(value))):
            raise ConfigError(f"{name} must be above 0, not {value}")
    for name, value in (
        ("optimizer.weight_decay", config.optimizer.weight_decay),
        ("loss.noise_offset", config.loss.noise_offset),
    ):
        if not (value >= 0 and math.isfinite(value)):
            raise ConfigError(f"{name} must be at least 0, not {value}")


def _check_loss(config: TrainConfig) -> None:
    if config.loss.zero_snr and config.loss.prediction_type != "v_prediction":
        raise ConfigError(
            "loss.zero_snr needs loss.prediction_type v_prediction: at a step of pure noise, the noise tells nothing"
        )


def _check_parts(config: TrainConfig, stage: Stage, name: str) -> None:
    chosen, possible = set(_known(config.learns)), trainable_parts(stage)
    if not chosen or not chosen <= possible:
        raise ConfigError(
            f"learns must name parts that stage {name} can teach ({', '.join(sorted(possible))}), "
            f"not {', '.join(sorted(chosen - possible)) or 'none'}"
        )
