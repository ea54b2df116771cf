"""Validation: held-out clips sampled with their own first frame and voice, and scored by `emoforge evaluate`.

Scoring runs as a command of its own, so that neither its memory nor a hang of native code can harm the training.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.training_log import TrainingLog, forget_after, read_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curate.corpus import ClipRef, Corpus
    from pipelines.training_job import Job
    from train.models.emo import EmoModel

log = logging.getLogger(__name__)

RESULTS, TABLE, FOLDER = "validation.jsonl", "validation.md", "validation"
LEAST_PX = 256  # side of the videos: in smaller ones faces are not found well
SYSTEM = "sampled"


class Validation:
    """The validations of a run, in RUN/validation, validation.jsonl and validation.md."""

    def __init__(self, job: "Job", clips: "Corpus", training_log: TrainingLog, *, is_held_out: bool, done: int) -> None:
        """`clips` are sampled; results of steps after `done` are forgotten."""
        self._job, self._clips, self._log, self._is_held_out = job, clips, training_log, is_held_out
        if (job.out / RESULTS).exists():
            forget_after(job.out / RESULTS, done)

    def due(self, step: int) -> bool:
        """Whether to validate after this step: every so often, and at the end."""
        every = self._job.config.validation.every
        return every > 0 and (step % every == 0 or step == self._job.config.steps)

    def run(self, step: int, model: "EmoModel") -> None:
        """Sample, score, and note the numbers; a stage that hears no voice has none to sample by."""
        from train.stages import STAGES

        if not STAGES[self._job.stage].has_audio:
            log.warning("stage %s hears no voice: nothing is validated", self._job.stage)
            return
        folder = self._job.out / FOLDER / f"step-{step:06d}"
        shutil.rmtree(folder, ignore_errors=True)  # a killed run's
        names = [self._sample(ref, folder, model) for ref in self._clips.clips]
        metrics = self._scored(folder)
        line = {"step": step, "held_out": self._is_held_out, "clips": names, "metrics": metrics}
        with (self._job.out / RESULTS).open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        (self._job.out / TABLE).write_text(table(read_lines(self._job.out / RESULTS)), encoding="utf-8")
        values = {name: each["value"] for name, each in metrics.items() if each["value"] is not None}
        self._log.numbers(step, values, group="validation")

    def _sample(self, ref: "ClipRef", folder: Path, model: "EmoModel") -> str:
        """Write the sampled clip, and the real one as long and as large beside it."""
        import torch

        from curate.media import CORPUS_FPS, read_frames
        from curate.media_writing import write_video
        from train.dataset import face_mask, picture
        from train.models.presets import PRESETS
        from train.sampling import SamplerSettings, generate
        from train.stages import STAGES
        from train.window_reader import face_series

        config = self._job.config
        n_frames = min(ref.n_frames, round(config.validation.seconds * CORPUS_FPS))
        real = [frame.image for frame in read_frames(self._clips.video(ref), end_s=n_frames / CORPUS_FPS)][:n_frames]
        sound, voice = (read(ref)[: n_frames * 640] for read in (self._clips.audio, self._clips.voice))
        boxes, speed_deg = face_series(self._clips, ref)
        image_px = PRESETS[config.preset].image_px
        frames = generate(
            model,
            reference=picture(real[0], size=image_px),
            face_mask=face_mask(boxes[:n_frames] * image_px, size=image_px),
            samples=voice,
            n_frames=len(real),
            settings=SamplerSettings(steps=config.validation.denoising_steps, seed=config.seed),
            speed_deg=torch.from_numpy(speed_deg[: len(real)]) if STAGES[self._job.stage].has_speed else None,
        )
        side, name = max(LEAST_PX, image_px), f"{ref.clip_id}.mp4"
        made = (((frame + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy() for frame in frames)
        write_video(folder / SYSTEM / name, _scaled(made, side), audio=sound)
        write_video(folder / "real" / name, _scaled(iter(real), side), audio=sound)
        return ref.clip_id

    def _scored(self, folder: Path) -> dict[str, Any]:
        """Return metric -> value, the real clips' own value, and why there is none."""
        settings = self._job.config.validation
        argv = [sys.executable, "-m", "pipelines", "evaluate", "--reference", str(folder / "real"), "--workers", "1"]
        argv += ["--generated", f"{SYSTEM}={folder / SYSTEM}", "--out", str(folder / "scores")]
        argv += ["--metrics", json.dumps(settings.metrics)]
        try:
            ended = subprocess.run(  # noqa: S603 - our own command
                argv,
                env=_environment(self._job),
                capture_output=True,
                text=True,
                timeout=settings.longest_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _unscored(settings.metrics, f"not done after {settings.longest_s:g} s")
        if ended.returncode:
            return _unscored(settings.metrics, (ended.stderr.strip().splitlines() or ["evaluate failed"])[-1])
        found = json.loads((folder / "scores" / "results.json").read_text(encoding="utf-8"))["systems"][SYSTEM]
        return {
            name: {
                "value": each["value"],
                "real": (each.get("reference_value") or each.get("floor") or {}).get("value"),
                "absent": each["absent"],
            }
            for name, each in ((name, found[name]) for name in dict.fromkeys(settings.metrics))
        }


def table(lines: list[dict[str, Any]]) -> str:
    """Return the validations as Markdown: a row a step, a column a metric, the real clips' own values last."""
    if not lines:
        return ""
    names = list(lines[-1]["metrics"])
    rows = [["step", *names], ["---"] * (len(names) + 1)]
    rows += [[str(line["step"]), *(_cell(line["metrics"].get(name), "value") for name in names)] for line in lines]
    rows.append(["real clips", *(_cell(lines[-1]["metrics"][name], "real") for name in names)])
    what = "held-out clips" if lines[-1]["held_out"] else "clips that were trained on (there is no split val)"
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{len(lines[-1]['clips'])} {what}; of a distance, the last row is its real-vs-real floor.\n\n{text}\n"


def _cell(value: Mapping[str, Any] | None, key: str) -> str:
    number = (value or {}).get(key)
    return "-" if number is None else f"{number:.4g}"


def _unscored(metrics: list[str], why: str) -> dict[str, Any]:
    log.warning("validation has no numbers: %s", why)
    return {name: {"value": None, "real": None, "absent": why} for name in metrics}


def _environment(job: "Job") -> dict[str, str]:
    """The scoring is a program on its own: not one of the training's processes."""
    left_out = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    folders, cache = job.weights_folders
    own = {name: value for name, value in os.environ.items() if name not in left_out}
    own |= {"EMOFORGE_WEIGHTS": os.pathsep.join(map(str, folders)), "EMOFORGE_CACHE": str(cache)}
    return own


def _scaled(pictures: "Iterator[NDArray[np.uint8]]", side: int) -> "Iterator[NDArray[np.uint8]]":
    import cv2
    import numpy as np

    for image in pictures:
        yield np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
