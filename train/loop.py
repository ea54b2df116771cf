"""The training loop: the only file that knows accelerate."""

import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from curate.errors import EmoforgeError
from train.checkpoint import (
    AVERAGE,
    MODEL,
    TrainState,
    latest_checkpoint,
    load_optimizer,
    optimizer_tensors,
    read_state,
    read_weights,
    write_checkpoint,
)
from train.dataset import Batch, Windows, indices_of, to_pictures
from train.diffusion import Dropout, noise_loss
from train.ema import Ema
from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.noise_schedule import noise_schedule
from train.stages import STAGES, Stage, StageName, freeze_for

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """One optimiser step, counted from 1."""

    step: int
    loss: float
    grad_norm: float  # before clipping
    learning_rate: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a training run."""

    steps: int
    batch_size: int  # windows a process
    learning_rate: float  # AdamW, after the warm-up
    warmup_steps: int
    weight_decay: float
    grad_clip: float  # largest norm of all gradients together
    ema_decay: float
    checkpoint_every: int  # steps
    keep_checkpoints: int
    seed: int
    dropout: Dropout


def train(
    model: EmoModel,
    windows: Windows,
    *,
    preset: str,
    stage_name: StageName,
    plan: Plan,
    out: Path,
    resume: bool,
) -> Iterator[StepMetrics]:
    """Train `model` in place, yield what each step gave, and write checkpoints into `out`, the last one at the end.

    With `resume` it goes on from the newest checkpoint in `out`, as if it had never stopped. EmoforgeError when the
    loss is no longer finite.
    """
    # Set up: what learns, the optimiser, the average, and all that a checkpoint holds
    accelerator, stage = Accelerator(), STAGES[stage_name]
    freeze_for(model, stage)
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(
        learning.values(), lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=plan.weight_decay, fused=True
    )
    model.to(accelerator.device)
    ema = Ema(model, decay=plan.ema_decay)
    done = _restore(out, model, ema, optimizer, learning, preset, stage_name, plan) if resume else 0
    predict, prepared = accelerator.prepare(model, optimizer)
    schedule = noise_schedule(model.schedule)

    for step in range(done, plan.steps):
        started = time.perf_counter()

        # Data: a window, its noise and its dropped conditions depend on the seed and its place in the order alone
        places = indices_of(
            step, batch_size=plan.batch_size, rank=accelerator.process_index, world_size=accelerator.num_processes
        )
        batch = windows.batch(list(places))
        latents, inputs = to_inputs(batch, stage, model, accelerator.device)
        generators = [place_generator(plan.seed, place) for place in batch.places]

        # Forward and backward
        loss = noise_loss(predict, latents, inputs, schedule=schedule, dropout=plan.dropout, generators=generators)
        _check_finite(loss, step + 1, plan.learning_rate)
        accelerator.backward(loss)

        # Update
        norm = accelerator.clip_grad_norm_(learning.values(), plan.grad_clip)
        for group in prepared.param_groups:
            group["lr"] = learning_rate(step, plan)
        prepared.step()
        prepared.zero_grad()
        ema.update(model, step + 1)

        # Save
        if accelerator.is_main_process and ((step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps):
            write_checkpoint(
                out,
                _state(model, preset, stage_name, step + 1, plan),
                model=model.own_state(),
                average=ema.state,
                optimizer=optimizer_tensors(optimizer, learning),
                keep=plan.keep_checkpoints,
            )
        yield StepMetrics(
            step=step + 1,
            loss=loss.item(),
            grad_norm=float(cast(Tensor, norm)),
            learning_rate=learning_rate(step, plan),
            seconds=time.perf_counter() - started,
        )


def learning_rate(step: int, plan: Plan) -> float:
    """Return the rate at `step` (from 0): a linear warm-up, then half a cosine down to a twentieth."""
    warm = min(1.0, (step + 1) / max(1, plan.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return plan.learning_rate * warm * (0.05 + 0.95 * cosine)


def place_generator(seed: int, place: int) -> torch.Generator:
    """Return the randomness of one window, whatever ran before it and wherever."""
    (state,) = np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


@torch.no_grad()
def to_inputs(batch: Batch, stage: Stage, model: EmoModel, device: torch.device) -> tuple[Tensor, Inputs]:
    """Return the latents to denoise (B, F, C, h, w) and the conditions that the stage gives."""
    latents = model.latents.encode(to_pictures(batch.frames.to(device)))
    motion, target = latents[:, : stage.motion_frames], latents[:, stage.motion_frames :]
    return target, Inputs(
        reference=model.latents.encode(to_pictures(batch.reference.to(device))),
        face_mask=batch.face_mask.to(device),
        motion=motion if stage.motion_frames else None,
        audio=model.speech(batch.samples.to(device)) if stage.has_audio else None,
        speed=batch.speed.to(device) if stage.has_speed else None,
    )


def _check_finite(loss: Tensor, step: int, rate: float) -> None:
    if not torch.isfinite(loss):
        raise EmoforgeError(
            f"the loss is {loss.item()} at step {step}: training has diverged. The checkpoints before it stand; "
            f"start again with a learning rate below {rate:g}"
        )


def _state(model: EmoModel, preset: str, stage_name: StageName, step: int, plan: Plan) -> TrainState:
    return TrainState(
        preset=preset,
        stage=stage_name,
        step=step,
        seed=plan.seed,
        prediction_type=model.schedule.prediction_type,
        zero_snr=model.schedule.zero_snr,
    )


def _restore(
    out: Path,
    model: EmoModel,
    ema: Ema,
    optimizer: torch.optim.Optimizer,
    learning: Mapping[str, Tensor],
    preset: str,
    stage_name: StageName,
    plan: Plan,
) -> int:
    """Load the newest checkpoint in `out` and return its step."""
    checkpoint = latest_checkpoint(out)
    state = read_state(checkpoint)
    expected = _state(model, preset, stage_name, state.step, plan)
    if state != expected:
        raise EmoforgeError(
            f"{checkpoint} is of preset {state.preset}, stage {state.stage}, seed {state.seed}; this run is of "
            f"preset {preset}, stage {stage_name}, seed {plan.seed}"
        )
    model.load_own_state(read_weights(checkpoint, model, name=MODEL))
    ema.load(read_weights(checkpoint, model, name=AVERAGE))
    load_optimizer(checkpoint, optimizer, learning)
    log.info("resumed from %s", checkpoint)
    return state.step
