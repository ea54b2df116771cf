"""Train one stage of the EMO model on shards: metrics.jsonl, loss.png, sample grids and checkpoints in safetensors.

The stages follow one another: image, then video and speed, each with --init-from the stage before it. A run that was
cut off, or told to end by SIGTERM, goes on with the same command, on a CPU to the same bits.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import ConfigError, EmoforgeError
from pipelines.termination import EXIT_CODE, stopping_on_sigterm
from pipelines.train_config import TrainConfig, check_divides, resolved

if TYPE_CHECKING:
    from pipelines.training_job import Job

HELP = "train one stage of the EMO model on shards"
CONFIG = TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpus, the stage, the checkpoint to begin with, the output, and where the work is done."""
    from train.recipes import recipes_table

    parser.description = f"{parser.description}\nBy preset and stage, unless told otherwise:\n\n{recipes_table()}"
    parser.add_argument("--shards", required=True, metavar="RUN", help="a curated corpus: a folder or an address")
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
    parser.add_argument("--executor", choices=["local", "ray"], default="local", help="where (default: local)")
    parser.add_argument("--ray-address", metavar="A", help="Ray cluster to use (default: one on this machine)")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="training processes, one for each GPU; a step has the same windows whatever their number (default: 1)",
    )


def run(args: argparse.Namespace, config: TrainConfig) -> None:
    """Train the stage and write its metrics, curve and checkpoints into the run folder."""
    from curate import weights
    from pipelines.run_folder import open_run
    from pipelines.training_job import Job
    from pipelines.training_log import METRICS, last_loss, write_loss_curve
    from pipelines.training_work import corpus_of, done_steps
    from train.clip_tables import domains
    from train.window_order import pools_of

    config = _settings(args, config)
    job = Job(
        shards=str(args.shards),
        stage=args.stage,
        out=args.out.absolute(),
        init_from=args.init_from,
        config=config,
        weights_folders=weights.folders(),
        shows_progress=True,
    )
    corpus = corpus_of(job)
    if config.mix is not None:
        pools_of(domains(corpus), config.mix)  # refuses what can't be mixed, before there is a run
    _check_extension(args.out, config)
    inputs = {"shards": str(args.shards), "stage": args.stage, "init_from": str(args.init_from or "")}
    with open_run(args.out, command="train", config=config, inputs=inputs, seed=config.seed) as folder:
        if folder.done:
            print(f"{args.out} is already trained; nothing to do")
            return
        if args.resume:
            _must_resume(args.out)
        _train(args, job)
        if (done := done_steps(job.out)) < (config.steps or 0):
            print(
                f"emoforge train: ended by SIGTERM after step {done} of {config.steps}, which is saved; the same "
                "command goes on from there",
                file=sys.stderr,
            )
            raise SystemExit(EXIT_CODE)
        file = folder.path / METRICS
        write_loss_curve(file, folder.path / "loss.png", title=f"stage {args.stage}")
    print(f"loss {last_loss(file):.4f} after {config.steps} steps; checkpoints and loss.png are in {args.out}")


def _settings(args: argparse.Namespace, config: TrainConfig) -> TrainConfig:
    """Return the whole configuration, checked before anything is made."""
    from pipelines.trackers import check_trackers
    from pipelines.training_work import beginning
    from train.optimizers import check_optimizer

    executor, workers = getattr(args, "executor", "local"), getattr(args, "workers", 1)
    if workers < 1:
        raise ConfigError(f"--workers must be at least 1, not {workers}")
    if executor == "local" and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "this process is one of several that torchrun or accelerate launch has started; start emoforge train "
            "once, by itself, with --workers N, or with --executor ray for several machines"
        )
    prediction_type, zero_snr = beginning(args.init_from, config)
    full = resolved(config, args.stage, prediction_type=prediction_type, zero_snr=zero_snr)
    check_divides(full, workers)
    check_trackers(full.trackers)
    check_optimizer(full.optimizer.kind)
    _check_device(full, executor)
    return full


def _check_device(config: TrainConfig, executor: str) -> None:
    import torch

    if executor == "local" and config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch sees no GPU here; take device auto or cpu")


def _check_extension(out: Path, config: TrainConfig) -> None:
    """EmoforgeError that says how to train longer, since the learning rate follows the number of steps."""
    try:
        before = json.loads((out / "run.json").read_text(encoding="utf-8"))["config"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != config.steps:
        raise EmoforgeError(
            f"{out} is a run of {before} steps, not of {config.steps}, and its learning rate has followed them; to "
            f"train on, choose another --out, --init-from {out}, and the steps to add"
        )


def _must_resume(out: Path) -> None:
    from train.checkpoint import latest_checkpoint

    latest_checkpoint(out)


def _train(args: argparse.Namespace, job: "Job") -> None:
    workers = getattr(args, "workers", 1)
    if getattr(args, "executor", "local") == "ray":
        from pipelines.ray_training import train_on_ray

        train_on_ray(job, workers=workers, address=args.ray_address)
    elif workers > 1:
        from pipelines.training_processes import train_in_processes

        train_in_processes(job, workers)
    else:
        from pipelines.training_work import train_here

        with stopping_on_sigterm() as stop:
            train_here(job, stop=stop)
