"""Where a training's numbers and pictures go besides metrics.jsonl: TensorBoard, Weights & Biases, MLflow."""

import importlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curate.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


class Tracker(Protocol):
    """One place that numbers and pictures are sent to."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of a step, by name."""

    def picture(self, step: int, name: str, image: "NDArray[np.uint8]") -> None:
        """Take an (H, W, 3) RGB picture of a step."""

    def close(self) -> None:
        """Send what is left."""


def check_trackers(names: Sequence[str]) -> None:
    """ConfigError for a tracker whose package is not installed."""
    for name in names:
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise ConfigError(f"trackers: {name} needs the package {PACKAGES[name]}: pip install {PACKAGES[name]}")


def open_trackers(names: Sequence[str], folder: Path, *, done: int, config: Mapping[str, Any]) -> list[Tracker]:
    """Open them for a run in `folder` whose first `done` steps they know already."""
    kinds: Mapping[str, Any] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases, "mlflow": MlFlow}
    return [kinds[name](folder, done=done, config=config) for name in dict.fromkeys(names)]


class TensorBoard:
    """Event files in RUN/tensorboard."""

    def __init__(self, folder: Path, *, done: int, config: Mapping[str, Any]) -> None:
        """What earlier files hold of steps after `done` is purged by what reads them."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1 if done else None)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, image: "NDArray[np.uint8]") -> None:
        """Write an image."""
        self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Flush the file."""
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases that goes on under one id, kept in RUN/wandb-id."""

    def __init__(self, folder: Path, *, done: int, config: Mapping[str, Any]) -> None:
        """Project and account are wandb's own settings (WANDB_PROJECT, WANDB_API_KEY, ...)."""
        wandb: Any = importlib.import_module("wandb")

        file = folder / "wandb-id"
        if not file.exists():
            file.write_text(wandb.util.generate_id(), encoding="utf-8")
        os.environ.setdefault("WANDB_PROJECT", "emoforge")
        self._run: Any = wandb.init(
            dir=str(folder), name=folder.name, id=file.read_text(encoding="utf-8"), resume="allow", config=dict(config)
        )
        self._image = wandb.Image

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Log values; a step that is known already wandb leaves as it is."""
        self._run.log(dict(values), step=step)

    def picture(self, step: int, name: str, image: "NDArray[np.uint8]") -> None:
        """Log an image."""
        self._run.log({name: self._image(image)}, step=step)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


class MlFlow:
    """A run of MLflow that goes on under one id, kept in RUN/mlflow-id; in RUN/mlruns unless MLflow is told where."""

    def __init__(self, folder: Path, *, done: int, config: Mapping[str, Any]) -> None:
        """Server and account are MLflow's own settings (MLFLOW_TRACKING_URI, ...)."""
        mlflow: Any = importlib.import_module("mlflow")
        self._mlflow = mlflow
        if "MLFLOW_TRACKING_URI" not in os.environ:
            mlflow.set_tracking_uri((folder / "mlruns").absolute().as_uri())
        mlflow.set_experiment("emoforge")
        file = folder / "mlflow-id"
        known = file.read_text(encoding="utf-8") if file.exists() else None
        run = mlflow.start_run(run_id=known, run_name=None if known else folder.name)
        file.write_text(run.info.run_id, encoding="utf-8")

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Log values."""
        self._mlflow.log_metrics(dict(values), step=step)

    def picture(self, step: int, name: str, image: "NDArray[np.uint8]") -> None:
        """Log an image as an artefact."""
        self._mlflow.log_image(image, f"{name}/step-{step:06d}.png")

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()
