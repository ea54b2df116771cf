"""The result of one metric, with everything a reader needs to judge the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from evaluate.protocol import fingerprint

if TYPE_CHECKING:
    from evaluate.intervals import Interval


@dataclass(frozen=True, kw_only=True)
class Count:
    """How much stands behind a number: `clips` is the effective N, since frames of one clip are nearly one sample."""

    frames: int
    clips: int


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The number to read a value against, and how it was made."""

    value: float
    how: str
    n: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many of the clips could be measured; `failed` maps each other clip's name to its reason."""

    measured: int
    total: int
    failed: Mapping[str, str] = field(default_factory=dict)

    def with_failed(self, failed: Mapping[str, str]) -> Coverage:
        """The same with more clips failed."""
        return Coverage(measured=self.measured - len(failed), total=self.total, failed={**self.failed, **failed})


@dataclass(frozen=True, kw_only=True)
class Result:
    """One metric's number, or the reason why there is none (`absent`).

    `higher_is_better` is None where neither way is: nearer to the reference is.
    `interval` is the value's, over clips. `floor`: for distances, real against real; `reference_value`, with its
    `reference_interval`: for per-clip numbers, the same on the reference.
    `per_clip`, `per_reference_clip`: column -> clip name -> value, for clips.parquet.
    """

    name: str
    title: str
    value: float | None
    higher_is_better: bool | None
    protocol: Mapping[str, Any]
    absent: str | None = None
    reference_n: Count | None = None
    generated_n: Count | None = None
    interval: Interval | None = None
    reference_interval: Interval | None = None
    floor: Baseline | None = None
    reference_value: Baseline | None = None
    reference_coverage: Coverage | None = None
    generated_coverage: Coverage | None = None
    detail: Mapping[str, float | int | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    per_clip: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    per_reference_clip: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The hash of the protocol; numbers with different ones do not compare."""
        return fingerprint(self.protocol)

    def to_json(self) -> dict[str, Any]:
        """Plain values for results.json; per-clip numbers go to clips.parquet instead."""
        values = asdict(self)
        del values["per_clip"], values["per_reference_clip"]
        return {**values, "fingerprint": self.fingerprint}
