"""Score generated videos against real ones: set distances with their real-vs-real floor, sync, identity, and more.

Several systems stand side by side when --generated is given more than once. Writes OUT/results.json and
results.parquet, clips.parquet (one row a clip, with what failed and why), table.md, table.tex and report.html. A metric
whose weights are missing is skipped and says how to get them; the others stand.
"""

import argparse
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import EmoforgeError, WeightsError
from pipelines.config import option
from pipelines.curate import add_executor_arguments
from pipelines.measuring import Measuring, Place, asked_workers, measure_all, videos_at
from pipelines.video_sets import named_places

if TYPE_CHECKING:
    from evaluate.evaluation import Plan
    from evaluate.system import System

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Which numbers, from how many frames."""

    protocol: str = option("emo", "named settings: a file of evaluate/protocols, e.g. emo, pytorch-fid, stylegan-v")
    metrics: list[str] | None = option(
        None, "metrics in the report's order, files of evaluate/metrics, instead of the protocol's"
    )
    max_frames: int | None = option(None, "most frames of a clip that distances look at, instead of the protocol's")
    wall_s: float = option(1_800.0, "longest measuring of one clip, seconds; beyond it the clip counts as failed")
    memory_gb: float = option(4.0, "most memory that measuring one clip may take, GiB")


CONFIG = EvaluateConfig
STATISTICS = "statistics.npz"
ENOUGH = 30  # clips, below which the report warns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the real set, the systems, the portraits and the output."""
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="RUN|DIR|FILE.npz",
        help="a curated corpus, a folder of real videos, or statistics that --save-statistics wrote",
    )
    parser.add_argument(
        "--split",
        default="auto",
        choices=["auto", "train", "val", "test", "all"],
        help=f"clips of a corpus to compare with (default: its test split if that has {ENOUGH} clips, else all)",
    )
    parser.add_argument(
        "--generated",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="a folder of generated videos; once more for every other system",
    )
    parser.add_argument(
        "--portraits",
        type=Path,
        metavar="DIR",
        help="pictures that identity is compared with, paired by name: clip.mp4 with clip.png "
        "(default: the reference clip of the same name, else the clip's own first frame)",
    )
    parser.add_argument("--out", type=Path, metavar="E", help="run folder to write")
    parser.add_argument(
        "--save-statistics",
        action="store_true",
        help="measure the reference alone and leave E/statistics.npz, to be given as --reference later",
    )
    parser.add_argument(
        "--accept",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="CLIPS",
        help="run every known answer and parity check that the weights here allow, say what is proven, and end; "
        "CLIPS is a folder with published clips, such as mocha_headphones.avi",
    )
    add_executor_arguments(parser)


def run(args: argparse.Namespace, config: EvaluateConfig) -> None:
    """Measure all sets, compute the metrics and write the results into the run folder."""
    from evaluate.system import REFERENCE
    from evaluate.videos import digest
    from pipelines.evaluation_results import compute_systems, write_statistics
    from pipelines.run_folder import open_run

    if args.accept is not None:
        _accept(args.accept)
        return
    _check(args)
    videos_at.cache_clear()  # a folder may have changed since this process last looked
    metrics, max_frames = _settings(config)
    places = _places(args)
    plan = _plan(metrics)
    inputs: dict[str, Any] = {
        label: {"place": str(place.path), "split": place.split, "sha256": digest(videos_at(place))}
        for label, place in places.items()
    }
    inputs |= {"portraits": _text(args.portraits), "statistics": _stored(args)}
    with open_run(args.out, command="evaluate", config=config, inputs=inputs) as folder:
        if folder.done:
            print(f"done already: {folder.path / 'report.html'}")
            return
        measuring = _measuring(places, plan, max_frames, folder.path / "work")
        measured = measure_all(
            measuring, asked_workers(args, wall_s=config.wall_s, memory_gb=config.memory_gb, folder=folder.path)
        )
        if args.save_statistics:
            features = write_statistics(folder.path / STATISTICS, measuring, measured[REFERENCE])
            print(f"statistics of {', '.join(features)}: {folder.path / STATISTICS}")
        else:
            stored = args.reference if _stored(args) else None
            systems = compute_systems(measuring, measured, portraits=args.portraits, statistics=stored)
            _write(folder.path, systems, inputs, _local_files(places))
        shutil.rmtree(measuring.work)


def _write(
    folder: Path, systems: "list[System]", inputs: dict[str, Any], files: Mapping[tuple[str, str], Path]
) -> None:
    from evaluate.artefacts import write_artefacts
    from evaluate.report import write_report
    from evaluate.report_clips import preview_tasks
    from pipelines.previews import make_previews

    write_artefacts(folder, systems, inputs=inputs)
    tasks = preview_tasks(systems, files)
    made = make_previews(list(tasks.values()), log_file=folder / "workers.log", all_s=60.0) if tasks else {}
    previews = {clip: made[task.clip_id] for clip, task in tasks.items() if task.clip_id in made}
    report = write_report(folder, systems, inputs=inputs, places=files, previews=previews)
    _summary(systems, report)


def _check(args: argparse.Namespace) -> None:
    """Say what is missing, as argparse would."""
    for name in ("reference", "out"):
        if getattr(args, name) is None:
            raise EmoforgeError(f"--{name} is needed (or --accept alone); see emoforge evaluate --help")
    if bool(args.generated) == args.save_statistics:
        raise EmoforgeError("give --generated DIR, or --save-statistics to measure the reference alone")
    if args.save_statistics and _stored(args):
        raise EmoforgeError(f"{args.reference} is statistics already")


def _stored(args: argparse.Namespace) -> str | None:
    """Return the address of the stored statistics that stand for the reference."""
    return str(args.reference) if args.reference.suffix == ".npz" else None


def _accept(clips: Path) -> None:
    """Print what every check said; EmoforgeError when one failed."""
    from evaluate.acceptance import verdicts

    failed = 0
    for verdict in verdicts(clips):
        failed += verdict.state == "failed"
        print(f"{verdict.state:<11} {verdict.name}: {verdict.said}")
    if failed:
        raise EmoforgeError(f"{failed} checks failed: numbers of this machine are not to be trusted")


def _settings(config: EvaluateConfig) -> tuple[list[str], int | None]:
    """Return the metrics and the most frames of a clip: the protocol's, unless the user says otherwise."""
    from evaluate.protocols.contract import load

    protocol = load(config.protocol)
    metrics = list(protocol.metrics if config.metrics is None else dict.fromkeys(config.metrics))
    max_frames = protocol.max_frames if config.max_frames is None else config.max_frames
    if not metrics:
        raise EmoforgeError("metrics is empty: name at least one file of evaluate/metrics")
    if max_frames is not None and max_frames < 2:
        raise EmoforgeError(f"max_frames must be 2 or more, not {max_frames}")
    return metrics, max_frames


def _places(args: argparse.Namespace) -> dict[str, Place]:
    """Return where every set lies, by name, the real one first; EmoforgeError for a name given twice."""
    from evaluate.system import REFERENCE

    places = {}
    if not _stored(args):
        places[REFERENCE] = Place(path=args.reference.absolute(), split=_split(args.reference, args.split))
    places |= named_places(args.generated, flag="--generated", taken=(REFERENCE, "portraits"))
    for place in places.values():
        videos_at(place)
    return places


def _split(reference: Path, wanted: str) -> str | None:
    """Return the split of a corpus to compare with, None for all of it."""
    from evaluate.videos import n_in_split

    if wanted != "auto":
        return None if wanted == "all" else wanted
    return "test" if n_in_split(reference, "test") >= ENOUGH else None


def _plan(metrics: list[str]) -> "Plan":
    """Fetch the default stack's weights, then plan; what isn't here makes its metrics absent, with the reason.

    Other weights have licences and sizes that the user must want: `emoforge weights fetch NAME` gets those.
    """
    from curate import weights
    from evaluate.evaluation import plan, required_weights

    for name in set(required_weights(metrics)) & set(weights.embedded()):
        try:
            weights.fetch(name)
        except WeightsError as error:
            log.warning("%s", error)
    planned = plan(metrics)
    if len(planned.absent) == len(planned.metrics):
        raise EmoforgeError(f"no metric has its weights: {next(iter(planned.absent.values()))}")
    return planned


def _measuring(places: Mapping[str, Place], plan: "Plan", max_frames: int | None, work: Path) -> Measuring:
    from curate import weights
    from evaluate.system import REFERENCE

    for label in places:
        (work / label).mkdir(parents=True, exist_ok=True)
    return Measuring(
        places=places,
        reference=REFERENCE,
        work=work.absolute(),
        plan=plan,
        max_frames=max_frames,
        weights_folders=weights.folders(),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _local_files(places: Mapping[str, Place]) -> dict[tuple[str, str], Path]:
    """Return (set, clip) -> its file, for those that are files of their own."""
    return {
        (label, video.name): video.path
        for label, place in places.items()
        for video in videos_at(place)
        if video.path is not None
    }


def _summary(systems: "list[System]", report: Path) -> None:
    """Print the leaderboard, and why what is absent is."""
    from evaluate.tables import leaderboard

    rows = leaderboard(systems)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    why: dict[str, list[str]] = {}
    for result in (result for system in systems for result in system.results if result.absent):
        if result.title not in why.setdefault(str(result.absent), []):
            why[str(result.absent)].append(result.title)
    print("".join(f"\nno {', '.join(titles)}: {reason}" for reason, titles in why.items()), end="\n" if why else "")
    print(f"\nreport   {report}")
