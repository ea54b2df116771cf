"""What a training leaves of its steps: metrics.jsonl, the trackers, and the curve of the loss."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.trackers import Tracker, open_trackers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from train.plan import StepMetrics

METRICS = "metrics.jsonl"
SMOOTHED_STEPS = 20  # of the loss curve's line


class TrainingLog:
    """Open files and trackers of a run, as `open_log` gives them."""

    def __init__(self, out: Any, trackers: Sequence[Tracker], *, windows: int) -> None:
        """`windows` are those of a step."""
        self._out, self._trackers, self._windows = out, trackers, windows

    def step(self, metrics: "StepMetrics") -> None:
        """Write a line, and send the numbers."""
        line = asdict(metrics)
        self._out.write(json.dumps({name: _json(value) for name, value in line.items()}) + "\n")
        self._out.flush()
        numbers = {name: line[name] for name in ("loss", "grad_norm", "learning_rate") if math.isfinite(line[name])}
        numbers["windows_per_s"] = self._windows / max(metrics.seconds, 1e-9)
        numbers |= {name: float(line[name]) for name in ("skipped", "unreadable_clips")}
        self.numbers(metrics.step, numbers, group="train")

    def numbers(self, step: int, values: Mapping[str, float], *, group: str) -> None:
        """Send numbers of a step."""
        for tracker in self._trackers:
            tracker.numbers(step, {f"{group}/{name}": value for name, value in values.items()})

    def picture(self, step: int, name: str, image: "NDArray[np.uint8]") -> None:
        """Send an (H, W, 3) RGB picture of a step."""
        for tracker in self._trackers:
            tracker.picture(step, name, image)


@contextmanager
def open_log(
    folder: Path, *, done: int, trackers: Sequence[str], config: Mapping[str, Any], windows: int
) -> Iterator[TrainingLog]:
    """Open a run's log with the first `done` steps kept, and those after them gone."""
    forget_after(folder / METRICS, done)
    opened = open_trackers(trackers, folder, done=done, config=config)
    try:
        with (folder / METRICS).open("a", encoding="utf-8") as out:
            yield TrainingLog(out, opened, windows=windows)
    finally:
        for tracker in opened:
            tracker.close()


def forget_after(file: Path, done: int) -> None:
    """Keep the lines of the first `done` steps alone; a run killed meanwhile has the one file or the other."""
    kept = [line for line in read_lines(file) if line["step"] <= done]
    scratch = file.with_suffix(".tmp")
    scratch.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    scratch.replace(file)


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file of JSON; a last line cut off by a crash is left out."""
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    parsed: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return parsed


def last_loss(file: Path) -> float:
    """Return the mean loss of a run's last steps."""
    losses: list[float] = [line["loss"] for line in read_lines(file)[-SMOOTHED_STEPS:] if line["loss"] is not None]
    return sum(losses) / max(1, len(losses))


def write_loss_curve(metrics: Path, picture: Path, *, title: str) -> None:
    """Draw the loss of each step of a metrics.jsonl, and its running mean, on a logarithmic scale."""
    from matplotlib.figure import Figure

    lines = [line for line in read_lines(metrics) if line["loss"] is not None]
    steps, losses = [line["step"] for line in lines], [line["loss"] for line in lines]
    means = [
        sum(losses[max(0, i - SMOOTHED_STEPS + 1) : i + 1]) / min(i + 1, SMOOTHED_STEPS) for i in range(len(losses))
    ]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogy(steps, losses, color="#b8c4d6", linewidth=0.8, label="each step")
    axes.semilogy(steps, means, color="#1f4e8c", linewidth=1.8, label=f"mean of {SMOOTHED_STEPS} steps")
    axes.set(title=title, xlabel="optimiser step", ylabel="loss")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    scratch = picture.with_suffix(".tmp.png")
    figure.savefig(scratch, dpi=120)
    scratch.replace(picture)


def _json(value: Any) -> Any:
    """JSON has no number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
