"""Re-decide a curated corpus from its stored scores, without opening a video or rewriting a shard.

Starts from the thresholds that RUN was made with; the new index points into RUN's shards. Clips that RUN had dropped
before scoring or encoding them can't come back this way: they are counted, and curating again brings them in.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import EmoforgeError
from curate.records import Threshold
from pipelines.config import option

if TYPE_CHECKING:
    from curate.borderline import Thresholds


@dataclass(frozen=True, kw_only=True)
class SelectConfig:
    """The thresholds, and the scorers they belong to; both begin as RUN's own."""

    scorers: list[str] = option([], "scorers that RUN was scored with")
    keep: dict[str, Threshold] = option({}, "thresholds by score: --keep.NAME.min X, --keep.NAME.max X")
    keep_singing: dict[str, Threshold] = option({}, "thresholds that replace those of keep for singing, named alike")


CONFIG = SelectConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpus and where the new one goes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="corpus that emoforge curate (or select) wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="RUN2", help="run folder to write")


def base_values(args: argparse.Namespace) -> dict[str, Any]:
    """Return RUN's own thresholds and scorers, which flags then change."""
    import yaml

    file = args.run / "config.yaml"
    if not (args.run / "clips.parquet").is_file() or not file.is_file():
        raise EmoforgeError(
            f"{args.run} is not a finished corpus (it has no clips.parquet); make one with: emoforge curate"
        )
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or not {"keep", "scorers"} <= set(values):
        raise EmoforgeError(f"{file} holds no thresholds: {args.run} was not written by emoforge curate or select")
    from curate.select import added_scorers

    added = [name for name in added_scorers(args.run) if name not in values["scorers"]]
    return {
        "keep": values["keep"],
        "keep_singing": values.get("keep_singing", {}),
        "scorers": values["scorers"] + added,
    }


def run(args: argparse.Namespace, config: SelectConfig) -> None:
    """Write the re-decided corpus."""
    import pandas as pd

    from curate import plugins
    from curate.report import funnel, write_report
    from curate.scoring import check_thresholds
    from curate.select import NOT_ENCODED, NOT_SCORED, select
    from pipelines.previews import preview_drops
    from pipelines.run_folder import open_run

    plugins.check("curate.scorers", config.scorers)
    check_thresholds(config.keep | config.keep_singing, config.scorers)
    if args.out.resolve() == args.run.resolve():
        raise EmoforgeError("--out must be another folder than RUN, which is left as it is")
    with open_run(args.out, command="select", config=config, inputs={"run": str(args.run.absolute())}) as folder:
        if not folder.done:
            select(args.run, folder.path, keep=config.keep, keep_singing=config.keep_singing, scorers=config.scorers)
            keep: Thresholds = {"speech": config.keep, "singing": config.keep | config.keep_singing}
            write_report(
                folder.path,
                folder.path / "report.html",
                keep=keep,
                scorers=config.scorers,
                title=f"Corpus {folder.path.name}",
                previews=preview_drops(folder.path, keep, log_file=folder.path / "workers.log"),
            )
    print(funnel(pd.read_parquet(args.out / "outcomes.parquet")).to_string(index=False))
    out_of_reach = pd.read_parquet(args.out / "clips.parquet").dropped_by.isin([NOT_SCORED, NOT_ENCODED]).sum()
    if out_of_reach:
        print(
            f"\n{out_of_reach} more clips pass what they were scored on, but RUN dropped them before scoring or "
            "encoding them;\nto have them, curate their sources again with these thresholds"
        )
    print(f"\nreport   {args.out / 'report.html'}")
