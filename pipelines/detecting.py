"""Scores clips and fits detectors in workers that can be killed; an interrupted run goes on where it was."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from curate.errors import EmoforgeError
from pipelines.measuring import Place, Task, Workers, videos_at
from pipelines.stages import Budget, Done, Stage

if TYPE_CHECKING:
    from evaluate.detection.detector import Detector
    from evaluate.detection.fitting import Labelled, Predicted, Purpose, Seen
    from evaluate.detection.matching import Matching
    from evaluate.detection.perturbing import Perturbation
    from evaluate.detection.scoring import ClipScores
    from evaluate.videos import Video


Work = TypeVar("Work")


@dataclass(frozen=True, kw_only=True)
class Detecting:
    """What every worker is told: the sets by name, the detectors and perturbations as the user wrote them, and where to
    leave what comes out."""

    places: Mapping[str, Place]
    detectors: tuple[str, ...]
    perturb: str
    matching: "Matching"
    answer_s: float
    work: Path
    weights_folders: tuple[tuple[Path, ...], Path]


@dataclass(frozen=True, kw_only=True)
class FitTask:
    """One detector to fit for one purpose; `number` names its file."""

    number: int
    detector: str
    purpose: "Purpose"


def clip_tasks(detecting: Detecting) -> list[Task]:
    """Every clip, set by set."""
    return [
        Task(label=label, number=number, name=video.name)
        for label, place in detecting.places.items()
        for number, video in enumerate(videos_at(place))
    ]


def score_all(detecting: Detecting, workers: Workers) -> "list[ClipScores]":
    """Score every clip, in the order of `clip_tasks`; one whose worker died or overran has abstentions."""
    from evaluate.detection.scored_files import load_scored, save_scored
    from evaluate.detection.scoring import unscored
    from pipelines.progress import progress

    tasks = clip_tasks(detecting)
    for label in detecting.places:
        (detecting.work / label).mkdir(parents=True, exist_ok=True)
    todo = [task for task in tasks if load_scored(scored_file(detecting, task)) is None]
    ended = _scheduled(partial(_score, detecting=detecting), "score", workers, todo)
    for task, failure in progress(ended, "score", total=len(tasks), initial=len(tasks) - len(todo), unit="clip"):
        if failure is not None:
            detectors, perturbations = _asked(detecting)
            source = _source(videos_at(detecting.places[task.label])[task.number])
            reason = f"{failure.reason}: {failure.error}"
            lost = unscored(reason, source=source, detectors=detectors, perturbations=perturbations)
            save_scored(lost, scored_file(detecting, task))
    return [_scored(scored_file(detecting, task)) for task in tasks]


def _scored(file: Path) -> "ClipScores":
    """A clip's scores, without what only fits need: of all clips together that would fill the memory."""
    from evaluate.detection.scored_files import load_scored

    clip = load_scored(file, observed=False)
    if clip is None:
        raise EmoforgeError(f"{file} was damaged after it was written; remove it and run the same command again")
    return clip


def fit_all(
    detecting: Detecting, clips: "Labelled", fits: "Sequence[tuple[str, Purpose]]", workers: Workers, *, seed: int
) -> "dict[tuple[str, Purpose], list[Predicted]]":
    """Fit every detector for every purpose; one whose worker died or overran has no answers at all but the reason."""
    from evaluate.detection.fitting import Predicted
    from pipelines.progress import progress

    (detecting.work / "fits").mkdir(parents=True, exist_ok=True)
    tasks = [FitTask(number=number, detector=name, purpose=purpose) for number, (name, purpose) in enumerate(fits)]
    todo = [task for task in tasks if not _fit_file(detecting, task).exists()]
    ended = _scheduled(partial(_fit, detecting=detecting, clips=clips, seed=seed), "fit", workers, todo)
    for task, failure in progress(ended, "fit", total=len(tasks), initial=len(tasks) - len(todo), unit="fit"):
        if failure is not None:
            _save_fit(detecting, task, _failed_fit(detecting, task, clips, f"{failure.reason}: {failure.error}"))
    return {
        (task.detector, task.purpose): [Predicted(**row) for row in json.loads(_fit_file(detecting, task).read_text())]
        for task in tasks
    }


def scored_file(detecting: Detecting, task: Task) -> Path:
    """Where a clip's scores lie, its matched video beside them."""
    return detecting.work / task.label / f"{task.number:06d}.npz"


def _scheduled(
    work: Callable[[Work], bool | None], name: str, workers: Workers, todo: list[Work]
) -> Iterator[Done[Work]]:
    from pipelines.local_pool import run_local
    from pipelines.ray_pool import run_ray

    if not todo:
        return iter(())
    stages = [Stage(name=name, work=work, workers=workers.count, budget=workers.budget)]
    if workers.executor == "ray":
        return run_ray(stages, todo, address=workers.ray_address)
    return run_local(stages, todo, log_file=workers.log_file)


def _score(task: Task, *, detecting: Detecting) -> None:
    """One clip, in a worker."""
    from evaluate.detection.scored_files import save_scored
    from evaluate.detection.scoring import score_clip

    _prepare(detecting)
    detectors, perturbations = _asked(detecting)
    video = videos_at(detecting.places[task.label])[task.number]
    clip = score_clip(
        video.media(),
        source=_source(video),
        detectors=detectors,
        perturbations=perturbations,
        matching=detecting.matching,
    )
    save_scored(clip, scored_file(detecting, task))


def _fit(task: FitTask, *, detecting: Detecting, clips: "Labelled", seed: int) -> None:
    """One detector for one purpose, in a worker."""
    from evaluate.detection.fitting import fit_and_predict

    _prepare(detecting)
    detector = next(each for each in _asked(detecting)[0] if each.name == task.detector)
    predicted = fit_and_predict(detector, _seen_by(detecting, task.detector), clips, task.purpose, seed=seed)
    _save_fit(detecting, task, list(predicted))


def _seen_by(detecting: Detecting, detector: str) -> "Callable[[int], Seen]":
    """What the detector observed of clip number i."""
    from evaluate.detection.scored_files import load_seen

    files = [scored_file(detecting, task) for task in clip_tasks(detecting)]

    def seen(clip: int) -> "Seen":
        return load_seen(files[clip], detector)

    return seen


def _failed_fit(detecting: Detecting, task: FitTask, clips: "Labelled", reason: str) -> "list[Predicted]":
    import numpy as np

    from evaluate.detection.fitting import Predicted, judged
    from evaluate.detection.score_table import MATCHED, ORIGINAL

    conditions = [(ORIGINAL if task.purpose.kind == "original" else MATCHED, "")]
    if task.purpose.kind == "usual":
        conditions += [(each.name, each.severity) for each in _asked(detecting)[1]]
    return [
        Predicted(clip=place, condition=condition, severity=severity, score=None, abstained=reason)
        for place in np.flatnonzero(judged(task.purpose, clips)).tolist()
        for condition, severity in conditions
    ]


def _save_fit(detecting: Detecting, task: FitTask, predicted: "list[Predicted]") -> None:
    path = _fit_file(detecting, task)
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps([asdict(each) for each in predicted]), encoding="utf-8")
    scratch.replace(path)


def _fit_file(detecting: Detecting, task: FitTask) -> Path:
    return detecting.work / "fits" / f"{task.number:06d}.json"


def _prepare(detecting: Detecting) -> None:
    """A worker owns one core."""
    import cv2
    import torch

    from curate import weights

    weights.use_folders(detecting.weights_folders[0], cache=detecting.weights_folders[1])
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _loaded(
    detectors: tuple[str, ...], perturb: str, answer_s: float
) -> "tuple[list[Detector], tuple[Perturbation, ...]]":
    from evaluate.detection.loading import load_detectors
    from evaluate.detection.perturbing import perturbations

    return load_detectors(detectors, limit_s=answer_s)[0], perturbations(perturb)


def _asked(detecting: Detecting) -> "tuple[list[Detector], tuple[Perturbation, ...]]":
    return _loaded(detecting.detectors, detecting.perturb, detecting.answer_s)


def _source(video: "Video") -> str:
    """What clips of one source share: the identity or source that a corpus knows, else the file's bytes."""
    from evaluate.videos import content_key

    return video.cluster or content_key(video)


def with_budget(workers: Workers, budget: Budget) -> Workers:
    """The same workers with another budget a task."""
    return replace(workers, budget=budget)
