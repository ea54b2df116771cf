"""Measure how well detectors tell generated videos from real ones, as a safety team needs to know it.

Both sides are brought to one form first; then every detector scores them as they came, matched, and under
perturbations. Writes OUT/report.html, scores.parquet (every score), results.json (every number with its interval),
model_card.md and iso_30107_3.csv and .md. With --scores a table of scores from elsewhere takes the place of videos.
"""

import argparse
import dataclasses
import hashlib
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import ConfigError, EmoforgeError
from pipelines.curate import add_executor_arguments
from pipelines.detect_config import DetectConfig
from pipelines.detecting import Detecting, clip_tasks, fit_all, score_all, scored_file, with_budget
from pipelines.measuring import Place, Workers, videos_at
from pipelines.stages import Budget
from pipelines.video_sets import named_places

if TYPE_CHECKING:
    import pandas as pd

    from evaluate.detection.detector import Detector
    from evaluate.detection.findings import Findings
    from evaluate.detection.loading import Missing
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

    _check(args, config)
    if args.scores is not None:
        inputs: dict[str, Any] = {"scores": str(args.scores), "sha256": _sha256(args.scores)} | _side_inputs(args)
        with open_run(args.out, command="detect", config=config, inputs=inputs, seed=config.seed) as folder:
            if folder.done:
                print(f"done already: {folder.path / 'report.html'}")
                return
            _from_scores(args, config, folder.path)
        return
    _from_videos(args, config)


def _from_scores(args: argparse.Namespace, config: DetectConfig, folder: Path) -> None:
    from evaluate.detection.score_table import read_scores

    table = read_scores(args.scores, folds=config.folds, seed=config.seed)
    findings = _find(_grouped(table, args), config, args, facts={"inputs": {"scores": str(args.scores)}})
    _write(folder, table, findings, {})


def _from_videos(args: argparse.Namespace, config: DetectConfig) -> None:
    from evaluate.detection.perturbing import perturbations
    from evaluate.videos import digest
    from pipelines.run_folder import open_run

    videos_at.cache_clear()  # a folder may have changed since this process last looked
    places = _places(args)
    detectors, missing = _detectors(args, config)
    conditions = perturbations(args.perturb)
    inputs: dict[str, Any] = {
        label: {"place": str(place.path), "sha256": digest(videos_at(place))} for label, place in places.items()
    }
    inputs |= {"detectors": {each.name: each.origin for each in detectors}, "perturb": args.perturb}
    inputs |= _side_inputs(args)
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

    workers = _workers(args, config, folder)
    scored = score_all(detecting, workers)
    clips = _clips(detecting, scored, config)
    fits = _fits(detecting, clips, detectors, workers, config)
    for stacker in (each for each in detectors if each.stacks):
        others = [each for each in detectors if not each.stacks]
        fits |= stacked(clips, stacker, others, fits, seed=config.seed)
    table = score_table(clips, detectors, fits, groups=_made_groups(detecting, scored, config))
    controls = controls_of(clips, detectors, fits, draws=config.draws, seed=config.seed)
    features = trivial_table(clips, [clip.trivial for clip in scored])
    features.to_parquet(folder / "shortcuts.parquet", index=False)
    shortcuts = probe(features, draws=config.draws, seed=config.seed) if len(features) else ()
    findings = _find(_grouped(table, args), config, args, facts=facts, shortcuts=shortcuts, controls=controls)
    _write(folder, table, findings, _matched_videos(detecting, findings))


def _fits(
    detecting: Detecting, clips: "Clips", detectors: "Sequence[Detector]", workers: Workers, config: DetectConfig
) -> dict[Any, Any]:
    from evaluate.detection.fitting import purposes

    generators = [label for label in detecting.places if label != _real()]
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

    tasks = clip_tasks(detecting)
    sets = np.array([task.label for task in tasks])
    is_fake = sets != _real()
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
        quality=_quality(args.quality),
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


def _check(args: argparse.Namespace, config: DetectConfig) -> None:
    """Say what is missing or doesn't go together, before anything is scored."""
    videos = args.real is not None or bool(args.fake)
    if (args.scores is not None) == videos:
        raise EmoforgeError("give --real and --fake, or --scores alone; see emoforge detect --help")
    if args.scores is not None and (args.detectors or args.perturb != "none"):
        raise EmoforgeError("--scores are scores already: --detectors and --perturb don't go with them")
    if args.scores is None and (args.real is None or not args.fake):
        raise EmoforgeError("both sides are needed: --real DIR and at least one --fake NAME=DIR")
    for name, low, high in (("prevalence", 0.0, 1.0), ("cost_miss", 0.0, 1e12), ("cost_false_alarm", 0.0, 1e12)):
        if not low <= getattr(config, name) <= high:
            raise ConfigError(f"{name} must be from {low:g} to {high:g}, not {getattr(config, name)}")
    if config.folds < 2 or config.draws < 100:
        raise ConfigError(f"folds must be 2 or more and draws 100 or more, not {config.folds} and {config.draws}")
    _check_matching(config)


def _check_matching(config: DetectConfig) -> None:
    form = config.matching
    if form.size_px < 64 or form.size_px > 2048 or form.size_px % 2:
        raise ConfigError(f"matching.size_px must be even and from 64 to 2048, not {form.size_px}")
    if not (1 <= form.face_scale <= 4 and 1 <= form.max_s <= 60 and 0 <= form.crf <= 51):
        raise ConfigError(
            "matching needs face_scale from 1 to 4, max_s from 1 to 60 and crf from 0 to 51, not "
            f"{form.face_scale}, {form.max_s} and {form.crf}"
        )
    if not 1_000 <= form.cut_hz < 8_000:
        raise ConfigError(f"matching.cut_hz must be from 1000 to under 8000, not {form.cut_hz}")


def _places(args: argparse.Namespace) -> dict[str, Place]:
    from evaluate.detection.findings import ALL

    places = {_real(): Place(path=args.real.absolute())}
    places |= named_places(args.fake, flag="--fake", taken=(_real(), ALL, "fits"))
    for place in places.values():
        videos_at(place)
    return places


def _detectors(args: argparse.Namespace, config: DetectConfig) -> "tuple[list[Detector], list[Missing]]":
    """Fetch the default stack's weights, then load; what isn't here is said, and the others go on."""
    from curate import plugins, weights
    from curate.errors import WeightsError
    from evaluate.detection.loading import PACKAGE, load_detectors
    from evaluate.detection.trivial_features import WEIGHTS

    spec = _spec(args)
    names = plugins.names(PACKAGE)
    wanted = set(names if "all" in spec else [name for name in spec if name in names])
    for name in sorted({*plugins.weights_of(PACKAGE, sorted(wanted)), *WEIGHTS} & set(weights.embedded())):
        try:
            weights.fetch(name)
        except WeightsError as error:
            log.warning("%s", error)
    found, missing = load_detectors(spec, limit_s=config.answer_s)
    for each in missing:
        log.warning("%s is left out: %s", each.name, each.reason)
    if not found:
        raise EmoforgeError(f"no detector can be run here: {missing[0].reason}")
    return found, missing


def _spec(args: argparse.Namespace) -> tuple[str, ...]:
    """An entry with = is one detector, whatever commas its command holds; others are names with commas between."""
    entries = [
        part.strip()
        for text in args.detectors or ["all"]
        for part in ([text] if "=" in text.split(",")[0] else text.split(","))
    ]
    return tuple(entry for entry in entries if entry)


def _detecting(args: argparse.Namespace, config: DetectConfig, places: Mapping[str, Place], work: Path) -> Detecting:
    from curate import weights
    from evaluate.detection.matching import Matching

    return Detecting(
        places=places,
        detectors=_spec(args),
        perturb=args.perturb,
        matching=Matching(**dataclasses.asdict(config.matching)),
        answer_s=config.answer_s,
        work=work.absolute(),
        weights_folders=weights.folders(),
    )


def _workers(args: argparse.Namespace, config: DetectConfig, folder: Path) -> Workers:
    return Workers(
        count=args.workers,
        budget=Budget(wall_s=config.wall_s, memory_gb=config.memory_gb),
        executor=args.executor,
        ray_address=args.ray_address,
        log_file=folder / "workers.log",
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


def _made_groups(detecting: Detecting, scored: "Sequence[ClipScores]", config: DetectConfig) -> "pd.DataFrame":
    """Columns of subgroups that every run has, and those of the corpus that `group_by` names."""
    import pandas as pd

    from evaluate.detection.score_table import ORIGINAL

    rows = []
    for task, clip in zip(clip_tasks(detecting), scored, strict=True):
        features = clip.trivial.get(ORIGINAL, {})
        row: dict[str, Any] = {"height_px": features.get("height"), "has_sound": bool(features.get("audio_rate_hz"))}
        rows.append(row | _corpus_columns(detecting, task.label, task.number, config.group_by))
    return pd.DataFrame(rows)


def _corpus_columns(detecting: Detecting, label: str, number: int, columns: Sequence[str]) -> dict[str, Any]:
    video = videos_at(detecting.places[label])[number]
    if not columns or video.corpus is None or video.ref is None:
        return {}
    try:
        return video.corpus.row(video.ref, columns)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"group_by: {detecting.places[label].path} has not all of {', '.join(columns)}") from error


def _grouped(table: "pd.DataFrame", args: argparse.Namespace) -> "pd.DataFrame":
    """The table with the columns of --groups."""
    if args.groups is None:
        return table
    groups = _read_csv(args.groups)
    for name in ("set", "clip"):
        if name not in groups.columns:
            raise ConfigError(f"{args.groups} has no column {name!r}; it needs set, clip, and columns to group by")
    if clash := sorted((set(groups.columns) & set(table.columns)) - {"set", "clip"}):
        raise ConfigError(f"{args.groups}: the scores have a column {clash[0]!r} already; give it another name")
    if groups.duplicated(["set", "clip"]).any():
        first = groups[groups.duplicated(["set", "clip"])].iloc[0]
        raise ConfigError(f"{args.groups} names the clip {first['clip']!r} of {first['set']!r} twice")
    return table.merge(groups, on=["set", "clip"], how="left")


def _read_csv(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, dtype={"set": str, "clip": str})
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read as a CSV: {error}") from error


def _quality(place: Path | None) -> "pd.DataFrame | None":
    import pandas as pd

    if place is None:
        return None
    file = place / "clips.parquet" if place.is_dir() else place
    try:
        table = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--quality {place}: {file} can't be read; give a run folder of emoforge evaluate") from error
    if not {"system", "name"} <= set(table.columns):
        raise ConfigError(f"--quality {place}: {file} has no columns system and name; emoforge evaluate writes them")
    return table


def _side_inputs(args: argparse.Namespace) -> dict[str, Any]:
    files = {"quality": args.quality, "groups": args.groups}
    return {name: None if path is None else str(path) for name, path in files.items()}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmoforgeError(f"--scores {path} can't be read: {error.strerror}") from error


def _real() -> str:
    from evaluate.detection.score_table import REAL

    return REAL
