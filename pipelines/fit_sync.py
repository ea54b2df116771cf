"""Fit the audio-visual sync model (sync_ridge) on curated corpora, and measure it on people it has not seen.

Writes OUT/sync_ridge.npz, OUT/trials.parquet (one row a window whose sound was shifted by a known amount) and
OUT/summary.csv. To use the model, name OUT in EMOFORGE_WEIGHTS. Best on corpora curated with --repair_by null, so that
no earlier model's word goes into it.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import option

if TYPE_CHECKING:
    from curate.corpus import Corpus
    from curate.sync_fit import Example


@dataclass(frozen=True, kw_only=True)
class FitSyncConfig:
    """How much is fitted on."""

    max_clips: int = option(2000, "most clips of each corpus, spread over it")
    seed: int = option(0, "of the shifts that the model is tested on")


CONFIG = FitSyncConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the corpora and the output."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="corpora that emoforge curate wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="OUT", help="folder to write")


def run(args: argparse.Namespace, config: FitSyncConfig) -> None:
    """Fit, write and print the table by clip length."""
    from curate.corpus import open_corpus
    from curate.sync_fit import fit_sync, summary
    from curate.sync_ridge import FILE, save_model
    from pipelines.run_folder import open_run

    examples = [example for place in args.runs for example in _examples(open_corpus(place), config.max_clips)]
    with open_run(args.out, command="fit-sync", config=config, inputs={"runs": args.runs}, always=True) as folder:
        fit = fit_sync(examples, seed=config.seed)
        save_model(fit.model, folder.path / FILE)
        fit.trials.to_parquet(folder.path / "trials.parquet")
        table = summary(fit.trials)
        table.to_csv(folder.path / "summary.csv", index=False)
    print(f"fitted on {fit.n_fitted} of {len(examples)} clips: the others did not place themselves in sync\n")
    print(table.round(3).to_string(index=False))
    print(f"\nmodel    {args.out / FILE}\nnext     EMOFORGE_WEIGHTS={args.out} emoforge curate ...")


def _examples(corpus: "Corpus", most: int) -> "Iterator[Example]":
    import numpy as np

    from curate.media import CORPUS_FPS
    from curate.sync_fit import Example
    from curate.sync_ridge import MIN_CLAIM_S, lip_shape

    groups = _identity_clusters(corpus)
    refs = [ref for ref in corpus.clips if ref.audio_offset >= 0 and ref.duration_s >= MIN_CLAIM_S]
    for i in np.unique(np.linspace(0, len(refs) - 1, min(most, len(refs))).round().astype(int)):
        row = corpus.row(refs[i], ["mouth_aperture", "mouth_width"])
        aperture, width = (np.asarray(row[name], np.float32) for name in ("mouth_aperture", "mouth_width"))
        group = groups.get(refs[i].clip_id, refs[i].source_id)
        yield Example(lips=lip_shape(aperture, width, CORPUS_FPS), audio=corpus.audio(refs[i]), group=group)


def _identity_clusters(corpus: "Corpus") -> dict[str, str]:
    """Whom each clip shows, as far as `emoforge split` has told."""
    import pyarrow.parquet as pq

    if not corpus.store.exists("splits.parquet"):
        return {}
    table = pq.read_table(corpus.store.open("splits.parquet"), columns=["clip_id", "identity_cluster"])
    return dict(zip(table["clip_id"].to_pylist(), map(str, table["identity_cluster"].to_pylist()), strict=True))
