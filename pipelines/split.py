"""Split a corpus into train, val and test with no person, source or near-duplicate on two sides.

Writes RUN/splits.parquet beside the shards, joined to them by clip_id: split, component, identity and duplicate
clusters, and duplicate_of for clips of which another one is kept. The same command again writes the same.
"""

import argparse
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.config import option


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """How much goes where."""

    val: float = option(0.05, "share of the corpus in val, 0 to 1")
    test: float = option(0.05, "share of the corpus in test, 0 to 1")
    seed: int = option(0, "another seed deals the corpus out differently")
    method: Literal["stable", "balanced"] = option(
        "stable", "stable: a growing corpus keeps its splits; balanced: meets the shares, also of a small corpus"
    )


CONFIG = SplitConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpus."""
    parser.add_argument("run", metavar="RUN", help="corpus that emoforge curate (or select) wrote")


def run(args: argparse.Namespace, config: SplitConfig) -> None:
    """Write the corpus' splits and print what they came to."""
    from curate.splits import split_corpus

    summary = split_corpus(args.run, val=config.val, test=config.test, seed=config.seed, method=config.method)
    _print(summary, config)


def _print(summary: Any, config: SplitConfig) -> None:
    from curate.splits import NAMES

    table = summary.table.select(["split", "source_id", "component", "identity_cluster", "duplicate_of"]).to_pandas()
    table["minutes"] = summary.duration_s / 60
    groups = table.groupby("split").agg(
        clips=("source_id", "size"),
        minutes=("minutes", "sum"),
        sources=("source_id", "nunique"),
        persons=("identity_cluster", "nunique"),
        components=("component", "nunique"),
        duplicates=("duplicate_of", "count"),
    )
    print(groups.reindex([name for name in NAMES if name in groups.index]).round({"minutes": 1}).to_string())
    largest = table.groupby("component").minutes.sum().max() / table.minutes.sum()
    print(f"\nlargest component   {largest:.0%} of the corpus")
    if summary.nearest is not None:
        one, other = summary.nearest
        print(
            f"nearest persons across splits   cosine {summary.nearest_cosine:.3f} (clusters of clips {one} and {other})"
        )
    empty = [name for name, share in (("val", config.val), ("test", config.test)) if share and name not in groups.index]
    if empty:
        print(
            f"\n{' and '.join(empty)} came out empty: the corpus has {table.component.nunique()} components; "
            "for a small one, add --method balanced"
        )
