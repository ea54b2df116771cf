"""Train one stage of the EMO model on shards: metrics.jsonl, loss.png and checkpoints in safetensors.

The stages follow one another: image, then video and speed, each with --init-from the stage before it.
"""

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from curate.errors import ConfigError, EmoforgeError
from pipelines.config import option

if TYPE_CHECKING:
    from curate.corpus import Corpus
    from train.loop import Plan, StepMetrics
    from train.models.emo import EmoModel
    from train.stages import Stage

log = logging.getLogger(__name__)

HELP = "train one stage of the EMO model on shards"
METRICS = "metrics.jsonl"
SMOOTHED_STEPS = 20  # of the loss curve's line


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW."""

    learning_rate: float = option(2e-3, "peak learning rate; falls along a cosine to a twentieth")
    warmup_steps: int = option(20, "steps over which the learning rate rises to its peak")
    weight_decay: float = option(0.01, "AdamW's weight decay")
    grad_clip: float = option(1.0, "largest norm of all gradients together")


@dataclass(frozen=True, kw_only=True)
class DropoutConfig:
    """How often a window's condition is taken away."""

    reference: float = option(0.0, "share of windows without the reference portrait, 0-1")
    audio: float = option(0.1, "share of windows without the voice, 0-1; guidance needs some")
    motion: float = option(0.25, "share of windows without motion frames, as a video's first clip is, 0-1")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a stage is trained; the stage itself and the folders are arguments."""

    preset: Literal["tiny"] = option("tiny", "the model's size by name")
    steps: int = option(300, "optimiser steps")
    batch_size: int | None = option(
        None, "windows a step and process (none: 8 frames in stage image, 2 windows in video, 1 in speed)"
    )
    seed: int = option(0, "of the weights, the order of windows, and the noise")
    ema_decay: float = option(0.99, "of the averaged weights, which are what is sampled, 0-1")
    checkpoint_every: int = option(100, "steps between checkpoints; the last step always writes one")
    keep_checkpoints: int = option(2, "newest checkpoints to keep")
    max_clips: int | None = option(None, "train on the corpus' first clips only (none: all)")
    cached_clips: int = option(64, "decoded clips kept in memory")
    cpu_threads: int = option(
        1, "threads of a step on a CPU; a tiny model gains little from more, and stalls on a busy machine"
    )
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    dropout: DropoutConfig = field(default_factory=DropoutConfig)


CONFIG = TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpus, the stage, the checkpoint to begin with, and the output."""
    parser.add_argument("--shards", required=True, type=Path, metavar="RUN", help="a curated corpus")
    parser.add_argument(
        "--stage", required=True, choices=("image", "video", "speed"), help="which of EMO's three training stages"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="T", help="run folder to write")
    parser.add_argument(
        "--init-from", type=Path, metavar="T", help="run folder of the stage before, to begin with its weights"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="insist on going on from a checkpoint in --out; without this flag one is used where there is one",
    )


def run(args: argparse.Namespace, config: TrainConfig) -> None:
    """Train the stage and write its metrics, curve and checkpoints into the run folder."""
    from curate.corpus import open_corpus
    from pipelines.run_folder import open_run
    from train.checkpoint import latest_checkpoint

    _check(config)
    corpus = open_corpus(args.shards)
    if args.init_from:
        latest_checkpoint(args.init_from)
    inputs = {"shards": str(args.shards), "stage": args.stage, "init_from": str(args.init_from or "")}
    with open_run(args.out, command="train", config=config, inputs=inputs, seed=config.seed) as folder:
        if folder.done:
            print(f"{args.out} is already trained; nothing to do")
            return
        done = _done_steps(folder.path, must=args.resume)
        metrics = _train(args, config, corpus, folder.path, resume=done > 0)
        file = folder.path / METRICS
        last = _record(metrics, file, label=f"train {args.stage}", done=done, steps=config.steps)
        write_loss_curve(file, folder.path / "loss.png", title=f"stage {args.stage}")
    print(f"loss {last:.4f} after {config.steps} steps; checkpoints and loss.png are in {args.out}")


def _check(config: TrainConfig) -> None:
    for name in ("steps", "checkpoint_every", "keep_checkpoints", "cached_clips", "cpu_threads"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1, not {getattr(config, name)}")
    if config.batch_size is not None and config.batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, not {config.batch_size}")
    shares = asdict(config.dropout) | {"ema_decay": config.ema_decay}
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ConfigError(f"{name} must be in [0, 1), not {share}")
    if config.optimizer.learning_rate <= 0 or config.optimizer.grad_clip <= 0:
        raise ConfigError("optimizer.learning_rate and optimizer.grad_clip must be above 0")


def _done_steps(out: Path, *, must: bool) -> int:
    """The step of the checkpoint to go on from, 0 without one; what was trained is never thrown away."""
    from train.checkpoint import CheckpointError, latest_checkpoint, read_state

    try:
        checkpoint = latest_checkpoint(out)
    except CheckpointError:
        if must:
            raise
        return 0
    return read_state(checkpoint).step


def _train(
    args: argparse.Namespace, config: TrainConfig, corpus: "Corpus", out: Path, *, resume: bool
) -> Iterator["StepMetrics"]:
    from train.dataset import Windows
    from train.loop import train
    from train.models.presets import PRESETS
    from train.stages import STAGES

    stage = STAGES[args.stage]
    shown = replace(corpus, clips=corpus.clips[: config.max_clips])
    model = _begin(args.init_from, config)
    windows = Windows(
        shown,
        stage,
        image_px=PRESETS[config.preset].image_px,
        margin_frames=model.speech.margin_frames,
        seed=config.seed,
        cached_clips=config.cached_clips,
    )
    if stage.has_speed and not resume:
        model.speed_encoder.fit(windows.speeds_deg())
    return train(
        model, windows, preset=config.preset, stage_name=args.stage, plan=_plan(config, stage), out=out, resume=resume
    )


def _begin(before: Path | None, config: TrainConfig) -> "EmoModel":
    import torch

    from train.checkpoint import load_model
    from train.models.presets import PRESETS, build

    torch.set_num_threads(config.cpu_threads)
    torch.manual_seed(config.seed)
    if before is None:
        return build(PRESETS[config.preset])
    model, state = load_model(before)
    if state.preset != config.preset:
        raise EmoforgeError(f"{before} is of preset {state.preset}, this run of preset {config.preset}")
    return model.train()


def _plan(config: TrainConfig, stage: "Stage") -> "Plan":
    from train.diffusion import Dropout
    from train.loop import Plan

    return Plan(
        steps=config.steps,
        batch_size=config.batch_size or stage.batch_size,
        ema_decay=config.ema_decay,
        checkpoint_every=config.checkpoint_every,
        keep_checkpoints=config.keep_checkpoints,
        seed=config.seed,
        dropout=Dropout(**asdict(config.dropout)),
        **asdict(config.optimizer),
    )


def _record(metrics: Iterator["StepMetrics"], file: Path, *, label: str, done: int, steps: int) -> float:
    """Write a line a step under the progress bar; return the mean loss of the last steps."""
    from pipelines.progress import progress

    earlier = [line for line in _lines(file) if line["step"] <= done]
    losses: list[float] = [line["loss"] for line in earlier]
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line) + "\n" for line in earlier)
        for step in progress(metrics, label, total=steps, initial=done, unit="step"):
            out.write(json.dumps(asdict(step)) + "\n")
            out.flush()
            losses.append(step.loss)
    return sum(losses[-SMOOTHED_STEPS:]) / max(1, len(losses[-SMOOTHED_STEPS:]))


def _lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics file; a last line cut off by a crash is left out."""
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    parsed: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return parsed


def write_loss_curve(metrics: Path, picture: Path, *, title: str) -> None:
    """Draw the loss of each step of a metrics.jsonl, and its running mean, on a logarithmic scale."""
    from matplotlib.figure import Figure

    lines = _lines(metrics)
    steps, losses = [line["step"] for line in lines], [line["loss"] for line in lines]
    means = [
        sum(losses[max(0, i - SMOOTHED_STEPS + 1) : i + 1]) / min(i + 1, SMOOTHED_STEPS) for i in range(len(losses))
    ]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogy(steps, losses, color="#b8c4d6", linewidth=0.8, label="each step")
    axes.semilogy(steps, means, color="#1f4e8c", linewidth=1.8, label=f"mean of {SMOOTHED_STEPS} steps")
    axes.set(title=title, xlabel="optimiser step", ylabel="loss")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    scratch = picture.with_suffix(".tmp.png")
    figure.savefig(scratch, dpi=120)
    scratch.replace(picture)
