"""Reads a manifest (CSV, JSONL or Parquet): a table whose lines each name a source, or a span of one."""

import csv
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import ConfigError
from curate.fetchers.contract import scheme_of
from curate.records import Domain, SourceEntry

SUFFIXES = frozenset([".csv", ".jsonl", ".parquet"])

_OURS = frozenset(["uri", "licence", "attribution", "consent_ref", "start_s", "end_s", "domain"])
_DOMAINS: tuple[str, ...] = get_args(Domain)
_MAX_LINE_BYTES = 1 << 20
_BATCH_ROWS = 65_536

Row = Mapping[str, Any]


def is_manifest(path: str | Path) -> bool:
    """Whether a name ends like a manifest's."""
    return Path(path).suffix.lower() in SUFFIXES


def read_manifest(file: Path) -> list[SourceEntry]:
    """Return an entry a line, in order; a path in it is relative to the manifest's folder.

    Columns: `uri`, and if wanted `licence, attribution, consent_ref, start_s, end_s, domain`; any other is carried
    through as text. ConfigError that names the file and the line (a Parquet file's row, from 1) for whatever can't be
    used. What a uri leads to is not looked at.
    """
    folder = os.path.abspath(file.parent)  # noqa: PTH100 - Path.resolve would follow links
    read = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}[file.suffix.lower()]
    entries = []
    for line, row in read(file):
        try:
            entries.append(_entry(row, folder))
        except ValueError as error:
            raise _error(file, str(error), line) from error
    if not entries:
        raise _error(file, "it names no source")
    return entries


def _error(file: Path, text: str, line: int | None = None) -> ConfigError:
    unit = "row" if file.suffix.lower() == ".parquet" else "line"
    return ConfigError(f"{file}: {text}" if line is None else f"{file}, {unit} {line}: {text}")


def _entry(row: Row, folder: str) -> SourceEntry:
    start_s, end_s = _seconds(row, "start_s"), _seconds(row, "end_s")
    if end_s is not None and end_s <= (start_s or 0.0):
        raise ValueError(f"end_s is {end_s:g}, which is not after start_s, {start_s or 0.0:g}")
    domain = row.get("domain") or "speech"
    if domain not in _DOMAINS:
        raise ValueError(f"domain is {domain!r}; choices: {', '.join(_DOMAINS)}")
    return SourceEntry(
        uri=_uri(row.get("uri"), folder),
        licence=_text(row.get("licence")),
        attribution=_text(row.get("attribution")),
        consent_ref=_text(row.get("consent_ref")),
        start_s=start_s,
        end_s=end_s,
        domain=cast(Domain, domain),
        extra={name: text for name, cell in row.items() if name not in _OURS and (text := _text(cell)) is not None},
    )


def _uri(value: object, folder: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("uri is empty" if value in (None, "") else f"uri is {value!r}, no text")
    uri = value.strip()
    if not uri.isprintable():
        raise ValueError(f"uri {uri[:200]!r} holds a character that can't be printed")
    return os.path.join(folder, uri) if scheme_of(uri) is None else uri  # noqa: PTH118 - Path is slow on a million


def _seconds(row: Row, name: str) -> float | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} is {str(value)[:40]!r}, no number of seconds from 0 up")
    return seconds


def _text(value: object) -> str | None:
    """A cell as text: text as it is, an empty cell as None, anything else as JSON."""
    if isinstance(value, str) or value is None:
        return sys.intern(value) if value else None  # a million lines repeat a few licences
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    names = ", ".join(columns[:20]) or "none"
    if "uri" not in columns:
        raise _error(file, f"a manifest needs a column uri; its columns: {names}")
    if len(set(columns)) < len(columns):
        raise _error(file, f"two columns have the same name; its columns: {names}")
    if "license" in columns and "licence" not in columns:
        raise _error(file, "rename the column license to licence, or it would not be looked at")


def _csv_rows(file: Path) -> Iterator[tuple[int, Row]]:
    reader = csv.reader((line for _, line in _lines(file)), strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            if not columns:
                columns = [cell.strip() for cell in cells]
                _check_columns(file, columns)
            elif cells:
                if len(cells) != len(columns):
                    raise _error(file, f"{len(cells)} cells under {len(columns)} columns", reader.line_num)
                yield reader.line_num, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise _error(file, str(error), reader.line_num) from error


def _jsonl_rows(file: Path) -> Iterator[tuple[int, Row]]:
    for number, line in _lines(file):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _error(file, f"no JSON: {error}", number) from error
        if not isinstance(row, dict):
            raise _error(file, "no JSON object", number)
        if number == 1 or "uri" not in row:
            _check_columns_of_line(file, row, number)
        yield number, row


def _check_columns_of_line(file: Path, row: Row, number: int) -> None:
    try:
        _check_columns(file, list(row))
    except ConfigError as error:
        raise _error(file, str(error).removeprefix(f"{file}: "), number) from error


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1; ConfigError for one that is not UTF-8, or endless."""
    with file.open("rb") as opened:
        for number, line in enumerate(_bounded(opened), 1):
            if len(line) > _MAX_LINE_BYTES:
                raise _error(file, f"longer than {_MAX_LINE_BYTES} bytes", number)
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise _error(file, f"not UTF-8 ({error.reason}, byte {error.start})", number) from error
            yield number, text


def _bounded(opened: BinaryIO) -> Iterator[bytes]:
    while line := opened.readline(_MAX_LINE_BYTES + 1):
        yield line


def _parquet_rows(file: Path) -> Iterator[tuple[int, Row]]:
    try:
        with pq.ParquetFile(file) as table:
            schema = table.schema_arrow
            _check_columns(file, schema.names)
            _check_types(file, schema)
            row = 0
            for batch in table.iter_batches(_BATCH_ROWS):
                columns = [column.to_pylist() for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    row += 1
                    yield row, dict(zip(schema.names, cells, strict=True))
    except (pa.ArrowException, OSError) as error:
        raise _error(file, f"no Parquet that can be read: {error}") from error


def _check_types(file: Path, schema: pa.Schema) -> None:
    for field in schema:
        if "binary" in str(field.type):
            raise _error(file, f"column {field.name} holds bytes ({field.type}); a manifest holds text and numbers")
