"""One command from its words: finds its file, parses its flags and YAML, and runs it."""

import argparse
import importlib
from collections.abc import Sequence

from pipelines import config


def run_command(name: str, argv: Sequence[str]) -> None:
    """Run pipelines/<name>.py (- as _) as `emoforge name argv...` does; errors pass through."""
    command = importlib.import_module(f"pipelines.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"emoforge {name}",
        description=command.__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    config.add_flags(parser, command.CONFIG)
    args, settings = config.parse(parser, list(argv), command.CONFIG, base=getattr(command, "base_values", None))
    command.run(args, settings)
