"""From metric names to results: what must be measured of each clip, and the numbers once that is done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from curate import plugins, weights
from curate.errors import EmoforgeError, WeightsError
from evaluate.measure import Measured
from evaluate.observation import FACE_WEIGHTS
from evaluate.protocol import plugin_module
from evaluate.results import Result
from evaluate.sets import Sets

METRICS = ("fd_efficientnet_lite0", "fd_expression_mesh", "sync_correlation", "identity_similarity")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The metrics to compute in order, what they read of each clip, and metric -> reason for those without weights."""

    metrics: tuple[str, ...]
    features: tuple[str, ...]
    scorers: tuple[str, ...]
    absent: Mapping[str, str]


def required_weights(metrics: Sequence[str]) -> tuple[str, ...]:
    """The names of all weights that the metrics need; ConfigError for a metric that does not exist."""
    plugins.check("evaluate.metrics", list(metrics))
    return tuple(sorted({name for metric in metrics for name in _weights_of(metric)}))


def plan(metrics: Sequence[str] = METRICS) -> Plan:
    """Check names and weights before anything is decoded; a metric without its weights is planned as absent."""
    required_weights(metrics)
    absent = {metric: reason for metric in metrics if (reason := _missing_weights(metric))}
    modules = [_metric(metric) for metric in metrics if metric not in absent]
    return Plan(
        metrics=tuple(metrics),
        features=_unique(name for module in modules for name in module.FEATURES),
        scorers=_unique(name for module in modules for name in module.SCORERS),
        absent=absent,
    )


def compute(plan: Plan, sets: Sets) -> tuple[Result, ...]:
    """One result a metric, in the plan's order; EmoforgeError when one side holds no video that can be decoded."""
    for clips, side in ((sets.reference, "reference"), (sets.generated, "generated")):
        check_readable(clips, side)
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


def _missing_weights(metric: str) -> str | None:
    for name in _weights_of(metric):
        try:
            weights.path(name)
        except WeightsError as error:
            return str(error)
    return None


def _weights_of(metric: str) -> tuple[str, ...]:
    module = _metric(metric)
    of_features = [plugin_module("evaluate.features", feature).WEIGHTS for feature in module.FEATURES]
    return _unique(name for names in (*of_features, FACE_WEIGHTS if module.SCORERS else ()) for name in names)


def _metric(name: str) -> ModuleType:
    return plugin_module("evaluate.metrics", name)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
