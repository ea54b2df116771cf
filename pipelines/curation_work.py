"""What curation's workers do with one source: fetch it, then curate it, and write its outcome."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from curate import weights
from curate.curation import Recipe, curate_source, ended
from curate.fetch import FetchError, FetchRules, RobotsCache, check_licence, fetch
from curate.hosts import host_of
from curate.outcomes import Task, write_outcome
from curate.records import Arrived
from curate.store import Store
from pipelines.stages import Rest

ARRIVED = "arrived.json"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every worker is told: where the run lies, where fetched files wait, and what to do with them."""

    run: Store
    fetched: Path  # a folder a source, with all its temporary files too
    recipe: Recipe
    rules: FetchRules
    licences: Sequence[str] | None
    weights_folders: tuple[tuple[Path, ...], Path]


def fetch_task(task: Task, *, work: Work) -> bool | Rest:
    """Fetch a source to where `curate_task` looks for it.

    When it can't be had, its outcome is written and the answer False, or the rest that its host asked for.
    """
    folder = _folder(work, task)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        if task.entry.licence:  # a page may still tell it
            check_licence(task.entry, work.licences)
        found = fetch(task.entry.uri, folder=folder, rules=work.rules, robots_cache=_robots_cache())
        licence = task.entry.licence or found.licence
        check_licence(replace(task.entry, licence=licence), work.licences)
    except FetchError as error:
        _end(task, error, work)
        return Rest(seconds=min(error.retry_after_s, work.rules.max_wait_s)) if error.retry_after_s else False
    arrived = Arrived(
        file=found.path,
        sha256=found.sha256,
        retrieved_at=found.retrieved_at,
        rights=found.robots,
        licence=licence,
        attribution=task.entry.attribution or found.attribution,
    )
    (folder / ARRIVED).write_text(json.dumps(asdict(arrived) | {"file": str(found.path)}), encoding="utf-8")
    return True


def curate_task(task: Task, *, work: Work) -> bool:
    """Curate a source and write its outcome; what was fetched of it goes."""
    weights.use_folders(work.weights_folders[0], cache=work.weights_folders[1])
    _prepare(tuple(work.recipe.weights))
    arrived = None
    if is_remote(task):
        if not (_folder(work, task) / ARRIVED).is_file() and fetch_task(task, work=work) is not True:
            return False  # it was fetched by a node that is lost, and now it can't be had
        arrived = _arrived(_folder(work, task) / ARRIVED)
    else:
        try:
            check_licence(task.entry, work.licences)
        except FetchError as error:
            _end(task, error, work)
            return False
    with _scratch(_folder(work, task) / "scratch") as scratch:
        write_outcome(work.run, task, curate_source(task.entry, work.recipe, scratch=scratch, arrived=arrived))
    shutil.rmtree(_folder(work, task), ignore_errors=True)
    return True


def host_of_task(task: Task) -> str | None:
    """Whom fetching the source burdens."""
    return host_of(task.entry.uri)


def is_remote(task: Task) -> bool:
    """Whether the source is something else than a file that the workers see."""
    return host_of_task(task) is not None


def _end(task: Task, error: FetchError, work: Work) -> None:
    shutil.rmtree(_folder(work, task), ignore_errors=True)
    outcome = ended(
        task.entry.uri,
        "rejected" if error.refused else "quarantined",
        reason=error.reason,
        error=str(error),
        score_names=work.recipe.score_names,
    )
    write_outcome(work.run, task, outcome)


def _folder(work: Work, task: Task) -> Path:
    return work.fetched / f"{task.partition:05d}-{task.place:05d}"


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for all temporary files: what a killed worker leaves in it, the run removes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before


def _arrived(file: Path) -> Arrived:
    values = json.loads(file.read_text(encoding="utf-8"))
    return Arrived(**values | {"file": Path(values["file"])})


@cache
def _robots_cache() -> RobotsCache:
    return RobotsCache()


@cache
def _prepare(names: tuple[str, ...]) -> None:
    """Once a worker: its weights (another node has its own disk), and one core, since OpenCV would take them all."""
    import cv2

    cv2.setNumThreads(1)
    for name in names:
        weights.fetch(name)
