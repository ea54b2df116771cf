"""emoforge split: writes the table beside the shards, says what it came to, and does the same again."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.errors import EmoforgeError
from pipelines import config, split
from tests.curate.test_splits import people, written


def command(run: Path, *flags: str) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    split.add_arguments(parser)
    config.add_flags(parser, split.CONFIG)
    args, settings = config.parse(parser, [str(run), *flags], split.CONFIG)
    split.run(args, settings)


def test_it_writes_the_table_and_says_what_it_came_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", people(20))
    command(run, "--val", "0.1", "--test", "0.2", "--method", "balanced")
    said = capsys.readouterr().out
    assert said.splitlines()[2].split() == ["train", "42", "5.6", "14", "14", "14", "0"]
    assert "cosine 0.8" in said
    content = (run / "splits.parquet").read_bytes()
    command(run, "--val", "0.1", "--test", "0.2", "--method", "balanced")
    assert (run / "splits.parquet").read_bytes() == content
    assert not list(run.rglob("*.tmp*"))


def test_an_empty_split_is_told_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", people(2))
    command(run, "--val", "0.001", "--test", "0.001")
    assert "val and test came out empty" in capsys.readouterr().out
    assert set(pq.read_table(run / "splits.parquet")["split"].to_pylist()) == {"train"}


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmoforgeError, match="not a curated corpus"):
        command(tmp_path)
