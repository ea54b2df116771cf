"""What `emoforge detect` is given, checked before anything is scored: sets, detectors, groups, quality numbers."""

import argparse
import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import ConfigError, EmoforgeError
from pipelines.detect_config import DetectConfig
from pipelines.detecting import Detecting, clip_tasks
from pipelines.measuring import Place, videos_at
from pipelines.video_sets import named_places

if TYPE_CHECKING:
    import pandas as pd

    from evaluate.detection.detector import Detector
    from evaluate.detection.loading import Missing
    from evaluate.detection.scoring import ClipScores

log = logging.getLogger(__name__)


def check_inputs(args: argparse.Namespace, config: DetectConfig) -> None:
    """Say what is missing or doesn't go together, before anything is scored."""
    videos = args.real is not None or bool(args.fake)
    if (args.scores is not None) == videos:
        raise EmoforgeError("give --real and --fake, or --scores alone; see emoforge detect --help")
    if args.scores is not None and (args.detectors or args.perturb != "none"):
        raise EmoforgeError("--scores are scores already: --detectors and --perturb don't go with them")
    if args.scores is None and (args.real is None or not args.fake):
        raise EmoforgeError("both sides are needed: --real DIR and at least one --fake NAME=DIR")
    _check_numbers(config)
    _check_matching(config)
    _read_groups(args.groups)
    read_quality(args.quality)


def _check_numbers(config: DetectConfig) -> None:
    for name, low, high in (("prevalence", 0.0, 1.0), ("cost_miss", 0.0, 1e12), ("cost_false_alarm", 0.0, 1e12)):
        if not low <= getattr(config, name) <= high:
            raise ConfigError(f"{name} must be from {low:g} to {high:g}, not {getattr(config, name)}")
    if config.seed < 0:
        raise ConfigError(f"seed must be 0 or more, not {config.seed}")
    for name in ("answer_s", "wall_s", "fit_wall_s", "memory_gb"):
        if not 0 < getattr(config, name) < 1e9:
            raise ConfigError(f"{name} must be more than 0, not {getattr(config, name)}")
    if config.folds < 2 or config.draws < 100:
        raise ConfigError(f"folds must be 2 or more and draws 100 or more, not {config.folds} and {config.draws}")


def _check_matching(config: DetectConfig) -> None:
    form = config.matching
    if form.size_px < 64 or form.size_px > 2048 or form.size_px % 2:
        raise ConfigError(f"matching.size_px must be even and from 64 to 2048, not {form.size_px}")
    bounds = {"face_scale": (1, 4), "round_at": (0.4, 1), "max_s": (1, 60), "crf": (0, 51), "level_db": (-60, 0)}
    for name, (low, high) in bounds.items():
        if not low <= getattr(form, name) <= high:
            raise ConfigError(f"matching.{name} must be from {low} to {high}, not {getattr(form, name)}")
    if not 1_000 <= form.cut_hz < 8_000:
        raise ConfigError(f"matching.cut_hz must be from 1000 to under 8000, not {form.cut_hz}")


def sets_of(args: argparse.Namespace) -> dict[str, Place]:
    """Where the real set and every generator's lie; EmoforgeError for one without a video."""
    from evaluate.detection.findings import ALL
    from evaluate.detection.score_table import REAL

    places = {REAL: Place(path=args.real.absolute())}
    places |= named_places(args.fake, flag="--fake", taken=(REAL, ALL, "fits"))
    for label, place in places.items():
        if args.out.resolve().is_relative_to(place.path.resolve()):
            raise EmoforgeError(f"--out {args.out} lies among the videos of {label}, {place.path}; give another folder")
        videos_at(place)
    return places


def load_asked(args: argparse.Namespace, config: DetectConfig) -> "tuple[list[Detector], list[Missing]]":
    """Fetch the default stack's weights, then load; what isn't here is said, and the others go on."""
    from curate import plugins, weights
    from curate.errors import WeightsError
    from evaluate.detection.loading import PACKAGE, load_detectors
    from evaluate.detection.trivial_features import WEIGHTS

    spec = entries_of(args)
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


def entries_of(args: argparse.Namespace) -> tuple[str, ...]:
    """An entry with = is one detector, whatever commas its command holds; others are names with commas between."""
    entries = [
        part.strip()
        for text in args.detectors or ["all"]
        for part in ([text] if "=" in text.split(",")[0] else text.split(","))
    ]
    return tuple(entry for entry in entries if entry)


def made_groups(detecting: Detecting, scored: "Sequence[ClipScores]", config: DetectConfig) -> "pd.DataFrame":
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
    return video.corpus.row(video.ref, columns)


def check_group_by(places: Mapping[str, Place], columns: Sequence[str]) -> None:
    """ConfigError for columns that the corpora among the sets don't have, before anything is scored."""
    corpora = [(place, video) for place in places.values() if (video := videos_at(place)[0]).corpus is not None]
    if columns and not corpora:
        raise ConfigError(f"group_by: {', '.join(columns)} are columns of a corpus, and none of the sets is one")
    for place, video in corpora:
        held = video.corpus.row(video.ref, columns) if video.corpus and video.ref and columns else {}
        if lacking := [name for name in columns if name not in held]:
            raise ConfigError(f"group_by: {place.path} has no column {', '.join(lacking)}; see its shards' columns")
        if nested := [name for name, value in held.items() if isinstance(value, dict | list | bytes)]:
            raise ConfigError(f"group_by: {', '.join(nested)} of {place.path} holds no single value a clip")


def with_groups(table: "pd.DataFrame", args: argparse.Namespace) -> "pd.DataFrame":
    """The table with the columns of --groups."""
    groups = _read_groups(args.groups)
    if groups is None:
        return table
    if clash := sorted((set(groups.columns) & set(table.columns)) - {"set", "clip"}):
        raise ConfigError(f"{args.groups}: the scores have a column {clash[0]!r} already; give it another name")
    if table.merge(groups, on=["set", "clip"]).empty:
        first = groups.iloc[0] if len(groups) else {"clip": "", "set": ""}
        raise ConfigError(
            f"{args.groups} names no clip that was scored: {first['clip']!r} of {first['set']!r} is its first, "
            f"{table['clip'].iloc[0]!r} of {table['set'].iloc[0]!r} that of the scores"
        )
    unknown = len(groups) - len(groups.merge(table[["set", "clip"]].drop_duplicates(), on=["set", "clip"]))
    if unknown:
        log.warning("%s: %d of its %d rows are of clips that were not scored", args.groups, unknown, len(groups))
    return table.merge(groups, on=["set", "clip"], how="left")


def _read_groups(path: Path | None) -> "pd.DataFrame | None":
    """The clips' groups; None where no file is named."""
    from evaluate.detection.score_table import COLUMNS

    if path is None:
        return None
    groups = _read_csv(path)
    for name in ("set", "clip"):
        if name not in groups.columns:
            raise ConfigError(f"{path} has no column {name!r}; it needs set, clip, and columns to group by")
    if clash := sorted(set(groups.columns) & set(COLUMNS) - {"set", "clip"}):
        raise ConfigError(f"{path}: the scores have a column {clash[0]!r} already; give it another name")
    if groups.duplicated(["set", "clip"]).any():
        first = groups[groups.duplicated(["set", "clip"])].iloc[0]
        raise ConfigError(f"{path} names the clip {first['clip']!r} of {first['set']!r} twice")
    return groups


def _read_csv(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, dtype={"set": str, "clip": str})
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read as a CSV: {error}") from error


def read_quality(place: Path | None) -> "pd.DataFrame | None":
    """The clips' numbers that an evaluation left; None where none is named."""
    import pandas as pd

    if place is None:
        return None
    file = _quality_file(place)
    try:
        table = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--quality {place}: {file} can't be read; give a run folder of emoforge evaluate") from error
    if not {"system", "name"} <= set(table.columns):
        raise ConfigError(f"--quality {place}: {file} has no columns system and name; emoforge evaluate writes them")
    return table


def side_inputs(args: argparse.Namespace) -> dict[str, Any]:
    """What else went in, for the run's record."""
    files = {"quality": args.quality and _quality_file(args.quality), "groups": args.groups}
    return {
        name: None if file is None else {"file": str(file), "sha256": file_sha256(file, flag=f"--{name}")}
        for name, file in files.items()
    }


def _quality_file(place: Path) -> Path:
    return place / "clips.parquet" if place.is_dir() else place


def file_sha256(path: Path, *, flag: str) -> str:
    """The hash of a file that `flag` names; EmoforgeError when it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmoforgeError(f"{flag} {path} can't be read: {error.strerror}") from error
