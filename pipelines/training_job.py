"""A training, as every one of its processes is told it."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.train_config import TrainConfig
from train.stages import StageName


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train, and where; `out` is a folder that all processes see."""

    shards: str
    stage: StageName
    out: Path
    init_from: Path | None
    config: TrainConfig  # resolved
    weights_folders: tuple[tuple[Path, ...], Path]
    shows_progress: bool  # on its own standard error
