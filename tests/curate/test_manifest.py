"""A manifest says the same in every format; what can't be used is named by file and line before anything is fetched."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import ConfigError
from curate.manifest import read_manifest
from curate.records import SourceEntry

Writer = Callable[[Path, list[dict[str, Any]]], Path]


def write_csv(folder: Path, rows: list[dict[str, Any]]) -> Path:
    import csv

    file = folder / "list.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_jsonl(folder: Path, rows: list[dict[str, Any]]) -> Path:
    file = folder / "list.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def write_parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    file = folder / "list.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


WRITERS = pytest.mark.parametrize("write", [write_csv, write_jsonl, write_parquet])

ROWS: list[dict[str, Any]] = [
    {"uri": "https://example.org/ü.mp4", "licence": "CC-BY-4.0", "attribution": "Zoë, \"Z\"", "consent_ref": "c/1",
     "start_s": 1.5, "end_s": 9.25, "domain": "singing", "lang": "de", "take": 3},
    {"uri": "talks/one.mp4", "licence": None, "attribution": None, "consent_ref": None,
     "start_s": None, "end_s": None, "domain": None, "lang": None, "take": None},
    {"uri": "/videos/../videos/two.mp4", "licence": "", "attribution": "", "consent_ref": "",
     "start_s": 0.0, "end_s": 1.0, "domain": "speech", "lang": "", "take": 0},
    {"uri": "file:///etc/passwd", "licence": None, "attribution": None, "consent_ref": None,
     "start_s": None, "end_s": 5.0, "domain": "speech", "lang": "a\nb", "take": None},
]  # fmt: skip


@WRITERS
def test_every_format_says_the_same(write: Writer, tmp_path: Path) -> None:
    """And a uri of another scheme stays: it ends as a source that was refused."""
    assert read_manifest(write(tmp_path, ROWS)) == [
        SourceEntry(
            uri="https://example.org/ü.mp4", licence="CC-BY-4.0", attribution='Zoë, "Z"', consent_ref="c/1",
            start_s=1.5, end_s=9.25, domain="singing", extra={"lang": "de", "take": "3"},
        ),
        SourceEntry(uri=str(tmp_path / "talks/one.mp4")),
        SourceEntry(uri="/videos/../videos/two.mp4", start_s=0.0, end_s=1.0, extra={"take": "0"}),
        SourceEntry(uri="file:///etc/passwd", end_s=5.0, extra={"lang": "a\nb"}),
    ]  # fmt: skip


@WRITERS
def test_an_entry_goes_through_json(write: Writer, tmp_path: Path) -> None:
    for entry in read_manifest(write(tmp_path, ROWS)):
        assert SourceEntry(**json.loads(json.dumps(asdict(entry)))) == entry


@WRITERS
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"start_s": float("nan")}, "start_s"),
        ({"start_s": -1.0}, "start_s"),
        ({"end_s": float("inf")}, "end_s"),
        ({"start_s": 5.0, "end_s": 5.0}, "end_s is 5, which is not after start_s, 5"),
        ({"start_s": 5.0, "end_s": 4.0}, "end_s"),
        ({"end_s": 0.0}, "end_s"),
        ({"domain": "opera"}, "choices: speech, singing"),
        ({"uri": ""}, "uri is empty"),
        ({"uri": "  "}, "uri is empty|no text"),
        ({"uri": "a\nb.mp4"}, "can't be printed"),
        ({"uri": "a\x00b.mp4"}, "can't be printed"),
    ],
)
def test_a_bad_value_is_named_by_file_and_line(write: Writer, tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    good = {"uri": "a.mp4", "start_s": 1.0, "end_s": 2.0, "domain": "speech"}
    file = write(tmp_path, [good, {**good, "start_s": None, "end_s": None} | bad])
    place = {".csv": "line (3|4)", ".jsonl": "line 2", ".parquet": "row 2"}[file.suffix]
    with pytest.raises(ConfigError, match=f"{file.name}, {place}: .*({said})"):
        read_manifest(file)


@WRITERS
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"url": "a.mp4", "lang": "de"}, "needs a column uri; its columns: url, lang"),
        ({"uri": "a.mp4", "license": "CC0"}, "rename the column license to licence"),
    ],
)
def test_a_column_that_is_missing_or_misspelt(write: Writer, tmp_path: Path, row: dict[str, Any], said: str) -> None:
    file = write(tmp_path, [row])
    with pytest.raises(ConfigError, match=f"{file.name}.*{said}"):
        read_manifest(file)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "names no source"),
        ("a.csv", b"uri,licence\n", "names no source"),
        ("a.csv", b"uri,uri\na,b\n", "same name"),
        ("a.csv", b"uri,lang\na.mp4,de\nb.mp4,de,fr\n", "line 3: 3 cells under 2 columns"),
        ("a.csv", b"uri,lang\na.mp4\n", "line 2: 1 cells"),
        ("a.csv", b'uri\n"a.mp4\n', "line 2: "),
        ("a.csv", "uri\na.mp4\nbäh.mp4\n".encode("latin-1"), "line 3: not UTF-8"),
        ("a.csv", "uri\na.mp4\n".encode("utf-16"), "line 1: not UTF-8"),
        ("a.csv", b"uri\n" + b"a" * 2_000_000, "line 2: longer than"),
        ("a.csv", b"uri,start_s\na.mp4,soon\n", "line 2: start_s is 'soon'"),
        ("a.csv", b"uri,start_s\na.mp4,1e999\n", "line 2: start_s"),
        ("a.jsonl", b"", "names no source"),
        ("a.jsonl", b'{"uri": "a.mp4"}\n\n{"uri": "b.mp4"\n', "line 3: no JSON"),
        ("a.jsonl", b'{"uri": "a.mp4"}\n["b.mp4"]\n', "line 2: no JSON object"),
        ("a.jsonl", b'{"uri": "a.mp4"}\n{"url": "b.mp4"}\n', "line 2: .*needs a column uri"),
        ("a.jsonl", b'{"uri": 7}\n', "line 1: uri is 7, no text"),
        ("a.jsonl", b'{"uri": "a", "start_s": true}\n', "line 1: start_s"),
        ("a.jsonl", b'{"uri": "a", "start_s": [1]}\n', "line 1: start_s"),
        ("a.jsonl", b'{"uri": "a", "start_s": ' + b"9" * 400 + b"}\n", "line 1: start_s"),
        ("a.jsonl", b'{"uri": "a", "x": ' + b"9" * 5_000 + b"}\n", "line 1: no JSON"),
        ("a.jsonl", b'{"uri": "a", "domain": ["speech"]}\n', "line 1: domain"),
        ("a.jsonl", b"[" * 200_000 + b"\n", "line 1: no JSON"),
        ("a.parquet", b"", "no Parquet"),
        ("a.parquet", b"PAR1" + bytes(100) + b"PAR1", "no Parquet"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{name}.*{said}"):
        read_manifest(file)


def test_a_byte_order_mark_and_windows_lines_are_no_matter(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfuri,lang\r\nhttps://example.org/a.mp4,de\r\n\r\n")
    assert read_manifest(file) == [SourceEntry(uri="https://example.org/a.mp4", extra={"lang": "de"})]


def test_columns_of_other_types_become_text_and_bytes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"uri": ["https://e.org/a"], "tags": [["x", "ü"]], "ok": [True], "n": [1.5]}), file)
    assert read_manifest(file)[0].extra == {"tags": '["x", "ü"]', "ok": "true", "n": "1.5"}
    pq.write_table(pa.table({"uri": ["a"], "video": [{"bytes": b"x", "path": "y"}]}), file)
    with pytest.raises(ConfigError, match="column video holds bytes"):
        read_manifest(file)
