"""What a reader must know before believing the findings, in words, the gravest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from evaluate.detection.answers import FEW_CLUSTERS
from evaluate.detection.findings import ALL, Cell, Control, Shortcut
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.intervals import MIN_CLUSTERS

FEW_CLIPS = 30
RESOLVING = 300  # real clips: a false-alarm rate of 1 %
ABSTAINED = 0.1
NAMED = 4


def doubts(
    cells: Sequence[Cell],
    *,
    shortcuts: Sequence[Shortcut],
    controls: Sequence[Control],
    facts: Mapping[str, object],
) -> tuple[str, ...]:
    """Every warning that is due: few people or clips, shortcuts, failing controls, abstentions, what is missing."""
    clean = [cell for cell in cells if cell.condition == MATCHED and not cell.fitted_without and not cell.subgroup]
    return (
        *_alone(clean),
        *_controls(controls),
        *_shortcuts(shortcuts),
        *_few(clean),
        *(() if "matching" in facts else _strangers(clean)),  # matching looks at every face
        *_abstentions(clean),
        *_missing(facts),
    )


def _alone(clean: Sequence[Cell]) -> Iterator[str]:
    """People and sources are what is sampled: one of them is one sample, however many its clips."""
    alone = [
        f"{name} ({clips} clip{'s' * (clips != 1)} of {clusters})"
        for name, clips, clusters in _classes(clean)
        if clusters < MIN_CLUSTERS
    ]
    if alone:
        yield (
            f"One or two people or sources: {_listed(alone)}. Numbers of these have no interval and say nothing of "
            f"others. {FEW_CLUSTERS} people or sources are the least to ask for."
        )


def _few(clean: Sequence[Cell]) -> Iterator[str]:
    """What so few clips and people can't support."""
    few = [
        f"{name} {clips} clips of {clusters}"
        for name, clips, clusters in _classes(clean)
        if clips < FEW_CLIPS or clusters < FEW_CLUSTERS
    ]
    real = max((cell.n_real - cell.abstained_real for cell in clean), default=0)
    if few:
        yield (
            f"Few clips, or of few people or sources: {_listed(few)}. They can show that a detector sees something; "
            "they can't rank detectors that are near each other, nor say what other people's videos would give."
        )
    if 0 < real < RESOLVING:
        yield (
            f"{real} real clips resolve no false-alarm rate {_under(real)}, where a platform needs "
            f"one far under 1 %: {RESOLVING} real clips resolve 1 %, 3,000 resolve 0.1 %."
        )


def _strangers(clean: Sequence[Cell]) -> Iterator[str]:
    """Where no two clips share a cluster, people and sources may not have been known at all."""
    classes = _classes(clean)
    if classes and all(clips == clusters and clips >= MIN_CLUSTERS for _, clips, clusters in classes):
        yield (
            "Every clip counts as a person or source of its own. If some share one, the intervals are too narrow, and "
            "thresholds were chosen on people that they judge."
        )


def _under(real: int) -> str:
    return f"under {100 * 3 / real:.2g} %" if real > 3 else "at all"


def _classes(clean: Sequence[Cell]) -> list[tuple[str, int, int]]:
    """(words, clips, clusters) of the real clips and of each generator."""
    whole = [cell for cell in clean if cell.generator == ALL]
    single = [cell for cell in clean if cell.generator != ALL]
    rows = [("the real set", cell.n_real, cell.clusters_real) for cell in whole[:1]]
    rows += [(cell.generator, cell.n_fake, cell.clusters_fake) for cell in single]
    if not single:
        rows += [("the generator", cell.n_fake, cell.clusters_fake) for cell in whole[:1]]
    return list(dict.fromkeys(rows))


def _controls(controls: Sequence[Control]) -> Iterator[str]:
    for control in controls:
        low, high = control.auc.low, control.auc.high
        if low is not None and high is not None and not low <= 0.5 <= high:
            yield (
                f"The control '{control.kind}' fails for {control.detector}: AUC {control.auc.value:.2f} "
                f"[{low:.2f}, {high:.2f}] where 0.5 is due. Its other numbers are suspect."
            )


def _shortcuts(shortcuts: Sequence[Shortcut]) -> Iterator[str]:
    if not shortcuts:
        yield (
            "Not probed for shortcuts: a detector may have caught the file format, a caption or the sound's bandwidth, "
            "and not the synthesis."
        )
    left = [each for each in shortcuts if each.warns and each.stage == MATCHED]
    if left:
        yield (
            f"Shortcuts left after matching: {_features(left)} alone tell generated clips from real ones. Detectors "
            "may have caught these and not the synthesis."
        )
    before = [each for each in shortcuts if each.warns and each.stage == ORIGINAL]
    if before:
        yield (
            f"Shortcuts in the files as they came: {_features(before)}. Numbers on the original files mean little; "
            "read those of the matched ones."
        )


def _features(shortcuts: Sequence[Shortcut]) -> str:
    """The strongest features, each with its strongest generator."""
    strongest: dict[str, Shortcut] = {}
    for each in sorted(shortcuts, key=lambda each: -(each.auc.value or 0.0)):
        strongest.setdefault(each.feature, each)
    return _listed(
        f"{each.feature.replace('_', ' ')} ({_whose(each)}AUC {each.auc.value:.2f})" for each in strongest.values()
    )


def _whose(shortcut: Shortcut) -> str:
    return "" if shortcut.generator == ALL else f"{shortcut.generator}, "


def _abstentions(clean: Sequence[Cell]) -> Iterator[str]:
    silent = []
    for cell in clean:
        share = (cell.abstained_real + cell.abstained_fake) / max(1, cell.n_real + cell.n_fake)
        if cell.generator == ALL and share > ABSTAINED:
            silent.append(f"{cell.detector} {100 * share:.0f} %")
    if silent:
        yield (
            f"Detectors without an answer for more than one clip in ten: {_listed(silent)}. Read their best and worst "
            "case."
        )


def _missing(facts: Mapping[str, object]) -> Iterator[str]:
    missing = facts.get("missing")
    if isinstance(missing, Mapping) and missing:
        yield f"Detectors that could not be run: {_listed(map(str, missing))}. A catch by them is not excluded."


def _listed(words: Iterable[str]) -> str:
    every = list(words)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
