"""Measures the clips of an evaluation in workers that can be killed; an interrupted run goes on where it was."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.stages import Budget, Done, Stage

if TYPE_CHECKING:
    from evaluate.evaluation import Plan
    from evaluate.measure import Measured
    from evaluate.videos import Video


THUMBNAILS = 64  # of a set, of which the report shows some


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a set of videos lies, and which split of a corpus it is."""

    path: Path
    split: str | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """One clip to measure: its set, its number in it, and its name."""

    label: str
    number: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """What every worker is told: the sets by name, which of them is real, what to measure, and where to leave it."""

    places: Mapping[str, Place]
    reference: str
    work: Path
    plan: "Plan"
    max_frames: int | None
    weights_folders: tuple[tuple[Path, ...], Path]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who measures: how many at a time, what each clip may use, and where they are."""

    count: int
    budget: Budget
    executor: Literal["local", "ray"]
    ray_address: str | None
    log_file: Path


def asked_workers(args: argparse.Namespace, *, wall_s: float, memory_gb: float, folder: Path) -> Workers:
    """Return the workers that the command line asks for, each with that budget a clip; their words go into `folder`."""
    return Workers(
        count=args.workers,
        budget=Budget(wall_s=wall_s, memory_gb=memory_gb),
        executor=args.executor,
        ray_address=args.ray_address,
        log_file=folder / "workers.log",
    )


def measure_all(measuring: Measuring, workers: Workers) -> "dict[str, tuple[Measured, ...]]":
    """Return every set's measured clips, in the order of its videos; one whose worker died or overran has failed."""
    from pipelines.progress import progress

    tasks = [
        Task(label=label, number=number, name=video.name)
        for label, place in measuring.places.items()
        for number, video in enumerate(videos_at(place))
    ]
    todo = [task for task in tasks if _load(measuring, task, thumbnail=False) is None]
    ended = _schedule(measuring, workers, todo) if todo else iter(())
    for task, failure in progress(ended, "measure", total=len(tasks), initial=len(tasks) - len(todo), unit="clip"):
        if failure is not None:
            _save_failed(measuring, task, f"{failure.reason}: {failure.error}")
    return {label: _measured_set(measuring, [t for t in tasks if t.label == label]) for label in measuring.places}


def _measured_set(measuring: Measuring, tasks: Sequence[Task]) -> "tuple[Measured, ...]":
    """Return a set's clips; a few keep their thumbnails, spread over it, for all would fill the memory."""
    every = -(-len(tasks) // THUMBNAILS)
    clips = (_load(measuring, task, thumbnail=task.number % every == 0) for task in tasks)
    return tuple(clip for clip in clips if clip is not None)


@lru_cache(maxsize=16)
def videos_at(place: Place) -> "tuple[Video, ...]":
    """Return a set's videos in their order."""
    from evaluate.videos import list_videos

    return list_videos(place.path, split=place.split)


def _schedule(measuring: Measuring, workers: Workers, todo: list[Task]) -> Iterator[Done[Task]]:
    from pipelines.local_pool import run_local
    from pipelines.ray_pool import run_ray

    work = partial(_measure, measuring=measuring)
    stages = [Stage(name="measure", work=work, workers=workers.count, budget=workers.budget)]
    if workers.executor == "ray":
        return run_ray(stages, todo, address=workers.ray_address)
    return run_local(stages, todo, log_file=workers.log_file)


def _measure(task: Task, *, measuring: Measuring) -> None:
    """One clip, in a worker: measure it and write what was measured."""
    import cv2

    from curate import weights
    from evaluate.measure import measure
    from evaluate.measured_files import save_measured

    weights.use_folders(measuring.weights_folders[0], cache=measuring.weights_folders[1])
    cv2.setNumThreads(1)  # a worker owns one core
    video = videos_at(measuring.places[task.label])[task.number]
    generated = task.label != measuring.reference
    clip = measure(
        video,
        features=measuring.plan.features,
        scorers=measuring.plan.scorers,
        pairs=measuring.plan.pairs if generated else (),
        reference=_reference_of(measuring).get(video.stem) if generated else None,
        max_frames=measuring.max_frames,
    )
    save_measured(clip, _file(measuring, task))


def _reference_of(measuring: Measuring) -> "dict[str, Video]":
    """The real videos by stem, which pairs them with generated ones."""
    place = measuring.places.get(measuring.reference)
    return {} if place is None else {video.stem: video for video in videos_at(place)}


def _save_failed(measuring: Measuring, task: Task, reason: str) -> None:
    from evaluate.measure import unmeasured
    from evaluate.measured_files import save_measured

    plan = measuring.plan
    names = (*plan.features, *plan.scorers, *(plan.pairs if task.label != measuring.reference else ()))
    video = videos_at(measuring.places[task.label])[task.number]
    save_measured(unmeasured(video, reason, names=names), _file(measuring, task))


def _file(measuring: Measuring, task: Task) -> Path:
    return measuring.work / task.label / f"{task.number:06d}.npz"


def _load(measuring: Measuring, task: Task, *, thumbnail: bool) -> "Measured | None":
    """What was measured of the task's clip, unless the folder's content has moved since."""
    from evaluate.measured_files import load_measured

    clip = load_measured(_file(measuring, task), thumbnail=thumbnail)
    return clip if clip is not None and clip.name == task.name else None
