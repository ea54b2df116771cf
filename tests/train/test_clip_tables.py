"""Splits and domains are read from the tables beside the shards."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.corpus import Corpus
from curate.errors import EmoforgeError
from tests.train.drawn import write_corpus
from train.clip_tables import domains, of_split


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three clips of which the second is held out, in a table of another order."""
    path = tmp_path_factory.mktemp("split") / "run"
    corpus = write_corpus(path, clips=3, n_frames=20)
    ids = ["clip2", "clip1", "clip0"]
    pq.write_table(pa.table({"clip_id": ids, "split": ["train", "val", "train"]}), path / "splits.parquet")
    pq.write_table(pa.table({"clip_id": ids, "domain": ["singing", None, "speech"]}), path / "clips.parquet")
    return corpus


def test_a_split_holds_its_clips_in_the_indexs_order(split: Corpus) -> None:
    assert [ref.clip_id for ref in of_split(split, "train").clips] == ["clip0", "clip2"]
    assert [ref.clip_id for ref in of_split(split, "val").clips] == ["clip1"]


def test_a_corpus_that_was_never_split_is_all_for_training(corpus: Corpus) -> None:
    assert of_split(corpus, "train") == corpus
    with pytest.raises(EmoforgeError, match="emoforge split"):
        of_split(corpus, "val")


def test_a_split_that_cannot_be_is_refused(split: Corpus, tmp_path: Path) -> None:
    with pytest.raises(EmoforgeError, match="holds no clip"):
        of_split(split, "test")
    with pytest.raises(EmoforgeError, match="'validation'; choices: train, val, test"):
        of_split(split, "validation")


def test_a_clip_younger_than_the_split_is_named(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run", clips=2, n_frames=20)
    pq.write_table(pa.table({"clip_id": ["clip0"], "split": ["train"]}), tmp_path / "run" / "splits.parquet")
    with pytest.raises(EmoforgeError, match="clip1 is younger"):
        of_split(corpus, "train")


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run", n_frames=20)
    (tmp_path / "run" / "splits.parquet").write_bytes(b"no table")
    with pytest.raises(EmoforgeError, match=r"splits\.parquet can't be read"):
        of_split(corpus, "train")


def test_domains_are_the_clips_tables(split: Corpus, corpus: Corpus) -> None:
    assert domains(split) == ["speech", "speech", "singing"]
    with pytest.raises(EmoforgeError, match=r"no clips\.parquet"):
        domains(corpus)
