"""Looks at a model while it is trained: sample grids, and held-out clips sampled and scored."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import EmoforgeError
from pipelines.train_validation import Validation
from pipelines.training_log import TrainingLog

if TYPE_CHECKING:
    from curate.corpus import Corpus
    from pipelines.training_job import Job
    from train.models.emo import EmoModel

log = logging.getLogger(__name__)

GRID_ROWS = 4
SAMPLES = "samples"


class Looks:
    """What `train.loop` calls between the steps; `corpus` holds the clips that are trained on."""

    def __init__(self, job: "Job", corpus: "Corpus", training_log: TrainingLog, *, done: int) -> None:
        """`done` steps were there before; what was seen of later ones is done again."""
        held_out, is_held_out = held_out_clips(job.shards, corpus, job.config.validation.clips)
        self._job, self._log, self._clips = job, training_log, held_out
        self._validation = Validation(job, held_out, training_log, is_held_out=is_held_out, done=done)
        if not is_held_out and (job.config.samples_every or job.config.validation.every):
            log.info("no split val: grids and validation show clips that are trained on")

    def due(self, step: int) -> bool:
        """Whether a grid or a validation is due."""
        return self._grid_due(step) or self._validation.due(step)

    def look(self, step: int, model: "EmoModel") -> None:
        """Draw the grid, and validate; a clip that can't be looked at is no reason to end a training."""
        for due, show in ((self._grid_due, self._grid), (self._validation.due, self._validation.run)):
            try:
                if due(step):
                    show(step, model)
            except EmoforgeError as error:
                log.warning("nothing to see of step %d: %s", step, error)

    def _grid_due(self, step: int) -> bool:
        every = self._job.config.samples_every or 0
        return every > 0 and (step % every == 0 or step == self._job.config.steps)

    def _grid(self, step: int, model: "EmoModel") -> None:
        from PIL import Image

        from train.dataset import Windows
        from train.models.presets import PRESETS
        from train.sample_grid import sample_grid
        from train.stages import STAGES

        config, stage = self._job.config, STAGES[self._job.stage]
        windows = Windows(
            self._clips,
            stage,
            image_px=PRESETS[config.preset].image_px,
            margin_frames=model.speech.margin_frames,
            seed=config.seed,
        )
        places = range(min(GRID_ROWS, len(self._clips.clips)))
        grid = sample_grid(
            model, windows.batch(places), stage, seed=config.seed, steps=config.validation.denoising_steps
        )
        file = self._job.out / SAMPLES / f"step-{step:06d}.png"
        file.parent.mkdir(exist_ok=True)
        scratch = file.with_suffix(".tmp")
        Image.fromarray(grid).save(scratch, format="PNG")
        scratch.replace(file)
        self._log.picture(step, SAMPLES, grid)


def held_out_clips(shards: str | Path, trained: "Corpus", count: int) -> "tuple[Corpus, bool]":
    """Return clips to look at, and whether they are held out.

    They are the first of split val; without one, the last of those that are trained on.
    """
    from curate.corpus import open_corpus
    from train.clip_tables import of_split

    try:
        held_out = of_split(open_corpus(shards), "val")
    except EmoforgeError:
        return replace(trained, clips=trained.clips[-count:]), False
    known = {ref.clip_id for ref in trained.clips}
    return replace(held_out, clips=held_out.clips[:count]), not any(ref.clip_id in known for ref in held_out.clips)
