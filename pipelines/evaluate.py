"""Score generated videos against reference videos: set distances with their real-vs-real floor, sync, identity.

Writes OUT/results.json, clips.parquet (one row a clip, with what failed and why) and report.html. A metric whose
weights are missing is skipped and says how to get them; the others stand.
"""

import argparse
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import EmoforgeError, WeightsError
from pipelines.config import option
from pipelines.curate import add_executor_arguments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.evaluation import Plan
    from evaluate.measure import Measured
    from evaluate.results import Result
    from evaluate.sets import Sets
    from evaluate.videos import Video

log = logging.getLogger(__name__)

SETS = ("generated", "reference")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One clip to measure: its set (one of SETS), its place in it and its name."""

    label: str
    place: int
    name: str


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Which numbers, from how many frames."""

    metrics: list[str] = option(
        ["fd_efficientnet_lite0", "fd_expression_mesh", "sync_correlation", "identity_similarity"],
        "metrics in the report's order: files of evaluate/metrics",
    )
    max_frames: int = option(32, "most frames of a clip that distances and identity look at, spread evenly over it")
    wall_s: float = option(1_800.0, "longest measuring of one clip, seconds; beyond it the clip counts as failed")
    memory_gb: float = option(4.0, "most memory that measuring one clip may take, GiB")


CONFIG = EvaluateConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the two sets, the portraits and the output."""
    parser.add_argument(
        "--reference", required=True, type=Path, metavar="RUN|DIR", help="a curated corpus, or a folder of real videos"
    )
    parser.add_argument("--generated", required=True, type=Path, metavar="DIR", help="a folder of generated videos")
    parser.add_argument(
        "--portraits",
        type=Path,
        metavar="DIR",
        help="pictures that identity is compared with, paired by name: clip.mp4 with clip.png "
        "(default: the reference clip of the same name, else the clip's own first frame)",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="E", help="run folder to write")
    add_executor_arguments(parser)


def run(args: argparse.Namespace, config: EvaluateConfig) -> None:
    """Measure both sets, compute the metrics and write the results into the run folder."""
    from evaluate.artefacts import write_artefacts
    from evaluate.evaluation import compute
    from evaluate.report import write_report
    from evaluate.videos import digest, list_videos
    from pipelines.run_folder import open_run

    _check(config)
    videos = {label: list_videos(vars(args)[label]) for label in SETS}
    plan = _plan(config)
    inputs = {name: _text(vars(args)[name]) for name in ("reference", "generated", "portraits")}
    inputs |= {f"{label}_sha256": digest(videos[label]) for label in SETS}
    with open_run(args.out, command="evaluate", config=config, inputs=inputs) as folder:
        if folder.done:
            print(f"done already: {folder.path / 'report.html'}")
            return
        sets = _measure_all(args, config, plan, videos, folder.path / "work")
        results = compute(plan, sets)
        write_artefacts(folder.path, results, sets, inputs=inputs)
        report = write_report(folder.path, results, sets, inputs=inputs)
        shutil.rmtree(folder.path / "work")
    _summary(results, report)


def _check(config: EvaluateConfig) -> None:
    if config.max_frames < 2:
        raise EmoforgeError(f"max_frames must be 2 or more, not {config.max_frames}")
    if not config.metrics:
        raise EmoforgeError("metrics is empty: name at least one file of evaluate/metrics")


def _plan(config: EvaluateConfig) -> "Plan":
    """Fetch what weights can be fetched, then plan; what can't be had makes its metrics absent, with the reason."""
    from curate import weights
    from evaluate.evaluation import plan, required_weights

    for name in required_weights(config.metrics):
        try:
            weights.fetch(name)
        except WeightsError as error:
            log.warning("%s", error)
    planned = plan(config.metrics)
    if len(planned.absent) == len(planned.metrics):
        raise EmoforgeError(f"no metric has its weights: {next(iter(planned.absent.values()))}")
    return planned


def _measure_all(
    args: argparse.Namespace, config: EvaluateConfig, plan: "Plan", videos: "dict[str, tuple[Video, ...]]", work: Path
) -> "Sets":
    """Measure both sets in workers that can be killed; what an interrupted run has measured already is read back."""
    from evaluate.evaluation import check_readable
    from evaluate.sets import Sets
    from pipelines.progress import progress

    work.mkdir(exist_ok=True)
    portraits = _portraits(args.portraits, plan)
    tasks = {
        label: [Task(label=label, place=place, name=video.name) for place, video in enumerate(videos[label])]
        for label in SETS
    }
    every = [task for label in SETS for task in tasks[label]]
    todo = [task for task in every if _load(work, task) is None]
    ended = _schedule(args, config, plan, videos, todo, work) if todo else iter(())
    for _ in progress(ended, "measure", total=len(every), initial=len(every) - len(todo), unit="clip"):
        pass
    clips = {label: tuple(clip for task in tasks[label] if (clip := _load(work, task))) for label in SETS}
    for label in SETS:
        check_readable(clips[label], label)
    return Sets(
        reference=clips["reference"], generated=clips["generated"], portraits=portraits, max_frames=config.max_frames
    )


def _schedule(
    args: argparse.Namespace,
    config: EvaluateConfig,
    plan: "Plan",
    videos: "dict[str, tuple[Video, ...]]",
    todo: list[Task],
    work: Path,
) -> Iterator[None]:
    """Measure the clips under the chosen executor; one whose worker died or overran is recorded as failed."""
    from curate import weights
    from evaluate.measure import unmeasured
    from evaluate.measured_files import save_measured
    from pipelines.local_pool import run_local
    from pipelines.ray_pool import run_ray
    from pipelines.stages import Budget, Stage

    do = partial(
        _do,
        places={label: vars(args)[label].absolute() for label in SETS},
        work=work.absolute(),
        plan=plan,
        max_frames=config.max_frames,
        weights_folders=weights.folders(),
    )
    budget = Budget(wall_s=config.wall_s, memory_gb=config.memory_gb)
    stages = [Stage(name="measure", work=do, workers=args.workers, budget=budget)]
    if args.executor == "ray":
        ended = run_ray(stages, todo, address=args.ray_address)
    else:
        ended = run_local(stages, todo, log_file=work.parent / "workers.log")
    for task, failure in ended:
        if failure is not None:
            video = videos[task.label][task.place]
            names = (*plan.features, *plan.scorers)
            save_measured(unmeasured(video, f"{failure.reason}: {failure.error}", names=names), _file(work, task))
        yield


def _do(
    task: Task,
    *,
    places: dict[str, Path],
    work: Path,
    plan: "Plan",
    max_frames: int,
    weights_folders: tuple[tuple[Path, ...], Path],
) -> None:
    """One clip, in a worker: measure it and write what was measured."""
    import cv2

    from curate import weights
    from evaluate.measure import measure
    from evaluate.measured_files import save_measured

    weights.use_folders(weights_folders[0], cache=weights_folders[1])
    cv2.setNumThreads(1)  # a worker owns one core
    video = _videos(places[task.label])[task.place]
    clip = measure(video, features=plan.features, scorers=plan.scorers, max_frames=max_frames)
    save_measured(clip, _file(work, task))


@lru_cache(maxsize=2)
def _videos(place: Path) -> "tuple[Video, ...]":
    from evaluate.videos import list_videos

    return list_videos(place)


def _file(work: Path, task: Task) -> Path:
    return work / f"{task.label}-{task.place:06d}.npz"


def _load(work: Path, task: Task) -> "Measured | None":
    """What was measured of the task's clip, unless the folder's content has moved since."""
    from evaluate.measured_files import load_measured

    clip = load_measured(_file(work, task))
    return clip if clip is not None and clip.name == task.name else None


def _portraits(folder: Path | None, plan: "Plan") -> "dict[str, NDArray[np.float32] | str] | None":
    from evaluate.portraits import embed_portrait, list_portraits

    if folder is None:
        return None
    paths = list_portraits(folder)
    if "identity_dlib" not in plan.features:
        return {}
    return {path.stem: embed_portrait(path) for path in paths}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _summary(results: "tuple[Result, ...]", report: Path) -> None:
    from evaluate.report import score_table

    print(score_table(results).to_string(index=False))
    print(f"\nreport   {report}")
