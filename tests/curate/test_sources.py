"""What a user names becomes a list: in order, each once, nothing silently lost."""

import logging
import os
from pathlib import Path

import pytest

from curate.errors import ConfigError, EmoforgeError
from curate.records import SourceEntry
from curate.sources import list_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.mp4", "a.MOV", "notes.txt", "deep/er/c d.webm", ".tmp-half.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def names(found: list[SourceEntry]) -> list[str]:
    return [Path(entry.uri).name for entry in found]


def test_a_folder_gives_its_videos_sorted_and_deep(folder: Path) -> None:
    assert names(list_sources([str(folder)])) == ["a.MOV", "b.mp4", "c d.webm"]


def test_named_files_are_taken_whatever_their_name_and_once(folder: Path) -> None:
    found = list_sources([str(folder / "notes.txt"), str(folder / "b.mp4"), str(folder)])
    assert names(found) == ["notes.txt", "b.mp4", "a.MOV", "c d.webm"]
    assert all(Path(entry.uri).is_absolute() for entry in found)


def test_globs(folder: Path) -> None:
    assert names(list_sources([str(folder / "**" / "*.webm")])) == ["c d.webm"]
    assert names(list_sources([str(folder / "*.*")])) == ["a.MOV", "b.mp4", "notes.txt"]


def test_what_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(EmoforgeError, match="no such file or folder"):
        list_sources([str(folder), str(folder / "gone")])
    (folder / "empty").mkdir()
    with pytest.raises(EmoforgeError, match="no video file"):
        list_sources([str(folder / "empty")])
    os.mkfifo(folder / "pipe.mp4")
    with pytest.raises(EmoforgeError, match="neither a file nor a folder"):
        list_sources([str(folder / "pipe.mp4")])


def test_an_empty_folder_among_others_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "empty").mkdir()
    with caplog.at_level(logging.WARNING):
        assert len(list_sources([str(folder / "empty"), str(folder)])) == 3
    assert "holds no video file" in caplog.text


def test_a_name_that_is_not_utf8_is_spelt_out(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.mp4")).touch()
    assert names(list_sources([str(tmp_path)])) == ["bad\\xff.mp4"]


def test_a_manifest_named_outright_is_read_and_one_in_a_folder_is_not(folder: Path) -> None:
    manifest = folder / "list.csv"
    manifest.write_text("uri,start_s,end_s\nb.mp4,,\nb.mp4,1,2\nb.mp4,1,2\nhttps://example.org/x,,\n", encoding="utf-8")
    found = list_sources([str(folder / "a.MOV"), str(manifest), str(folder)])
    assert [(entry.uri.removeprefix(str(folder)), entry.start_s) for entry in found] == [
        ("/a.MOV", None),
        ("/b.mp4", None),
        ("/b.mp4", 1.0),
        ("https://example.org/x", None),
        ("/deep/er/c d.webm", None),
    ]


def test_what_the_first_mention_says_of_a_source_holds(folder: Path) -> None:
    manifest = folder / "list.jsonl"
    manifest.write_text('{"uri": "b.mp4", "licence": "CC0-1.0"}\n', encoding="utf-8")
    [entry] = [each for each in list_sources([str(manifest), str(folder)]) if each.uri.endswith("b.mp4")]
    assert entry.licence == "CC0-1.0"


def test_urls_are_taken_as_they_are() -> None:
    urls = ["https://example.org/a?b=c#d", "HTTP://example.org/", "ytdlp:https://example.org/watch", "s3://b/k/v.mp4"]
    assert [entry.uri for entry in list_sources(urls)] == urls


@pytest.mark.parametrize("name", ["file:///etc/passwd", "ftp://example.org/v.mp4", "filecache::s3://bucket/v.mp4"])
def test_other_schemes_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="none of the schemes http, https, gs, hf, s3"):
        list_sources([name])


def test_a_manifest_in_a_store_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="copy it to one"):
        list_sources(["s3://bucket/list.parquet"])
