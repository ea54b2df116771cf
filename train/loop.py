"""The training loop: the only file that knows accelerate."""

import itertools
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.state import AcceleratorState
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
from train.dataset import Batch, Windows, indices_of
from train.diffusion import noise_loss
from train.ema import Ema
from train.failures import check_finite, memory_explained
from train.models.emo import EmoModel
from train.noise_schedule import noise_schedule
from train.optimizers import STATES, build_optimizer
from train.plan import Plan, StepMetrics, learning_rate
from train.stages import STAGES, Stage, StageName, freeze_for
from train.window_inputs import place_generator, to_inputs

log = logging.getLogger(__name__)

PATIENCE = timedelta(hours=2)  # of the other processes, while the first one writes, samples or validates


class Watch(Protocol):
    """What looks at the model while it is trained; only the first process asks it."""

    def due(self, step: int) -> bool:
        """Whether to look after this step."""

    def look(self, step: int, model: EmoModel) -> None:
        """Look at the model, which has the averaged weights meanwhile."""


def train(
    model: EmoModel,
    windows: Windows,
    *,
    preset: str,
    stage_name: StageName,
    plan: Plan,
    out: Path,
    resume: bool,
    watch: Watch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[StepMetrics]:
    """Train `model` in place, yield what each step gave, and write checkpoints into `out`, the last one at the end.

    A checkpoint is written only after the steps before it were taken from the iterator. With `resume` it goes on from
    the newest checkpoint in `out`, as if it had never stopped. Once `stop` says so in any process, it ends early with
    a checkpoint. EmoforgeError when the loss stays not finite, or the memory is too small.
    """
    # Set up: what learns, the optimiser, the average, and all that a checkpoint holds
    stage = STAGES[stage_name]
    accelerator = _accelerator(plan, stage)
    freeze_for(model, stage.learns if plan.learns is None else plan.learns)
    with memory_explained(preset, plan):
        model.to(accelerator.device)
        if plan.gradient_checkpointing:
            model.enable_gradient_checkpointing()
        learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
        optimizer = build_optimizer(plan, learning.values())
        ema = Ema(model, decay=plan.ema_decay)
        done = _restore(out, model, ema, optimizer, learning, preset, stage_name, plan) if resume else 0
        predict = accelerator.prepare(model)
    gradients = _Gradients(accelerator, predict, model, stage, plan)
    batches = windows.batches(_places(done, plan, accelerator), workers=plan.loader_threads)
    skipped = 0  # steps in a row

    for step in range(done, plan.steps):
        started, rate = time.perf_counter(), learning_rate(step, plan)

        # Forward and backward
        with memory_explained(preset, plan):
            loss, unreadable, stopping = gradients.of(batches, stopping=stop())
            norm = float(cast(Tensor, accelerator.clip_grad_norm_(learning.values(), plan.grad_clip)))

        # Update, unless something is not finite: all processes see the same numbers
        finite = math.isfinite(loss) and math.isfinite(norm)
        skipped = 0 if finite else skipped + 1
        if finite:
            with memory_explained(preset, plan):
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
                ema.update(model, step + 1)
        optimizer.zero_grad()
        check_finite(loss, step + 1, skipped, plan)
        yield StepMetrics(
            step=step + 1,
            loss=loss,
            grad_norm=norm,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
            skipped=not finite,
            unreadable_clips=unreadable,
        )

        # Look, then save: what a step shows is on the disk before the checkpoint that counts it as done
        if accelerator.is_main_process:
            if watch is not None and watch.due(step + 1):
                with ema.applied_to(model), accelerator.autocast(), torch.random.fork_rng():
                    watch.look(step + 1, model)
            if stopping or step + 1 == plan.steps or (finite and (step + 1) % plan.checkpoint_every == 0):
                write_checkpoint(
                    out,
                    _state(model, preset, stage_name, step + 1, plan),
                    model=model.own_state(),
                    average=ema.state,
                    optimizer=optimizer_tensors(optimizer, learning),
                    keep=plan.keep_checkpoints,
                )
        if stopping:
            return


class _Gradients:
    """A step's forward and backward passes."""

    def __init__(self, accelerator: Accelerator, predict: Any, model: EmoModel, stage: Stage, plan: Plan) -> None:
        self._accelerator, self._predict = accelerator, predict
        self._model, self._stage, self._plan = model, stage, plan
        self._schedule = noise_schedule(model.schedule)

    def of(self, batches: Iterator[Batch], *, stopping: bool) -> tuple[float, int, bool]:
        """Leave the gradients of the next windows in the parameters.

        Return their mean loss over all processes, how many clips were met broken, and whether any process stops.
        """
        accelerator, parts = self._accelerator, self._plan.accumulation
        total, unreadable = torch.zeros((), device=accelerator.device), 0
        for part in range(parts):
            batch = next(batches)
            for line in batch.skipped:
                log.warning("replaced by another clip: %s", line)
            unreadable += len(batch.skipped)
            with nullcontext() if part == parts - 1 else accelerator.no_sync(self._predict):
                loss = self._loss(batch) / parts
                accelerator.backward(loss)
            total += loss.detach()
        mean = accelerator.reduce(torch.stack([total, total.new_tensor(float(stopping))]), reduction="mean")
        return mean[0].item(), unreadable, mean[1].item() > 0

    def _loss(self, batch: Batch) -> Tensor:
        """Return the loss; a window, its noise and its dropped conditions depend on the seed and its place alone."""
        with self._accelerator.autocast():
            latents, inputs = to_inputs(batch, self._stage, self._model, self._accelerator.device)
        return noise_loss(
            self._predict,
            latents,
            inputs,
            schedule=self._schedule,
            dropout=self._plan.dropout,
            generators=[place_generator(self._plan.seed, place) for place in batch.places],
            loss=self._plan.loss,
        )


def _accelerator(plan: Plan, stage: Stage) -> Accelerator:
    """Return an accelerator of this plan's device and precision.

    accelerate keeps its state for the life of the process, and would refuse the settings of a second training.
    """
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(
        mixed_precision="bf16" if plan.precision == "bfloat16" else "no",
        cpu=plan.device == "cpu" or not torch.cuda.is_available(),  # several processes on CPUs are asked for so
        kwargs_handlers=[
            # what the ReferenceNet's last layers give, motion frames alone read
            DistributedDataParallelKwargs(find_unused_parameters=not stage.motion_frames),
            InitProcessGroupKwargs(timeout=PATIENCE),
        ],
    )


def _places(done: int, plan: Plan, accelerator: Accelerator) -> Iterator[list[int]]:
    """Yield the places of each forward pass of this process, in order."""
    for part in itertools.count(done * plan.accumulation):
        if part >= plan.steps * plan.accumulation:
            return
        yield list(
            indices_of(
                part,
                batch_size=plan.batch_size,
                rank=accelerator.process_index,
                world_size=accelerator.num_processes,
            )
        )


def _state(model: EmoModel, preset: str, stage_name: StageName, step: int, plan: Plan) -> TrainState:
    return TrainState(
        preset=preset,
        stage=stage_name,
        step=step,
        seed=plan.seed,
        prediction_type=model.schedule.prediction_type,
        zero_snr=model.schedule.zero_snr,
        codecs=model.codecs,
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
            f"{checkpoint} is of preset {state.preset}, stage {state.stage}, seed {state.seed}, predicts "
            f"{state.prediction_type}; this run is of preset {preset}, stage {stage_name}, seed {plan.seed}, predicts "
            f"{expected.prediction_type}"
        )
    model.load_own_state(read_weights(checkpoint, model, name=MODEL))
    ema.load(read_weights(checkpoint, model, name=AVERAGE))
    load_optimizer(checkpoint, optimizer, learning, states=STATES[plan.optimizer])
    log.info("resumed from %s", checkpoint)
    return state.step
