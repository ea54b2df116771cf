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
from typing import TYPE_CHECKING, Any

from curate.errors import EmoforgeError
from pipelines.config import option

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.demo_inputs import Drive

log = logging.getLogger(__name__)

STAGES = ("image", "video", "speed")
SAMPLE_CORPUS = "sample_corpus"
SCORES = ["fd_efficientnet_lite0", "fd_expression_mesh", "sync_correlation", "sync_in_place", "identity_similarity"]


@dataclass(frozen=True, kw_only=True)
class StepsConfig:
    """How long each stage is trained."""

    image: int = option(200, "optimiser steps of stage image")
    video: int = option(300, "optimiser steps of stage video")
    speed: int = option(30, "optimiser steps of stage speed")


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """How much of each step the demo does; all else is each command's default."""

    samples: int = option(2, "videos to sample: new words first (with the sample corpus), then clips' own")
    train_clips: int = option(1, "clips to train on, the corpus' first: in minutes a tiny model learns one by heart")
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
    inputs = {"videos": "the sample corpus"} if args.videos is None else _named(args.videos)
    with open_run(args.out, command="demo", config=config, inputs=inputs, seed=config.seed, always=True) as folder:
        steps = Steps(total=6 if args.videos is None else 5)
        sample_corpus = None if args.videos else folder.path / SAMPLE_CORPUS
        outcomes = _curated(args, folder.path, steps)
        drives = _sampled(config, folder.path, sample_corpus, steps)
        with steps.step("evaluate", f"the samples against the corpus, into {folder.path / 'evaluation'}"):
            _evaluate(folder.path)
        _report(folder.path, sample_corpus, drives, outcomes, steps)


def _named(videos: Path) -> dict[str, Any]:
    """Say which videos a run is of: another set in the same folder is refused before anything is done."""
    from curate.sources import list_sources

    files = [Path(entry.uri) for entry in list_sources([str(videos)])]
    return {"videos": str(videos.absolute()), "files": len(files), "bytes": sum(file.stat().st_size for file in files)}


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


def _curated(args: argparse.Namespace, out: Path, steps: Steps) -> "pd.DataFrame":
    """Make or take the videos and curate them into out/corpus; return curate's outcomes."""
    videos = args.videos or out / SAMPLE_CORPUS / "videos"
    if args.videos is None:
        with steps.step("sample corpus", f"videos whose truth is known, into {out / SAMPLE_CORPUS}"):
            _make_corpus(out / SAMPLE_CORPUS)
    with steps.step("curate", f"{videos} into {out / 'corpus'}"):
        _call("curate", videos, "--out", out / "corpus", *_local())
    return _usable(out / "corpus")


def _sampled(config: DemoConfig, out: Path, sample_corpus: Path | None, steps: Steps) -> "list[Drive]":
    """Train on out/corpus and sample into out/samples; return what was sampled."""
    from pipelines.demo_inputs import choose_drives

    with steps.step("train", f"the tiny preset, stages {', '.join(STAGES)}, into {out / 'models'}"):
        _train(config, out)
    drives = choose_drives(
        out / "corpus",
        sample_corpus,
        out / "samples",
        count=config.samples,
        trained_clips=config.train_clips,
        longest_s=config.sample_s,
    )
    with steps.step("sample", f"{len(drives)} videos into {out / 'samples'}"):
        _sample(config, out, drives)
    return drives


def _report(
    out: Path, sample_corpus: Path | None, drives: "list[Drive]", outcomes: "pd.DataFrame", steps: Steps
) -> None:
    """Write the page and the picture, and print the closing summary."""
    from pipelines.demo_report import read_scores, write_page, write_picture
    from pipelines.sample_corpus.truth import compare

    agreement = None if sample_corpus is None else compare(sample_corpus / "manifest.csv", outcomes)
    scores = read_scores(out / "evaluation" / "results.json")
    with steps.step("report", f"{out / 'report.html'} and {out / 'picture.png'}"):
        write_page(
            out / "report.html",
            drives=drives,
            picture=write_picture(out / "picture.png", drives[0], outcomes),
            seconds=steps.seconds,
            agreement=agreement,
            scores=scores,
            losses={stage: out / "models" / stage / "loss.png" for stage in STAGES},
        )
    _summary(out, drives, outcomes, scores, steps)
    if agreement is not None:
        _print_agreement(agreement)


def _check(config: DemoConfig) -> None:
    for name, value in (("samples", config.samples), ("train_clips", config.train_clips), *vars(config.steps).items()):
        if value < 1:
            raise EmoforgeError(f"{name} must be at least 1, not {value}")
    if config.sample_s <= 0:
        raise EmoforgeError(f"sample_s must be above 0, not {config.sample_s}")


def _local() -> tuple[object, ...]:
    return ("--executor", "local", "--workers", os.cpu_count() or 1)


def _call(command: str, *words: object) -> None:
    """Run another command as its own command line would."""
    from pipelines.command_line import run_command

    run_command(command, [str(word) for word in words])


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
    before: tuple[object, ...] = ()
    for stage in STAGES:
        folder = out / "models" / stage
        learned = ("--steps", getattr(config.steps, stage), "--seed", config.seed)
        first = ("--split", "all", "--max_clips", config.train_clips)
        _call("train", "--shards", out / "corpus", "--stage", stage, "--out", folder, *before, *learned, *first)
        before = ("--init-from", folder)


def _sample(config: DemoConfig, out: Path, drives: "list[Drive]") -> None:
    settings = ("--steps", config.denoising_steps, "--seed", config.seed)
    for drive in drives:
        if not drive.video.exists():
            files = ("--portrait", drive.portrait, "--audio", drive.audio, "--out", drive.video)
            _call("sample", "--checkpoint", out / "models" / STAGES[-1], *files, *settings)


def _evaluate(out: Path) -> None:
    places = ("--reference", out / "corpus", "--generated", out / "samples", "--out", out / "evaluation")
    portraits = ("--portraits", out / "samples" / "portraits")
    _call("evaluate", *places, *portraits, "--metrics", f"[{', '.join(SCORES)}]", *_local())


def _summary(out: Path, drives: "list[Drive]", outcomes: "pd.DataFrame", scores: "pd.DataFrame", steps: Steps) -> None:
    kept = f"{int(outcomes.n_clips.sum())} clips kept of {len(outcomes)} videos"
    print(f"\nAll {steps.total} steps are done, in {sum(steps.seconds.values()):.0f} s.\n")
    print(f"  start here   {out / 'report.html'}")
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
