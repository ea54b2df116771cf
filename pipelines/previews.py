"""Previews of dropped clips for the report, made by workers that can be killed: sources are hostile media."""

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import EmoforgeError
from curate.previews import PreviewTask, local_file, write_preview
from pipelines.stages import Budget, Stage

if TYPE_CHECKING:
    from curate.borderline import Thresholds
    from curate.store import Place

log = logging.getLogger(__name__)

ALL_S, ONE_S = 20.0, 5.0  # longest time that a report waits for its previews, and for one of them
MEMORY_GB = 2.0


def preview_drops(run: "Place", keep: "Thresholds", *, log_file: Path) -> dict[str, bytes]:
    """Return an mp4 by clip id for the borderline drops whose sources are still files of this machine.

    Never fails: what can't be shown, or not in time, is left out, and the log says so.
    """
    from curate.borderline import borderline_drops
    from curate.report import read_clips

    drops = borderline_drops(read_clips(run), keep)
    tasks = [
        PreviewTask(clip_id=clip_id, source=source, start_s=start_s, end_s=end_s)
        for clip_id, uri, start_s, end_s in zip(drops.clip_id, drops.uri, drops.start_s, drops.end_s, strict=True)
        if (source := local_file(uri)) is not None
    ]
    return make_previews(tasks, log_file=log_file) if tasks else {}


def make_previews(tasks: Sequence[PreviewTask], *, log_file: Path, all_s: float = ALL_S) -> dict[str, bytes]:
    """Return an mp4 by clip id, of those that can be made in time."""
    with tempfile.TemporaryDirectory(prefix="emoforge-previews-") as folder:
        try:
            _make(tasks, Path(folder), log_file, all_s)
        except (EmoforgeError, OSError) as error:
            log.warning("no more previews: %s", error)
        return {file.stem: file.read_bytes() for file in sorted(Path(folder).glob("[!.]*.mp4"))}


def _make(tasks: Sequence[PreviewTask], folder: Path, log_file: Path, all_s: float) -> None:
    from pipelines.local_pool import run_local

    stage = Stage(
        name="preview",
        work=partial(_preview, folder=folder),
        workers=min(len(tasks), os.cpu_count() or 1),
        budget=Budget(wall_s=min(ONE_S, all_s), memory_gb=MEMORY_GB),
    )
    until = time.monotonic() + all_s
    with closing(run_local([stage], tasks, log_file=log_file)) as done:  # type: ignore[type-var]  # it is a generator
        for task, failure in done:
            if failure is not None:
                log.warning("no preview of clip %s: %s", task.clip_id, failure.error)
            if time.monotonic() > until:
                log.warning("the other previews are left out: they would take too long")
                return


def _preview(task: PreviewTask, *, folder: Path) -> None:
    """A source that has changed or gone since is no reason to end the run."""
    try:
        write_preview(folder / f"{task.clip_id}.mp4", task)
    except (EmoforgeError, OSError) as error:
        log.warning("no preview of clip %s: %s", task.clip_id, error)
