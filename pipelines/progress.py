"""The one progress bar of a command."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(
    items: Iterable[T], label: str, *, total: int | None = None, initial: int = 0, unit: str = "it"
) -> Iterator[T]:
    """Yield the items under a bar on standard error: `label`, count, rate and time left."""
    from tqdm import tqdm

    yield from tqdm(
        items, desc=label, total=total, initial=initial, unit=unit, file=sys.stderr, dynamic_ncols=True, mininterval=0.2
    )
