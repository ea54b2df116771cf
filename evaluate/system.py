"""One generated system beside the reference: its measured clips, and what came out."""

from dataclasses import dataclass

from evaluate.results import Result
from evaluate.sets import Sets

REFERENCE = "reference"  # the name that no system may have: the real clips'


@dataclass(frozen=True, kw_only=True)
class System:
    """`sets` holds the reference's clips and the system's; `results` are in the order of the protocol's metrics."""

    name: str
    sets: Sets
    results: tuple[Result, ...]
