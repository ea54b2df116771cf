"""Add a scorer's numbers to a curated corpus: columns in, columns out, by Ray Data.

Scores the clips that RUN kept and writes RUN/scores/NAME.parquet (clip_id and the scorer's columns), which `emoforge
select` then joins. No shard is rewritten, and sound or pictures are read only if the scorer looks at them.
"""

import argparse
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from curate.errors import EmoforgeError, MediaError
from pipelines.config import option
from pipelines.curate import add_executor_arguments

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from curate.corpus import Corpus

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What a scoring worker takes."""

    cpus: float = option(1.0, "cores that Ray sets aside for a worker")
    gpus: float = option(0.0, "GPUs of a worker, parts allowed")
    batch_clips: int = option(16, "clips handed to a worker at a time")


CONFIG = ScoreConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpus and the scorer."""
    parser.add_argument("run", metavar="RUN", help="corpus that emoforge curate wrote")
    parser.add_argument("--add", required=True, metavar="NAME", help="scorer: a file of curate/scorers")
    add_executor_arguments(parser, executor=False)


def run(args: argparse.Namespace, config: ScoreConfig) -> None:
    """Score the corpus and write the table."""
    import pyarrow.parquet as pq

    from curate import plugins, weights
    from curate.corpus import open_corpus
    from curate.scoring import score_names
    from curate.select import SCORES

    plugins.check("curate.scorers", [args.add])
    for name in plugins.weights_of("curate.scorers", [args.add]):
        weights.fetch(name)
    corpus = open_corpus(args.run)
    names = score_names(args.add)
    table = _scored(args, config, names)
    with corpus.store.lock(), corpus.store.writing(f"{SCORES}/{args.add}.parquet") as file:
        pq.write_table(table, file, compression="zstd")
    _print(table, names)
    print(f"\nscores   {corpus.store.uri(f'{SCORES}/{args.add}.parquet')}")
    print(f"next     emoforge select {corpus.place} --out ... --keep.{names[0]}.min ...")


def _scored(args: argparse.Namespace, config: ScoreConfig, names: list[str]) -> "pa.Table":
    import pyarrow as pa
    import ray

    from curate import weights
    from curate.corpus import open_corpus
    from pipelines.ray_pool import connect_ray

    connect_ray(args.ray_address, args.workers)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ids = [ref.clip_id for ref in open_corpus(args.run).clips]
    clips = ray.data.from_items([{"place": place} for place in range(len(ids))])
    scored = clips.map_batches(
        partial(_score, run=args.run, scorer=args.add, names=names, weights_folders=weights.folders()),
        batch_size=config.batch_clips,
        compute=ray.data.TaskPoolStrategy(size=args.workers),
        num_cpus=config.cpus,
        num_gpus=config.gpus,
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # once it has set up its own logging
    columns: dict[int, tuple[Any, ...]] = {
        row["place"]: tuple(row[name] for name in names) for row in scored.iter_rows()
    }
    if len(columns) != len(ids):
        raise EmoforgeError(f"{len(ids) - len(columns)} of {len(ids)} clips came back without an answer; run it again")
    values = {name: [_known(columns[place][i]) for place in range(len(ids))] for i, name in enumerate(names)}
    return pa.table({"clip_id": ids} | values)


def _score(
    batch: "dict[str, np.ndarray[Any, Any]]",
    *,
    run: str,
    scorer: str,
    names: list[str],
    weights_folders: "tuple[tuple[Path, ...], Path]",
) -> "dict[str, Any]":
    """In a worker: score some of the corpus' clips, told by their places in its index."""
    import cv2
    import numpy as np

    from curate import weights

    cv2.setNumThreads(1)
    weights.use_folders(weights_folders[0], cache=weights_folders[1])
    rows = [_numbers(_corpus(run), int(place), scorer) for place in batch["place"]]
    values = {name: np.asarray([row.get(name, math.nan) for row in rows], np.float64) for name in names}
    return {"place": batch["place"]} | values


@cache
def _corpus(run: str) -> "Corpus":
    from curate.corpus import open_corpus

    return open_corpus(run)


def _numbers(corpus: "Corpus", place: int, scorer: str) -> Mapping[str, float | None]:
    from curate.corpus_media import corpus_clip_media
    from curate.scoring import numbers

    ref = corpus.clips[place]
    try:
        return numbers(scorer, corpus_clip_media(corpus, ref))
    except MediaError as error:
        log.warning("clip %s can't be scored: %s", ref.clip_id, error)
        return {}


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _print(table: "pa.Table", names: list[str]) -> None:
    frame = table.to_pandas()[names].astype(float)
    told = frame.describe(percentiles=[0.05, 0.5, 0.95]).T.drop(columns=["mean", "std"])
    print(told.rename(columns={"count": "clips"}).round(4).to_string())
