"""What detection found, as records: numbers with intervals, by detector, generator, condition and subgroup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALL = "all"  # generators together


@dataclass(frozen=True, kw_only=True)
class Number:
    """A value with its interval (both ends None where clusters are too few), or why there is none (`absent`)."""

    value: float | None
    low: float | None = None
    high: float | None = None
    absent: str = ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Numbers of one detector on the fakes of one generator (or ALL) against the real clips, under one condition.

    `subgroup` is "" or "column=value". Counts are of clips and, in `clusters_*`, of independent clusters; those that
    abstained are in `n_*` too. `abstentions`: reason -> how many.
    """

    detector: str
    generator: str
    condition: str
    severity: str
    severity_rank: int
    fitted_without: str
    subgroup: str
    n_real: int
    n_fake: int
    clusters_real: int
    clusters_fake: int
    abstained_real: int
    abstained_fake: int
    numbers: Mapping[str, Number] = field(default_factory=dict)
    abstentions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Points to draw, of one detector and generator, matched: `fpr`, `tpr` rising (k,); `reliability` rows are
    (mean probability, share of fakes, clips); `cost` rows are (prevalence, expected cost at the frozen threshold,
    least possible, trivial)."""

    detector: str
    generator: str
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    reliability: tuple[tuple[float, float, int], ...]
    cost: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """AUC of `first` less that of `second` (detectors, or generators as one detector sees them), paired by clusters;
    `p` two-sided, `p_adjusted` after Holm over all comparisons of its `kind`."""

    kind: str
    first: str
    second: str
    difference: Number
    p: float | None
    p_adjusted: float | None


@dataclass(frozen=True, kw_only=True)
class Control:
    """A check whose answer is known beforehand: AUC 0.5 for `permuted labels` and for `real against real`."""

    kind: str
    detector: str
    auc: Number
    text: str


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """How well one trivial feature alone tells the fakes of `generator` from the real clips, at `stage` ORIGINAL or
    MATCHED; `auc` is of whichever direction holds (0.5 to 1), `warns` as `shortcuts` says."""

    feature: str
    generator: str
    stage: str
    auc: Number
    higher_is_fake: bool
    warns: bool


@dataclass(frozen=True, kw_only=True)
class QualityLink:
    """Spearman's correlation, over generated clips, of a detector's score with a number that `evaluate` gave them."""

    detector: str
    metric: str
    generator: str
    rho: Number
    n: int


@dataclass(frozen=True, kw_only=True)
class AttackRow:
    """ISO/IEC 30107-3 in shape: one generator as an attack species; rates in [0, 1] at the frozen threshold, and BPCER
    where APCER is 10, 5 and 1 %. `apnrr`, `bpnrr`: the shares that got no answer, which are in no other rate."""

    detector: str
    species: str
    n_attacks: int
    n_bona_fide: int
    apcer: Number
    bpcer: Number
    bpcer_at: Mapping[str, Number]
    apnrr: float = 0.0
    bpnrr: float = 0.0


@dataclass(frozen=True, kw_only=True)
class HardClip:
    """A matched clip that detectors are wrong about at their frozen thresholds: `wrong` of the `answered` that said
    anything; `score` is the mean of theirs."""

    set: str
    clip: str
    is_fake: bool
    wrong: int
    answered: int
    score: float


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All of it, as results.json holds it; `settings` name prevalence, costs, draws, seed and every definition."""

    settings: Mapping[str, object]
    cells: tuple[Cell, ...]
    curves: tuple[Curves, ...]
    comparisons: tuple[Comparison, ...]
    attacks: tuple[AttackRow, ...]
    controls: tuple[Control, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    quality: tuple[QualityLink, ...] = ()
    hard: tuple[HardClip, ...] = ()
    warnings: tuple[str, ...] = ()
