"""The whole path in one command: videos, curate, train, sample, evaluate, one report.

Without --videos it renders a sample corpus whose truth is known, and ends by saying how many of curate's decisions
agree with it. Running it again re-uses what is done.
"""

import argparse
import contextlib
import io
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from curate.errors import EmoforgeError
from pipelines.config import option

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.demo_inputs import Drive

log = logging.getLogger(__name__)

STAGES = ("image", "video", "speed")


@dataclass(frozen=True, kw_only=True)
class StepsConfig:
    """How long each stage is trained."""

    image: int = option(300, "optimiser steps of stage image")
    video: int = option(150, "optimiser steps of stage video")
    speed: int = option(40, "optimiser steps of stage speed")


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """How much of each step the demo does; all else is each command's default."""

    samples: int = option(3, "videos to sample: new words first (with the sample corpus), then kept clips")
    sample_s: float = option(4.0, "longest sampled video, seconds")
    denoising_steps: int = option(10, "denoising steps of a sampled video")
    seed: int = option(0, "of training and sampling")
    steps: StepsConfig = field(default_factory=StepsConfig)


CONFIG = DemoConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the videos and where everything goes."""
    parser.add_argument("--videos", type=Path, metavar="DIR", help="your own videos (default: a sample corpus)")
    parser.add_argument(
        "--out", type=Path, default=Path("demo_run"), metavar="RUN", help="folder for everything (default: demo_run)"
    )


def run(args: argparse.Namespace, config: DemoConfig) -> None:
    """Run every step that is not done yet, then say where each result is."""
    from pipelines.run_folder import open_run

    _check(config)
    inputs = {"videos": str(args.videos.absolute()) if args.videos else "the sample corpus"}
    with open_run(args.out, command="demo", config=config, inputs=inputs, seed=config.seed, always=True) as folder:
        steps = Steps(total=6 if args.videos is None else 5)
        _run_steps(args, config, folder.path, steps)


@dataclass
class Steps:
    """Announces each step and keeps its time."""

    total: int
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Print one line before and one after; what the step itself prints goes to the log."""
        print(f"[{len(self.seconds) + 1}/{self.total}] {name}: {what}", flush=True)
        began, said = time.monotonic(), io.StringIO()
        with contextlib.redirect_stdout(said):
            yield
        self.seconds[name] = time.monotonic() - began
        log.info("%s said:\n%s", name, said.getvalue())
        print(f"      done in {self.seconds[name]:.0f} s", flush=True)


def _run_steps(args: argparse.Namespace, config: DemoConfig, out: Path, steps: Steps) -> None:
    from pipelines.demo_inputs import choose_drives

    corpus_folder = None if args.videos else out / "sample_corpus"
    if corpus_folder is not None:
        with steps.step("sample corpus", f"videos whose truth is known, into {corpus_folder}"):
            _make_corpus(corpus_folder)
    videos = args.videos or out / "sample_corpus" / "videos"
    with steps.step("curate", f"{videos} into {out / 'corpus'}"):
        _call("curate", sources=[str(videos)], out=out / "corpus", **_local())
    outcomes = _usable(out / "corpus")
    with steps.step("train", f"the tiny preset, stages {', '.join(STAGES)}, into {out / 'models'}"):
        _train(config, out)
    drives = choose_drives(
        out / "corpus", corpus_folder, out / "samples", count=config.samples, longest_s=config.sample_s
    )
    with steps.step("sample", f"{len(drives)} videos into {out / 'samples'}"):
        _sample(config, out, drives)
    with steps.step("evaluate", f"the samples against the corpus, into {out / 'evaluation'}"):
        _evaluate(out)
    _report(out, corpus_folder, drives, outcomes, steps)


def _check(config: DemoConfig) -> None:
    for name, value in (("samples", config.samples), *vars(config.steps).items()):
        if value < 1:
            raise EmoforgeError(f"{name} must be at least 1, not {value}")
    if config.sample_s <= 0:
        raise EmoforgeError(f"sample_s must be above 0, not {config.sample_s}")


def _local() -> dict[str, Any]:
    return {"executor": "local", "ray_address": None, "workers": os.cpu_count() or 1}


def _call(command: str, *, settings: dict[str, Any] | None = None, **arguments: Any) -> None:
    """Run another command as its own command line would, with `settings` over its defaults."""
    import importlib

    module: ModuleType = importlib.import_module(f"pipelines.{command}")
    module.run(argparse.Namespace(**arguments), module.CONFIG(**(settings or {})))


def _make_corpus(folder: Path) -> None:
    from pipelines.progress import progress
    from pipelines.sample_corpus.scenes import SCENES
    from pipelines.sample_corpus.write import make_sample_corpus

    made = make_sample_corpus(folder, scenes=SCENES, workers=os.cpu_count() or 1)
    for _ in progress(made, "render", total=len(SCENES), unit="video"):
        pass


def _usable(corpus: Path) -> "pd.DataFrame":
    """Curate's outcomes; an EmoforgeError that says why each video was refused when no clip was kept."""
    import pandas as pd

    outcomes = pd.read_parquet(corpus / "outcomes.parquet")
    if (outcomes.n_clips > 0).any():
        return outcomes
    refused = [
        f"  {Path(str(row.uri)).name}: {row.outcome}, {row.reason}. {row.error}" for row in outcomes.itertuples()
    ]
    raise EmoforgeError(
        f"none of the {len(outcomes)} videos has a clip that can be trained on:\n" + "\n".join(refused) + "\n"
        f"See {corpus / 'report.html'}; other thresholds: emoforge curate --help (keep)."
    )


def _train(config: DemoConfig, out: Path) -> None:
    before: Path | None = None
    for stage in STAGES:
        folder = out / "models" / stage
        _call(
            "train",
            settings={"steps": getattr(config.steps, stage), "seed": config.seed},
            shards=out / "corpus",
            stage=stage,
            out=folder,
            init_from=before,
            resume=any(folder.glob("step-*")),
        )
        before = folder


def _sample(config: DemoConfig, out: Path, drives: "list[Drive]") -> None:
    settings = {"steps": config.denoising_steps, "seed": config.seed}
    for drive in drives:
        if not drive.video.exists():
            _call(
                "sample",
                settings=settings,
                checkpoint=out / "models" / STAGES[-1],
                portrait=drive.portrait,
                audio=drive.audio,
                out=drive.video,
            )


def _evaluate(out: Path) -> None:
    places: dict[str, Any] = {
        "reference": out / "corpus",
        "generated": out / "samples",
        "portraits": out / "samples" / "portraits",
    }
    _call("evaluate", **places, out=out / "evaluation", **_local())


def _report(out: Path, corpus: Path | None, drives: "list[Drive]", outcomes: "pd.DataFrame", steps: Steps) -> None:
    from pipelines.demo_report import read_scores, write_page, write_picture
    from pipelines.sample_corpus.truth import compare

    agreement = None if corpus is None else compare(corpus / "manifest.csv", outcomes)
    scores = read_scores(out / "evaluation" / "results.json")
    page = write_page(
        out / "report.html",
        drives=drives,
        picture=write_picture(out / "picture.png", drives[0], outcomes),
        seconds=steps.seconds,
        agreement=agreement,
        scores=scores,
        losses={stage: out / "models" / stage / "loss.png" for stage in STAGES},
    )
    _summary(out, page, drives, outcomes, scores, steps)
    if agreement is not None:
        _print_agreement(agreement)


def _summary(
    out: Path, page: Path, drives: "list[Drive]", outcomes: "pd.DataFrame", scores: "pd.DataFrame", steps: Steps
) -> None:
    kept = f"{int(outcomes.n_clips.sum())} clips kept of {len(outcomes)} videos"
    print(f"\nAll {steps.total} steps are done, in {sum(steps.seconds.values()):.0f} s.\n")
    print(f"  start here   {page}")
    print(f"  corpus       {out / 'corpus' / 'report.html'}   {kept}")
    print(f"  model        {out / 'models' / STAGES[-1]}")
    print(f"  samples      {', '.join(str(drive.video) for drive in drives)}")
    print(f"  evaluation   {out / 'evaluation' / 'report.html'}")
    print(f"  picture      {out / 'picture.png'}\n")
    print(scores.to_string(index=False))
    print(
        "\nNext\n"
        f"  emoforge sample --checkpoint {out / 'models' / STAGES[-1]} --portrait P.png --audio A.wav --out talk.mp4\n"
        "  emoforge demo --videos FOLDER --out my_run        the same with your own videos\n"
        f"  emoforge select {out / 'corpus'} --keep.sharpness.min 30 --out corpus2        decide anew, no video opened"
    )


def _print_agreement(table: "pd.DataFrame") -> None:
    print(f"\n{int(table.agrees.sum())} of {len(table)} of curate's decisions agree with the sample corpus's truth.")
    for row in table[~table.agrees].itertuples():
        print(f"  {row.file} ({row.what}): expected {row.expected}; decided {row.decided}")
    for row in table[table.note != ""].itertuples():
        print(f"  known limit: {row.file} {row.note}")
