"""List the pretrained weights (what for, licence, where they are), or fetch them into the cache."""

import argparse
from dataclasses import dataclass

from curate import weights
from curate.weights_table import WEIGHTS


@dataclass(frozen=True, kw_only=True)
class WeightsConfig:
    """Nothing to set."""


CONFIG = WeightsConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what to do, and with which weights."""
    parser.add_argument("action", choices=["list", "fetch"])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="weights to fetch (default: those of the default stack)"
    )


def run(args: argparse.Namespace, config: WeightsConfig) -> None:
    """List or fetch."""
    for name in args.names:
        weights.lookup(name)
    if args.action == "fetch":
        for name in args.names or weights.embedded():
            print(f"{name:<28} {weights.fetch(name)}")
        return
    for row in WEIGHTS.values():
        commercial = "commercial use" if row.commercial_use else "NO commercial use"
        size = f"{row.size_bytes / 1e6:6.1f} MB" if row.size_bytes else "   ?   MB"
        print(f"{row.name:<28} {size}  {row.licence}, {commercial}  {row.purpose}")
        source = row.sources[0] if row.sources else f"none; put {row.file} into a folder named by EMOFORGE_WEIGHTS"
        print(f"{'':<28} {weights.find(row.name) or 'not here; source: ' + source}")
