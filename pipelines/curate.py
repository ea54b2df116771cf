"""Curate talking videos: files, addresses and manifests in; Parquet shards of scored, cropped face clips out.

Writes OUT/shards/*.parquet, index.parquet, clips.parquet (kept and dropped, all scores), outcomes.parquet (one row a
source) and report.html. The same command again goes on where it stopped, and takes up new sources.
"""

import argparse
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import EmoforgeError
from pipelines.curate_config import CurateConfig
from pipelines.split import SplitConfig

if TYPE_CHECKING:
    from curate.curation import Recipe
    from curate.fetch import FetchRules
    from curate.outcomes import Task
    from curate.store import Store
    from pipelines.curation_work import Work
    from pipelines.run_folder import Run
    from pipelines.stages import Stage

log = logging.getLogger(__name__)


CONFIG = CurateConfig
FETCHED = "fetched"  # under the run, while it runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the inputs and where and how to run."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="files, folders, globs, manifests (.csv, .jsonl, .parquet with a column uri), http(s)://, s3://, gs:// or "
        "hf:// addresses, ytdlp:https://... pages",
    )
    parser.add_argument(
        "--out", required=True, metavar="RUN", help="run to write: a folder, or an address such as s3://bucket/corpus"
    )
    parser.add_argument("--allow-private-hosts", action="store_true", help="fetch from inside your network too")
    parser.add_argument("--allow-yt-dlp", action="store_true", help="fetch ytdlp: pages (needs emoforge[yt-dlp])")
    add_executor_arguments(parser)


def add_executor_arguments(parser: argparse.ArgumentParser, *, executor: bool = True) -> None:
    """Say where the work is done; without `executor` it is Ray."""
    if executor:
        parser.add_argument("--executor", choices=["local", "ray"], default="local", help="where (default: local)")
    parser.add_argument("--ray-address", metavar="A", help="Ray cluster to use (default: one on this machine)")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="videos at a time (default: all cores)",
    )


def run(args: argparse.Namespace, config: CurateConfig) -> None:
    """Curate the named sources into the run folder."""
    from curate import outcomes
    from curate.report import write_report
    from curate.sources import list_sources
    from pipelines.previews import preview_drops
    from pipelines.progress import progress
    from pipelines.run_folder import open_run

    recipe = _recipe(config)
    entries = list_sources(args.sources)
    _get_weights(recipe)
    names = recipe.score_names
    with open_run(args.out, command="curate", config=config, inputs={}, always=True) as folder:
        folder.store.tidy()
        shutil.rmtree(folder.path / FETCHED, ignore_errors=True)
        tasks = outcomes.plan(folder.store, entries, partition_size=config.partition_size)
        commits = outcomes.Commits(folder.store, tasks, score_names=names, shard_bytes=config.shard_bytes)
        todo = commits.left_to_do()
        _log_commits(commits.commit_ready())
        done = _schedule(args, config, recipe, folder, todo) if todo else iter(())
        for task in progress(done, "curate", total=len(tasks), initial=len(tasks) - len(todo), unit="video"):
            _log_commits(commits.ended(task))
        outcomes.write_tables(folder.store, names)
        _split(folder.store, config.split)
        report = write_report(
            folder.store,
            folder.path / "report.html",
            keep=recipe.keep,
            scorers=recipe.scorers,
            title=f"Corpus {Path(folder.store.uri()).name}",
            previews=preview_drops(folder.store, recipe.keep, log_file=folder.path / "workers.log"),
        )
        _summary(folder.store, report)


def _recipe(config: CurateConfig) -> "Recipe":
    """Fail before the expensive part: names bound, thresholds checked."""
    from curate import plugins
    from curate.curation import Recipe
    from curate.media import Limits
    from curate.scoring import check_thresholds

    plugins.check("curate.faces", [config.detector])
    plugins.check("curate.scorers", config.scorers)
    check_thresholds(config.keep, config.scorers)
    check_thresholds(config.keep_singing, config.scorers)
    _check(config)
    return Recipe(
        scorers=tuple(config.scorers),
        keep={"speech": config.keep, "singing": config.keep | config.keep_singing},
        detector=config.detector,
        repair_by=config.repair_by,
        analysis=asdict(config.analysis),
        triage_gap_s=config.triage_gap_s,
        min_clip_s=config.windows.min_s,
        max_clip_s=config.windows.max_s,
        max_yaw_deg=config.windows.max_yaw_deg,
        size_px=config.encode.size_px,
        crf=config.encode.crf,
        score_all=config.score_all,
        limits=Limits(max_duration_s=config.limits.max_duration_s, max_pixels=config.limits.max_pixels),
    )


def _check(config: CurateConfig) -> None:
    from curate.scoring import score_names

    if config.encode.size_px < 16 or config.encode.size_px % 2:
        raise EmoforgeError(f"encode.size_px must be an even number from 16 up, not {config.encode.size_px}")
    windows = config.windows
    if not 1.0 <= windows.min_s <= windows.max_s <= 30.0:
        raise EmoforgeError(f"windows.min_s and max_s must lie in 1 to 30 s, not {windows.min_s} and {windows.max_s}")
    if config.partition_size < 1:
        raise EmoforgeError(f"partition_size must be 1 or more, not {config.partition_size}")
    repair = config.repair_by
    if repair in config.scorers and not {f"{repair}_offset_s", f"{repair}_confidence"} <= set(score_names(repair)):
        raise EmoforgeError(f"repair_by: the scorer {repair} claims no offset; sync_ridge and syncnet do")


def _get_weights(recipe: "Recipe") -> None:
    from curate import weights

    for name in recipe.weights:
        weights.fetch(name)


def _schedule(
    args: argparse.Namespace, config: CurateConfig, recipe: "Recipe", run: "Run", todo: "list[Task]"
) -> "Iterator[Task]":
    """Do the tasks under the chosen executor; a task without an outcome is quarantined with the reason."""
    from curate import weights
    from curate.curation import ended
    from curate.outcomes import write_outcome
    from pipelines.curation_work import Work
    from pipelines.local_pool import run_local
    from pipelines.ray_pool import run_ray

    work = Work(
        run=run.store,
        fetched=run.path.absolute() / FETCHED,
        recipe=recipe,
        rules=_rules(args, config),
        licences=config.licences,
        weights_folders=weights.folders(),
    )
    stages = _stages(args, config, work)
    if args.executor == "ray":
        done = run_ray(stages, todo, address=args.ray_address)
    else:
        done = run_local(stages, todo, log_file=run.path / "workers.log")
    for task, failure in done:
        if failure is not None:
            outcome = ended(
                task.entry.uri,
                "quarantined",
                reason=failure.reason,
                error=failure.error,
                score_names=recipe.score_names,
            )
            write_outcome(run.store, task, outcome)
        yield task
    shutil.rmtree(work.fetched, ignore_errors=True)


def _rules(args: argparse.Namespace, config: CurateConfig) -> "FetchRules":
    from curate.fetch import FetchRules

    asked = {name: value for name, value in asdict(config.fetch).items() if name not in ("per_host", "min_interval_s")}
    return FetchRules(allow_private_hosts=args.allow_private_hosts, allow_yt_dlp=args.allow_yt_dlp, **asked)


def _stages(args: argparse.Namespace, config: CurateConfig, work: "Work") -> "list[Stage[Task]]":
    from curate.hosts import HostGate
    from pipelines.curation_work import curate_task, fetch_task, host_of_task, is_remote
    from pipelines.stages import Budget, Stage

    limits, kinds = config.limits, config.workers
    fetching = Stage(
        name="fetch",
        work=partial(fetch_task, work=work),
        workers=kinds.fetchers,
        budget=Budget(wall_s=2 * config.fetch.total_timeout_s, memory_gb=limits.memory_gb),
        cpus=kinds.fetch_cpus,
        applies=is_remote,
        host_of=host_of_task,
        gate=HostGate(max_per_host=config.fetch.per_host, min_interval_s=config.fetch.min_interval_s),
    )
    curating = Stage(
        name="curate",
        work=partial(curate_task, work=work),
        workers=args.workers,
        budget=Budget(wall_s=limits.wall_s, memory_gb=limits.memory_gb),
        cpus=kinds.curate_cpus,
        gpus=kinds.curate_gpus,
    )
    return [fetching, curating]


def _split(store: "Store", config: SplitConfig) -> None:
    """Write the splits of what was kept; no clip, no split."""
    import pyarrow.parquet as pq

    from curate.splits import split_corpus

    if pq.ParquetFile(store.open("index.parquet")).metadata.num_rows:
        split_corpus(store, **asdict(config))


def _log_commits(partitions: Iterable[int]) -> None:
    for partition in partitions:
        log.info("partition %d committed", partition)


def _summary(store: "Store", report: Path) -> None:
    import pyarrow.parquet as pq

    from curate.report import funnel

    print(funnel(pq.read_table(store.open("outcomes.parquet")).to_pandas()).to_string(index=False))
    print(f"\nreport   {store.uri(report.name)}")
    print(f"next     emoforge train --shards {store.uri()} --stage image --out models/image")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
