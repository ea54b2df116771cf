"""Measure how well detectors tell generated videos from real ones, as a safety team needs to know it.

Both sides are brought to one form first; then every detector scores them as they came, matched, and under
perturbations. Writes OUT/report.html, scores.parquet (every score), results.json (every number with its interval),
model_card.md and iso_30107_3.csv and .md. With --scores a table of scores from elsewhere takes the place of videos.
"""

import argparse
import dataclasses
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.curate import add_executor_arguments
from pipelines.detect_config import DetectConfig
from pipelines.detect_inputs import (
    check_group_by,
    check_inputs,
    entries_of,
    file_sha256,
    load_asked,
    made_groups,
    read_quality,
    sets_of,
    side_inputs,
    with_groups,
)
from pipelines.detecting import Detecting, clip_tasks, fit_all, score_all, scored_file, with_budget
from pipelines.measuring import Place, Workers, asked_workers, videos_at
from pipelines.stages import Budget

if TYPE_CHECKING:
    import pandas as pd

    from evaluate.detection.detector import Detector
    from evaluate.detection.findings import Findings
    from evaluate.detection.run_table import Clips
    from evaluate.detection.scoring import ClipScores

log = logging.getLogger(__name__)

CONFIG = DetectConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the real set, the generators, the detectors, the perturbations and the output."""
    parser.add_argument("--real", type=Path, metavar="RUN|DIR", help="a curated corpus or a folder of real videos")
    parser.add_argument(
        "--fake",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="a folder or corpus of generated videos; once more for every other generator",
    )
    parser.add_argument(
        "--detectors",
        action="append",
        default=[],
        metavar="D",
        help="all (default), names with commas between, or NAME=cmd:PROGRAM {video}, NAME=http://..., "
        "NAME=py:package.module:function, NAME=deepfakebench:FILE, NAME=hf:FOLDER[#label]; more than once adds up",
    )
    parser.add_argument(
        "--perturb",
        default="none",
        metavar="P",
        help="none (default), quick, standard, full, or names with commas between, e.g. h264,jpeg:q 30",
    )
    parser.add_argument(
        "--quality", type=Path, metavar="E", help="run folder of emoforge evaluate on the same videos, to be joined"
    )
    parser.add_argument(
        "--groups", type=Path, metavar="FILE.csv", help="columns set, clip, and others to make subgroups of"
    )
    parser.add_argument("--scores", type=Path, metavar="FILE", help="CSV or Parquet of scores, instead of videos")
    parser.add_argument("--out", type=Path, required=True, metavar="D", help="run folder to write")
    add_executor_arguments(parser)


def run(args: argparse.Namespace, config: DetectConfig) -> None:
    """Score, compute and write."""
    from pipelines.run_folder import open_run

    check_inputs(args, config)
    if args.scores is not None:
        inputs: dict[str, Any] = {"scores": str(args.scores), "sha256": file_sha256(args.scores, flag="--scores")}
        inputs |= side_inputs(args)
        with open_run(args.out, command="detect", config=config, inputs=inputs, seed=config.seed) as folder:
            if folder.done:
                print(f"done already: {folder.path / 'report.html'}")
                return
            _from_scores(args, config, folder.path)
        return
    _from_videos(args, config)


def _from_scores(args: argparse.Namespace, config: DetectConfig, folder: Path) -> None:
    from evaluate.detection.score_table import read_scores

    table = with_groups(read_scores(args.scores, folds=config.folds, seed=config.seed), args)
    findings = _find(table, config, args, facts={"inputs": {"scores": str(args.scores)}})
    _write(folder, table, findings, {})


def _from_videos(args: argparse.Namespace, config: DetectConfig) -> None:
    from evaluate.detection.perturbing import perturbations
    from evaluate.videos import digest
    from pipelines.run_folder import open_run

    videos_at.cache_clear()  # a folder may have changed since this process last looked
    places = sets_of(args)
    check_group_by(places, config.group_by)
    detectors, missing = load_asked(args, config)
    conditions = perturbations(args.perturb)
    inputs: dict[str, Any] = {
        label: {"place": str(place.path), "sha256": digest(videos_at(place))} for label, place in places.items()
    }
    inputs |= {"detectors": {each.name: each.origin for each in detectors}, "perturb": args.perturb}
    inputs |= side_inputs(args)
    with open_run(args.out, command="detect", config=config, inputs=inputs, seed=config.seed) as folder:
        if folder.done:
            print(f"done already: {folder.path / 'report.html'}")
            return
        detecting = _detecting(args, config, places, folder.path / "work")
        facts: dict[str, object] = {
            "detectors": {each.name: each.origin for each in detectors},
            "missing": {each.name: each.reason for each in missing},
            "inputs": {label: str(place.path) for label, place in places.items()},
            "matching": dataclasses.asdict(config.matching),
            "perturbations": {each.name: each.source for each in conditions if each.source},
        }
        _scored_run(args, config, folder.path, detecting, detectors, facts)
        shutil.rmtree(detecting.work)


def _scored_run(
    args: argparse.Namespace,
    config: DetectConfig,
    folder: Path,
    detecting: Detecting,
    detectors: "Sequence[Detector]",
    facts: Mapping[str, object],
) -> None:
    """Score the clips, fit, and write what was found."""
    from evaluate.detection.run_table import controls_of, score_table, stacked, trivial_table
    from evaluate.detection.shortcuts import probe

    workers = asked_workers(args, wall_s=config.wall_s, memory_gb=config.memory_gb, folder=folder)
    scored = score_all(detecting, workers)
    clips = _clips(detecting, scored, config)
    fits = _fits(detecting, clips, detectors, workers, config)
    for stacker in (each for each in detectors if each.stacks):
        others = [each for each in detectors if not each.stacks]
        fits |= stacked(clips, stacker, others, fits, seed=config.seed)
    table = with_groups(score_table(clips, detectors, fits, groups=made_groups(detecting, scored, config)), args)
    controls = controls_of(clips, detectors, fits, draws=config.draws, seed=config.seed)
    features = trivial_table(clips, [clip.trivial for clip in scored])
    features.to_parquet(folder / "shortcuts.parquet", index=False)
    shortcuts = probe(features, draws=config.draws, seed=config.seed) if len(features) else ()
    findings = _find(table, config, args, facts=facts, shortcuts=shortcuts, controls=controls)
    _write(folder, table, findings, _matched_videos(detecting, findings))


def _fits(
    detecting: Detecting, clips: "Clips", detectors: "Sequence[Detector]", workers: Workers, config: DetectConfig
) -> dict[Any, Any]:
    from evaluate.detection.fitting import purposes
    from evaluate.detection.score_table import REAL

    generators = [label for label in detecting.places if label != REAL]
    wanted = [
        (each.name, purpose)
        for each in detectors
        if each.is_fitted and not each.stacks
        for purpose in purposes(generators)
    ]
    budget = Budget(wall_s=config.fit_wall_s, memory_gb=config.memory_gb)
    found = fit_all(detecting, clips.labelled, wanted, with_budget(workers, budget), seed=config.seed)
    return dict(found)


def _clips(detecting: Detecting, scored: "Sequence[ClipScores]", config: DetectConfig) -> "Clips":
    """The clips with their components and folds."""
    import numpy as np

    from evaluate.detection.components import components_of
    from evaluate.detection.fitting import Labelled
    from evaluate.detection.folds import assign_folds
    from evaluate.detection.run_table import Clips
    from evaluate.detection.score_table import REAL

    tasks = clip_tasks(detecting)
    sets = np.array([task.label for task in tasks])
    is_fake = sets != REAL
    cluster = components_of([clip.marks for clip in scored])
    fold = assign_folds(cluster, is_fake, sets, folds=config.folds, seed=config.seed)
    return Clips(
        names=[task.name for task in tasks],
        labelled=Labelled(set=sets, is_fake=is_fake, cluster=cluster, fold=fold),
        answers=[clip.answers for clip in scored],
    )


def _find(
    table: "pd.DataFrame", config: DetectConfig, args: argparse.Namespace, *, facts: Mapping[str, object], **found: Any
) -> "Findings":
    from evaluate.detection.assemble import find

    return find(
        table,
        quality=read_quality(args.quality),
        facts=facts,
        prevalence=config.prevalence,
        cost_miss=config.cost_miss,
        cost_false_alarm=config.cost_false_alarm,
        draws=config.draws,
        seed=config.seed,
        **found,
    )


def _write(
    folder: Path, table: "pd.DataFrame", findings: "Findings", previews: Mapping[tuple[str, str], bytes]
) -> None:
    from evaluate.detection.artefacts import write_artefacts
    from evaluate.report_detection import write_detection_report

    write_artefacts(folder, table, findings)
    report = write_detection_report(folder, findings, previews=previews)
    for warning in findings.warnings:
        log.warning("%s", warning)
    _summary(findings)
    print(f"\nreport   {report}")


def _summary(findings: "Findings") -> None:
    """Print the AUC of every detector on the matched clips, all generators together, with what abstained."""
    from evaluate.detection.findings import ALL
    from evaluate.detection.score_table import MATCHED

    rows: list[tuple[str, ...]] = [("detector", "AUC, matched", "caught at 10 % false alarms", "no answer")]
    for cell in findings.cells:
        if (cell.condition, cell.generator, cell.fitted_without, cell.subgroup) == (MATCHED, ALL, "", ""):
            silent = f"{cell.abstained_real + cell.abstained_fake} of {cell.n_real + cell.n_fake}"
            shown = [_shown(cell.numbers[name]) for name in ("auc", "tpr_at_fpr_0.1")]
            rows.append((cell.detector, *shown, silent))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _shown(number: Any) -> str:
    if number.value is None:
        return f"– ({number.absent})"
    return f"{number.value:.2f}" + ("" if number.low is None else f" [{number.low:.2f}, {number.high:.2f}]")


def _detecting(args: argparse.Namespace, config: DetectConfig, places: Mapping[str, Place], work: Path) -> Detecting:
    from curate import weights
    from evaluate.detection.matching import Matching

    return Detecting(
        places=places,
        detectors=entries_of(args),
        perturb=args.perturb,
        matching=Matching(**dataclasses.asdict(config.matching)),
        answer_s=config.answer_s,
        work=work.absolute(),
        weights_folders=weights.folders(),
    )


def _matched_videos(detecting: Detecting, findings: "Findings") -> dict[tuple[str, str], bytes]:
    """The matched videos of the clips that the report plays."""
    from evaluate.report_detection import clips_to_show

    wanted = set(clips_to_show(findings))
    files = {
        (task.label, task.name): scored_file(detecting, task).with_suffix(".mp4")
        for task in clip_tasks(detecting)
        if (task.label, task.name) in wanted
    }
    return {clip: file.read_bytes() for clip, file in files.items() if file.exists()}
