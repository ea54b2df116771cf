"""The numbers of a training run, and what each of its steps gives."""

import math
from dataclasses import dataclass, field
from typing import Literal

from train.diffusion import Loss
from train.recipes import Dropout
from train.stages import Part

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]
OptimizerKind = Literal["adamw", "adamw_8bit"]


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """One optimiser step, counted from 1; `loss` and `grad_norm` are over all processes."""

    step: int
    loss: float  # not finite where the step was skipped
    grad_norm: float  # before clipping
    learning_rate: float
    seconds: float
    skipped: bool = False  # the loss or the gradients were not finite, so the weights stayed
    unreadable_clips: int = 0  # clips of this process' windows that were met broken and replaced


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a training run."""

    steps: int
    batch_size: int  # windows a process and forward pass
    learning_rate: float  # AdamW, after the warm-up
    warmup_steps: int
    weight_decay: float
    grad_clip: float  # largest norm of all gradients together
    ema_decay: float
    checkpoint_every: int  # steps
    keep_checkpoints: int
    seed: int
    dropout: Dropout
    loss: Loss = field(default_factory=Loss)
    learns: frozenset[Part] | None = None  # None: what the stage's table says
    accumulation: int = 1  # forward passes a step
    optimizer: OptimizerKind = "adamw"
    beta2: float = 0.99
    precision: Precision = "float32"
    device: Device = "auto"
    gradient_checkpointing: bool = False
    max_skipped_steps: int = 0  # in a row
    loader_threads: int = 0  # 0: windows are read between the steps


def learning_rate(step: int, plan: Plan) -> float:
    """Return the rate at `step` (from 0): a linear warm-up, then half a cosine down to a twentieth."""
    warm = min(1.0, (step + 1) / max(1, plan.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return plan.learning_rate * warm * (0.05 + 0.95 * cosine)
