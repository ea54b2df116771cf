"""Take the voice out of a corpus' sound, so that a model trained on songs follows the voice and not the drums.

Writes RUN/vocals.parquet (a row a clip: its vocals, or why there are none) and RUN/vocals/ beside the shards, which are
not touched. Training then hears the vocals; a clip without, because it failed or wasn't asked for, is heard as it is.
The separator is one that is installed (audio-separator, demucs) or your own program, which reads {audio} and writes
{out} (or a file with "vocals" in its name into the folder {out_dir}).

The same command again goes on where it stopped, takes up new clips, and otherwise does nothing; --retry also does those
again that failed. A corpus has vocals of one separator: another one is refused, and with --replace makes all anew.
Until the last is there, training hears the earlier ones; a training that runs on beyond that has to be resumed. To
leave a corpus as it is and keep its vocals elsewhere, separate what emoforge select makes of it. Ends with 1 when every
clip failed.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import ConfigError, EmoforgeError, MediaError
from pipelines.config import option

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.corpus import ClipRef, Corpus
    from curate.store import Store
    from curate.vocals import Separated

SHOWN_FAILURES = 10
GRACE_S = 60.0  # that a worker outlives its separator's time, to say so


@dataclass(frozen=True, kw_only=True)
class SeparateConfig:
    """What separates, and what it may use."""

    separator: str | None = option(
        None, "program that takes the voice from {audio} to {out} (default: one that is installed)"
    )
    wall_s: float = option(900.0, "most seconds for one clip, the separator's start and first download with them")
    memory_gb: float = option(16.0, "most memory that one separator may take, GiB")


CONFIG = SeparateConfig


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every worker is told."""

    store: "Store"
    separator: str
    wall_s: float
    scratch: Path  # for all temporary files: what a killed worker leaves in it goes with it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpus, and which of its clips."""
    parser.add_argument("run", metavar="RUN", help="corpus that emoforge curate (or select) wrote")
    parser.add_argument("--only-domain", choices=["speech", "singing"], help="leave the others' sound as it is")
    parser.add_argument("--retry", action="store_true", help="do the clips again that failed")
    parser.add_argument("--replace", action="store_true", help="make all anew that another separator made")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(4, os.cpu_count() or 1),
        metavar="N",
        help="clips at a time, each by a separator of its own on one core (default: 4, or all cores if fewer)",
    )


def run(args: argparse.Namespace, config: SeparateConfig) -> None:
    """Separate the corpus' clips and print how they ended."""
    from curate.corpus import open_corpus
    from curate.vocals import VocalsCommits
    from pipelines.progress import progress

    separator = _separator(args, config)
    corpus = open_corpus(args.run)
    asked = _asked(corpus, args.only_domain)
    refs = [ref for ref in asked if ref.audio_offset >= 0]
    if not refs:
        raise EmoforgeError(f"no clip of {corpus.place} that was asked for has sound: there is nothing to separate")
    with corpus.store.lock():
        _check_earlier(corpus.store, separator, replace=args.replace)
        commits = VocalsCommits(corpus.store, refs, separator=separator, retry=args.retry)
        commits.commit_ready()
        todo = commits.left_to_do()
        done = _schedule(corpus.store, todo, separator=separator, config=config, workers=args.workers)
        for ref in progress(done, "separate", total=len(refs), initial=len(refs) - len(todo), unit="clip"):
            commits.ended(ref)
        table = commits.write_table()
    _report(corpus, table, {ref.clip_id for ref in refs}, silent=len(asked) - len(refs))


def _separator(args: argparse.Namespace, config: SeparateConfig) -> str:
    from pipelines.vocals import installed_separator

    for name, value in (("--workers", args.workers), ("wall_s", config.wall_s), ("memory_gb", config.memory_gb)):
        if not 0 < value < float("inf"):
            raise ConfigError(f"{name} must be over 0, not {value}")
    separator = config.separator if config.separator is not None else installed_separator()
    if separator is None:
        raise EmoforgeError(
            "no program is installed that takes the voice out of a mix; install one (pip install audio-separator, or "
            "demucs), or name your own: --separator 'program {audio} {out}'"
        )
    return separator


def _asked(corpus: "Corpus", domain: str | None) -> "list[ClipRef]":
    """Return the clips of a domain, or all."""
    import pyarrow.parquet as pq

    if domain is None:
        return list(corpus.clips)
    clips = "clips.parquet"
    try:
        table = pq.read_table(corpus.store.open(clips), columns=["clip_id", "domain"])
    except FileNotFoundError as error:
        raise EmoforgeError(f"{corpus.store.uri(clips)} is missing, which tells the clips' domains") from error
    domains = dict(zip(table["clip_id"].to_pylist(), table["domain"].to_pylist(), strict=True))
    refs = [ref for ref in corpus.clips if domains.get(ref.clip_id) == domain]
    if not refs:
        raise EmoforgeError(f"no clip of {corpus.place} is {domain}: leave --only-domain out to separate all")
    return refs


def _check_earlier(store: "Store", separator: str, *, replace: bool) -> None:
    from curate.vocals_table import read_table

    earlier = set(read_table(store)["separator"].to_pylist()) - {separator}
    if earlier and not replace:
        raise ConfigError(
            f"{store.uri()} has vocals made by {sorted(earlier)[0]!r}, not {separator!r}: name that --separator to go "
            "on with it, or add --replace to make all anew"
        )


def _schedule(
    store: "Store", todo: "Sequence[ClipRef]", *, separator: str, config: SeparateConfig, workers: int
) -> "Iterator[ClipRef]":
    """Separate the clips in workers that can be killed; one whose worker died or overran has failed."""
    from curate.store import Folder
    from curate.vocals import Separated, write_separated
    from pipelines.local_pool import run_local
    from pipelines.stages import Budget, Stage

    budget = Budget(wall_s=config.wall_s + GRACE_S, memory_gb=config.memory_gb)
    with tempfile.TemporaryDirectory(prefix="emoforge-separate-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        log_file = (store.path if isinstance(store, Folder) else scratch) / "workers.log"
        work = Work(store=store, separator=separator, wall_s=config.wall_s, scratch=scratch)
        stage = Stage(name="separate", work=partial(_separate_clip, work=work), workers=workers, budget=budget)
        alone = 1 if workers > 1 else len(todo)  # the first may have to fetch the separator's weights for all
        for refs in (todo[:alone], todo[alone:]):
            for ref, failure in run_local([stage], refs, log_file=log_file):
                if failure is not None:
                    ended = Separated(reason=failure.reason, error=failure.error)
                    write_separated(store, ref, ended, separator=separator)
                yield ref


def _separate_clip(ref: "ClipRef", *, work: Work) -> None:
    """One clip, in a worker: separate it and write how that ended."""
    from curate.vocals import write_separated

    tempfile.tempdir = str(work.scratch)
    with tempfile.TemporaryDirectory() as folder:
        separated = _separated(ref, work, Path(folder))
    write_separated(work.store, ref, separated, separator=work.separator)


def _separated(ref: "ClipRef", work: Work, folder: Path) -> "Separated":
    from curate.corpus import Corpus
    from curate.media import CORPUS_RATE_HZ, read_audio
    from curate.media_writing import encode_flac
    from curate.vocals import Separated
    from pipelines.sound_files import write_wav
    from pipelines.vocals import separate

    mix, vocals = folder / "mix.wav", folder / "vocals.wav"
    try:
        samples = Corpus(store=work.store, clips=()).audio(ref)
    except MediaError as error:
        return Separated(reason=error.reason, error=str(error))
    write_wav(mix, samples[None], CORPUS_RATE_HZ)
    try:
        separate(mix, vocals, separator=work.separator, limit_s=work.wall_s)
        return Separated(audio=encode_flac(read_audio(vocals)))
    except ConfigError:  # the separator's, so every clip's
        raise
    except MediaError as error:
        return Separated(reason=error.reason, error=str(error))
    except EmoforgeError as error:
        return Separated(reason="separator_failed", error=str(error))


def _report(corpus: "Corpus", table: "pa.Table", asked: set[str], *, silent: int) -> None:
    from curate.vocals_table import TABLE

    rows = [row for row in table.select(["clip_id", "reason", "error"]).to_pylist() if row["clip_id"] in asked]
    failed = [row for row in rows if row["reason"]]
    print(f"separated  {len(rows) - len(failed):7}\nfailed     {len(failed):7}\nno sound   {silent:7}")
    if failed:
        print("\nfailed; training hears their sound as it is (--retry does them again):")
    for row in failed[:SHOWN_FAILURES]:
        print(f"  {row['clip_id']!r}  {row['reason']}: {row['error']}")
    if len(failed) > SHOWN_FAILURES:
        print(f"  and {len(failed) - SHOWN_FAILURES} more, in the table")
    print(f"\nvocals   {corpus.store.uri(TABLE)}")
    if len(failed) == len(rows):
        raise SystemExit(1)
    print(f"next     emoforge train --shards {corpus.place} --stage image --out models/image")
