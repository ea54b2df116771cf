"""Curate talking videos: files, folders and globs in; Parquet shards of scored, cropped face clips out.

Writes OUT/shards/*.parquet, index.parquet, clips.parquet (kept and dropped, all scores), outcomes.parquet (one row a
source) and report.html. The same command again goes on where it stopped, and takes up new sources.
"""

import argparse
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from curate.errors import EmoforgeError
from curate.records import Threshold
from pipelines.config import option

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AnalysisConfig:
    """How the one decoding pass looks at a video."""

    adaptive_threshold: float = option(3.5, "a cut is a frame that differs this many times more than its neighbours")
    min_shot_s: float = option(0.6, "shortest shot, seconds")
    min_mesh_confidence: float = option(0.5, "below this the mesh says that it is no face, 0 to 1")
    max_gap_s: float = option(0.4, "a face lost for up to this long stays one track, seconds")
    min_track_s: float = option(0.5, "shorter face tracks are noise and not recorded, seconds")


@dataclass(frozen=True, kw_only=True)
class LimitsConfig:
    """What one source may ask for; beyond it the source is quarantined."""

    max_duration_s: float = option(14_400.0, "longest video, seconds")
    max_pixels: int = option(8192 * 4320, "largest picture, px")
    wall_s: float = option(1_800.0, "longest processing of one source, seconds")
    memory_gb: float = option(4.0, "most memory that processing one source may take, GiB")


@dataclass(frozen=True, kw_only=True)
class EncodeConfig:
    """How kept clips are written."""

    size_px: int = option(512, "side of the square crop, px, even")
    crf: int = option(18, "H.264 quality, 0 to 51, lower is better")


SCORERS = (
    "duration_s",
    "face_size",
    "faces_per_frame",
    "sharpness",
    "head_pose",
    "mouth_aperture",
    "speech_ratio",
    "sync_correlation",
)

KEEP = {
    "duration_s": Threshold(min=3.0),
    "face_size": Threshold(min=120.0),
    "faces_per_frame": Threshold(min=0.9, max=1.2),
    "sharpness": Threshold(min=2.0),
    "head_pose_yaw_deg": Threshold(max=60.0),
    "mouth_aperture_std": Threshold(min=0.004),
    "speech_ratio": Threshold(min=0.3),
    "sync_correlation_off": Threshold(max=0.15, optional=True),
}


@dataclass(frozen=True, kw_only=True)
class CurateConfig:
    """Everything that decides what the shards hold."""

    detector: str = option("blazeface", "face detector: a file of curate/faces")
    scorers: list[str] = option(
        list(SCORERS), "scorers in the order they run: files of curate/scorers, cheap ones first"
    )
    keep: dict[str, Threshold] = option(
        KEEP,
        "thresholds by score, --keep.NAME.min X, --keep.NAME.max X; --keep.NAME.optional true keeps a clip without it",
    )
    max_clip_s: float = option(12.0, "longer face tracks are split into equal parts, seconds")
    score_all: bool = option(False, "go on scoring a clip that is dropped already")
    partition_size: int = option(64, "sources that are committed together, in one shard")
    shard_bytes: int = option(500 << 20, "a partition's clips beyond this begin another shard, bytes")
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)


CONFIG = CurateConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the inputs and where and how to run."""
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="video files, folders of them, or globs")
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="run folder to write")
    add_executor_arguments(parser)


def add_executor_arguments(parser: argparse.ArgumentParser) -> None:
    """Say where the work is done."""
    parser.add_argument("--executor", choices=["local", "ray"], default="local", help="where to run (default: local)")
    parser.add_argument("--ray-address", metavar="A", help="Ray cluster to use (default: one on this machine)")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="videos at a time (default: all cores)",
    )


def run(args: argparse.Namespace, config: CurateConfig) -> None:
    """Curate the named sources into the run folder."""
    from curate import outcomes
    from curate.report import write_report
    from curate.sources import list_sources
    from pipelines.progress import progress
    from pipelines.run_folder import open_run

    entries = list_sources(args.sources)
    names = _check(config)
    _get_weights()
    with open_run(args.out, command="curate", config=config, inputs={}, always=True) as folder:
        _tidy(folder.path)
        tasks = outcomes.plan(folder.path, entries, partition_size=config.partition_size)
        todo = outcomes.left_to_do(folder.path, tasks)
        ended = _schedule(args, config, folder.path, todo) if todo else iter(())
        commit = partial(outcomes.commit_ready, folder.path, score_names=names, shard_bytes=config.shard_bytes)
        for _ in progress(ended, "curate", total=len(tasks), initial=len(tasks) - len(todo), unit="video"):
            _exhaust(commit(tasks))
        _exhaust(commit(tasks))
        outcomes.write_tables(folder.path, names)
        report = write_report(folder.path, keep=config.keep, title=f"Corpus {folder.path.name}")
    _summary(args.out, report)


def _check(config: CurateConfig) -> list[str]:
    """Fail before the expensive part: names bound, thresholds checked. Return the names of all scores."""
    from curate import plugins
    from curate.scoring import all_score_names, check_thresholds

    plugins.check("curate.faces", [config.detector])
    plugins.check("curate.scorers", config.scorers)
    check_thresholds(config.keep, config.scorers)
    if config.encode.size_px < 16 or config.encode.size_px % 2:
        raise EmoforgeError(f"encode.size_px must be an even number from 16 up, not {config.encode.size_px}")
    if not config.max_clip_s >= config.analysis.min_track_s > 0:
        raise EmoforgeError("max_clip_s must be at least analysis.min_track_s, and that above 0")
    if config.partition_size < 1:
        raise EmoforgeError(f"partition_size must be 1 or more, not {config.partition_size}")
    return all_score_names(config.scorers)


def _get_weights() -> None:
    from curate import weights
    from curate.curation import REQUIRED_WEIGHTS

    for name in REQUIRED_WEIGHTS:
        weights.fetch(name)


def _schedule(args: argparse.Namespace, config: CurateConfig, run: Path, todo: list[Any]) -> Iterator[None]:
    """Do the tasks under the chosen executor; a task without an outcome is quarantined with the reason."""
    from curate.curation import quarantined
    from curate.outcomes import write_outcome
    from curate.scoring import all_score_names
    from curate.shards import outcome_schema
    from pipelines.executors import Budget, run_local, run_ray

    budget = Budget(wall_s=config.limits.wall_s, memory_gb=config.limits.memory_gb)
    schema = outcome_schema(all_score_names(config.scorers))
    work = partial(_do, run=run.absolute(), config=config, weights_folders=_weights_folders())
    if args.executor == "ray":
        ended = run_ray(work, todo, workers=args.workers, budget=budget, address=args.ray_address)
    else:
        ended = run_local(work, todo, workers=args.workers, budget=budget, log_file=run / "workers.log")
    for task, failure in ended:
        if failure is not None:
            outcome = quarantined(task.entry.uri, reason=failure.reason, error=failure.error, schema=schema)
            write_outcome(run, task, outcome)
        yield


def _weights_folders() -> tuple[tuple[Path, ...], Path]:
    from curate import weights

    return weights.folders()


def _do(task: Any, *, run: Path, config: CurateConfig, weights_folders: tuple[tuple[Path, ...], Path]) -> None:
    """One source, in a worker: curate it and write its outcome."""
    from curate import weights
    from curate.curation import curate_source
    from curate.media import Limits
    from curate.outcomes import write_outcome

    weights.use_folders(weights_folders[0], cache=weights_folders[1])
    _prepare()
    outcome = curate_source(
        task.entry,
        scorers=config.scorers,
        keep=config.keep,
        detector=config.detector,
        analysis=asdict(config.analysis),
        max_clip_s=config.max_clip_s,
        size_px=config.encode.size_px,
        crf=config.encode.crf,
        score_all=config.score_all,
        limits=Limits(max_duration_s=config.limits.max_duration_s, max_pixels=config.limits.max_pixels),
    )
    write_outcome(run, task, outcome)


@cache
def _prepare() -> None:
    """Once a worker: its weights (another node has its own disk), and one core, since OpenCV would take them all."""
    import cv2

    cv2.setNumThreads(1)
    _get_weights()


def _tidy(run: Path) -> None:
    """Remove what a killed run left half written."""
    for scratch in (*run.glob(".tmp-*"), *run.glob("shards/.tmp-*"), *run.glob("work/*/.tmp-*")):
        scratch.unlink(missing_ok=True)


def _exhaust(steps: Iterator[int]) -> None:
    for partition in steps:
        log.info("partition %d committed", partition)


def _summary(out: Path, report: Path) -> None:
    import pandas as pd

    from curate.report import funnel

    table = funnel(pd.read_parquet(out / "outcomes.parquet"))
    print(table.to_string(index=False))
    print(f"\nreport   {report}\nnext     emoforge train --shards {out} --stage image --out models/image")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
