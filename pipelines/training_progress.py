"""The progress bar of a training: windows a second, time left, and the loss; also of one that runs elsewhere."""

import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.training_log import METRICS, read_lines

POLL_S = 2.0


@contextmanager
def training_progress(
    stage: str, *, total: int, done: int, windows: int, shown: bool
) -> Iterator[Callable[[int, float], None]]:
    """Give a function that takes the step just done and its loss; a step is of so many `windows`."""
    from tqdm import tqdm

    with tqdm(
        desc=f"train {stage}",
        total=total * windows,
        initial=done * windows,
        unit="window",
        unit_scale=True,
        file=sys.stderr,
        dynamic_ncols=True,
        mininterval=0.2,
        disable=not shown,
    ) as bar:

        def show(step: int, loss: float) -> None:
            bar.set_postfix(step=step, loss=f"{loss:.4f}" if math.isfinite(loss) else "-", refresh=False)
            bar.update(step * windows - bar.n)

        yield show


@contextmanager
def following(folder: Path, stage: str, *, total: int, done: int, windows: int) -> Iterator[None]:
    """Show the progress of a run whose first process writes into `folder` from elsewhere."""
    ended = threading.Event()

    def follow() -> None:
        with training_progress(stage, total=total, done=done, windows=windows, shown=True) as show:
            while not ended.wait(POLL_S):
                lines = read_lines(folder / METRICS)
                if lines and lines[-1]["step"] > done:
                    show(lines[-1]["step"], math.nan if lines[-1]["loss"] is None else lines[-1]["loss"])

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
