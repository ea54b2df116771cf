"""The work of one training process: the same on one machine, in several processes of it, and on Ray."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import EmoforgeError
from pipelines.train_config import TrainConfig, plan_of
from pipelines.training_job import Job

if TYPE_CHECKING:
    from curate.corpus import Corpus
    from train.checkpoint import TrainState
    from train.loop import Watch
    from train.models.emo import EmoModel
    from train.models.sources import Pretrained
    from train.plan import StepMetrics

log = logging.getLogger(__name__)


def train_here(job: Job, *, stop: Callable[[], bool]) -> None:
    """Do this process' part, RANK of WORLD_SIZE (alone without them), from the newest checkpoint of the run."""
    import torch

    from curate import weights
    from train.dataset import Windows
    from train.loop import train
    from train.models.presets import PRESETS
    from train.stages import STAGES

    config, stage = job.config, STAGES[job.stage]
    weights.use_folders(job.weights_folders[0], cache=job.weights_folders[1])
    torch.set_num_threads(config.cpu_threads)
    torch.manual_seed(config.seed)
    done = done_steps(job.out)
    corpus = corpus_of(job)
    model = _begin(job)
    windows = Windows(
        corpus,
        stage,
        image_px=PRESETS[config.preset].image_px,
        margin_frames=model.speech.margin_frames,
        seed=config.seed,
        mix=config.mix,
    )
    if stage.has_speed and not done:
        model.speed_encoder.fit(windows.speeds_deg())

    def steps(watch: "Watch | None") -> "Iterator[StepMetrics]":
        return train(
            model,
            windows,
            preset=config.preset,
            stage_name=job.stage,
            plan=plan_of(config, processes=int(os.environ.get("WORLD_SIZE", "1"))),
            out=job.out,
            resume=done > 0,
            watch=watch,
            stop=stop,
        )

    if int(os.environ.get("RANK", "0")):
        for _ in steps(None):
            pass
    else:
        _record(job, corpus, steps, done=done)


def _record(job: Job, corpus: "Corpus", steps: "Callable[[Watch | None], Iterator[StepMetrics]]", *, done: int) -> None:
    """Write a line a step under the progress bar, and look at the model when it is due."""
    from pipelines.train_watching import Looks
    from pipelines.training_log import open_log
    from pipelines.training_progress import training_progress

    config = job.config
    windows, total = config.batch_size or 0, config.steps or 0
    with open_log(job.out, done=done, trackers=config.trackers, config=asdict(config), windows=windows) as training_log:
        metrics = steps(Looks(job, corpus, training_log, done=done))
        with training_progress(job.stage, total=total, done=done, windows=windows, shown=job.shows_progress) as show:
            for step in metrics:
                training_log.step(step)
                show(step.step, step.loss)


def corpus_of(job: Job) -> "Corpus":
    """Return the clips to train on."""
    from curate.corpus import open_corpus
    from train.clip_tables import of_split

    corpus = open_corpus(job.shards)
    if job.config.split != "all":
        corpus = of_split(corpus, job.config.split)
    return replace(corpus, clips=corpus.clips[: job.config.max_clips])


def done_steps(out: Path) -> int:
    """Return the step of the checkpoint to go on from, 0 without one."""
    from train.checkpoint import CheckpointError, latest_checkpoint, read_state

    try:
        checkpoint = latest_checkpoint(out)
    except CheckpointError:
        return 0
    return read_state(checkpoint).step


def beginning(init_from: Path | None, config: TrainConfig) -> "tuple[str, bool]":
    """Return what the model predicts, and whether its schedule ends in pure noise, where the stage begins.

    EmoforgeError when --init-from is of another preset, or the configuration wants another prediction.
    """
    from train.checkpoint import latest_checkpoint, read_state
    from train.models.presets import PRESETS

    if init_from is None:
        schedule = PRESETS[config.preset].schedule
        return schedule.prediction_type, schedule.zero_snr
    state = read_state(latest_checkpoint(init_from))
    if state.preset != config.preset:
        raise EmoforgeError(f"{init_from} is of preset {state.preset}, this run of preset {config.preset}")
    _check_chain(init_from, state, config)
    return state.prediction_type, state.zero_snr


def _check_chain(init_from: Path, state: "TrainState", config: TrainConfig) -> None:
    for name in ("prediction_type", "zero_snr"):
        wanted, had = getattr(config.loss, name), getattr(state, name)
        if wanted is not None and wanted != had:
            raise EmoforgeError(
                f"{init_from} was trained with loss.{name} {had}, and the stages of one model keep it: leave "
                f"loss.{name} out, or start stage image again with loss.{name} {wanted}"
            )


def _begin(job: Job) -> "EmoModel":
    from train.checkpoint import load_model
    from train.models.presets import PRESETS, build
    from train.models.pretrained import load_pretrained

    config = job.config
    if job.init_from is not None:
        return load_model(job.init_from, pretrained=pretrained_of(config))[0].train()
    preset = PRESETS[config.preset]
    loss = config.loss
    schedule = replace(preset.schedule, prediction_type=loss.prediction_type or "epsilon", zero_snr=bool(loss.zero_snr))
    model = build(preset, schedule=schedule, pretrained=pretrained_of(config))
    if config.preset == "sd15" and not done_steps(job.out):
        report = load_pretrained(model, pretrained_of(config))
        log.info("%d tensors of Stable Diffusion and AnimateDiff, %d of EMO's own", len(report.loaded), len(report.new))
    return model


def pretrained_of(config: TrainConfig) -> "Pretrained":
    """Return where published weights come from."""
    from train.models.sources import Pretrained

    return Pretrained(**asdict(config.pretrained))
