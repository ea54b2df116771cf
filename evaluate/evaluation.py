"""From metric names to results: what must be measured of each clip, and the numbers once that is done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from curate import plugins, weights
from curate.errors import EmoforgeError, WeightsError
from evaluate.measure import Measured
from evaluate.observation import FACE_WEIGHTS
from evaluate.protocol import ABSENT, plugin_module, versions
from evaluate.results import Result
from evaluate.sets import Sets

EXTRAS = {"torch-fidelity": "fid", "transformers": "features"}  # package -> the extra that installs it


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The metrics to compute in order, what they read of each clip, and metric -> reason for those without weights."""

    metrics: tuple[str, ...]
    features: tuple[str, ...]
    scorers: tuple[str, ...]
    pairs: tuple[str, ...]
    absent: Mapping[str, str]


def required_weights(metrics: Sequence[str]) -> tuple[str, ...]:
    """The names of all weights that the metrics need; ConfigError for a metric that does not exist."""
    plugins.check("evaluate.metrics", list(metrics))
    return tuple(sorted({name for metric in metrics for name in _weights_of(metric)}))


def plan(metrics: Sequence[str]) -> Plan:
    """Check names and weights before anything is decoded; a metric without its weights is planned as absent."""
    required_weights(metrics)
    absent = {metric: reason for metric in metrics if (reason := _missing(metric))}
    modules = [_metric(metric) for metric in metrics if metric not in absent]
    return Plan(
        metrics=tuple(metrics),
        features=_unique(name for module in modules for name in module.FEATURES),
        scorers=_unique(name for module in modules for name in module.SCORERS),
        pairs=_unique(name for module in modules for name in _pairs(module)),
        absent=absent,
    )


def compute(plan: Plan, sets: Sets) -> tuple[Result, ...]:
    """One result a metric, in the plan's order; EmoforgeError when one side holds no video that can be decoded."""
    check_readable(sets.generated, "generated")
    if not sets.statistics:
        check_readable(sets.reference, "reference")
    return tuple(
        _absent(name, plan.absent[name]) if name in plan.absent else _result(name, sets) for name in plan.metrics
    )


def check_readable(clips: Sequence[Measured], side: str) -> None:
    """EmoforgeError with the first reason unless at least one clip could be decoded."""
    if any(clip.n_frames for clip in clips):
        return
    reasons = [f"{clip.name}: {next(iter(clip.failures.values()), 'nothing was measured')}" for clip in clips]
    raise EmoforgeError(f"none of the {len(clips)} {side} videos can be read; the first: {reasons[0]}")


def _result(metric: str, sets: Sets) -> Result:
    result: Result = plugins.load("evaluate.metrics", metric)(sets)
    return result


def _absent(metric: str, reason: str) -> Result:
    module = _metric(metric)
    return Result(
        name=metric,
        title=module.TITLE,
        value=None,
        absent=reason,
        higher_is_better=module.HIGHER_IS_BETTER,
        protocol={"metric": metric},
    )


def _missing(metric: str) -> str | None:
    """Why the metric can't be computed here: a package of an extra, or weights."""
    features = [plugin_module("evaluate.features", feature) for feature in _metric(metric).FEATURES]
    for package, extra in EXTRAS.items():
        if any(package in module.PACKAGES for module in features) and versions([package])[package] == ABSENT:
            return f"it needs {package}: pip install 'emoforge[{extra}]'"
    for name in _weights_of(metric):
        try:
            weights.path(name)
        except WeightsError as error:
            return str(error)
    return None


def _weights_of(metric: str) -> tuple[str, ...]:
    module = _metric(metric)
    of_features = [plugin_module("evaluate.features", feature).WEIGHTS for feature in module.FEATURES]
    of_pairs = [plugin_module("evaluate.pairs", pair).WEIGHTS for pair in _pairs(module)]
    of_scorers = plugins.weights_of("curate.scorers", module.SCORERS)
    faces = FACE_WEIGHTS if module.SCORERS else ()
    return _unique(name for names in (faces, *of_features, of_scorers, *of_pairs) for name in names)


def _pairs(module: ModuleType) -> tuple[str, ...]:
    return getattr(module, "PAIRS", ())


def _metric(name: str) -> ModuleType:
    return plugin_module("evaluate.metrics", name)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
