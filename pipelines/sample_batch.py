"""Many videos from a CSV: each row ends as done or failed, and a row whose video is there is not made again."""

import csv
import difflib
import io
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from curate.durable import sync
from curate.errors import ConfigError, EmoforgeError, MediaError
from pipelines.provenance import read_tags
from pipelines.sample_requests import check_request, request_of
from pipelines.sample_work import Request, Sampler

log = logging.getLogger(__name__)

REQUIRED = ("portrait", "audio", "out")
OPTIONAL = ("box", "face_region", "speed", "seed", "consent_ref", "vocals")
FILES = ("portrait", "audio", "vocals", "face_region", "speed")  # columns that are files a row reads, or may be
OUTCOMES = "outcomes.csv"
MAX_FILE_BYTES = 16 << 20
MAX_ROWS = 100_000
WRITE_EVERY_S = 1.0  # at most: all of it is written each time

Row = Mapping[str, str]  # column -> text; cells that are empty are left out


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What all rows share."""

    folder: Path  # that paths are relative to, and that outcomes.csv is written to
    defaults: Mapping[str, str | None]  # of cells that are empty
    paste_back: bool
    separate: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a row ended."""

    row: int  # from 1, the header not counted
    out: str
    outcome: Literal["done", "failed"]
    reason: str = ""
    error: str = ""
    n_frames: int | None = None
    duration_s: float | None = None


def read_rows(file: Path) -> list[Row]:
    """Read a CSV of videos to make; ConfigError says what is wrong with it as a whole."""
    if file.name == OUTCOMES:
        raise ConfigError(f"{file} is where the outcomes are written; name the rows otherwise")
    header, *rows = _table(file)
    _check_header(file, header)
    if not rows:
        raise ConfigError(f"{file} has no row below its header")
    if len(rows) > MAX_ROWS:
        raise ConfigError(f"{file} has {len(rows)} rows; split it into files of {MAX_ROWS}")
    cells = [_cells(file, header, number, row) for number, row in enumerate(rows, start=1)]
    _check_outs(file, cells)
    _check_outcomes(file.parent / OUTCOMES)
    return cells


def sample_rows(rows: Sequence[Row], batch: Batch, sampler: Sampler, *, on_part: Callable[[float, int], None]) -> int:
    """Make the rows' videos, keep outcomes.csv up to the second, and return how many are done.

    `on_part` is told (rows done with a part of the one at work, of all). An EmoforgeError at the end when any failed.
    """
    ended: list[Outcome] = []
    written = -math.inf
    for row in rows:
        before = len(ended)

        def on_frame(done: int, total: int, *, before: int = before) -> None:
            on_part(before + done / total, len(rows))

        ended.append(_outcome(before + 1, row, batch, sampler, on_frame))
        if len(ended) == len(rows) or time.monotonic() - written >= WRITE_EVERY_S:
            _write(batch.folder / OUTCOMES, ended)
            written = time.monotonic()
        on_part(len(ended), len(rows))
    failed = [outcome for outcome in ended if outcome.outcome == "failed"]
    if failed:
        first = failed[0]
        raise EmoforgeError(
            f"{len(failed)} of {len(ended)} rows failed, the first is row {first.row}: {first.error} "
            f"({batch.folder / OUTCOMES} has them all)"
        )
    return len(ended)


def _outcome(number: int, row: Row, batch: Batch, sampler: Sampler, on_frame: Callable[[int, int], None]) -> Outcome:
    try:
        filled = {name: text for name, text in batch.defaults.items() if text is not None} | dict(row)
        request = request_of(filled, folder=batch.folder, paste_back=batch.paste_back, separate=batch.separate)
        check_request(request)
        if _is_there(request, sampler):
            return Outcome(row=number, out=row["out"], outcome="done", reason="was_there")
        sampled = sampler.sample(request, on_frame=on_frame)
    # RuntimeError: torch says so when memory runs out. ValueError: a path that no file system takes.
    except (EmoforgeError, OSError, RuntimeError, ValueError, MemoryError) as error:
        log.warning("row %d failed: %s", number, error)
        return Outcome(row=number, out=row["out"], outcome="failed", reason=_reason(error), error=str(error))
    return Outcome(row=number, out=row["out"], outcome="done", n_frames=sampled.n_frames, duration_s=sampled.duration_s)


def _reason(error: Exception) -> str:
    if isinstance(error, MediaError):
        return error.reason
    kinds = {ConfigError: "bad_value", EmoforgeError: "refused", OSError: "disk", MemoryError: "memory"}
    return next((reason for kind, reason in kinds.items() if isinstance(error, kind)), type(error).__name__)


def _is_there(request: Request, sampler: Sampler) -> bool:
    """Whether the video was made already, whole, from the same inputs with the same settings."""
    from curate.media_writing import read_metadata

    try:
        made = read_tags(read_metadata(request.out)) if _is_whole(request.out) else None
    except MediaError:
        return False
    return made is not None and made.same_as(sampler.provenance(request))


def _is_whole(video: Path) -> bool:
    """Whether an MP4's boxes end where its file does."""
    if not video.is_file():
        return False
    size, at = video.stat().st_size, 0
    with video.open("rb") as content:
        while at < size:
            content.seek(at)
            head = content.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # the length follows, in 64 bits
                length = int.from_bytes(head[8:], "big")
            if length < 8:
                return False
            at += length
    return at == size


def _table(file: Path) -> list[list[str]]:
    try:
        if file.exists() and not file.is_file():
            raise ConfigError(f"can't read the rows {file}: it is no file")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{file} is over {MAX_FILE_BYTES >> 20} MiB; split it")
        text = file.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise ConfigError(f"{file} holds zero bytes: it is no CSV; save it as CSV, UTF-8")
        table = [
            row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(cell.strip() for cell in row)
        ]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 (byte {error.start}); save it as CSV, UTF-8") from error
    except csv.Error as error:
        raise ConfigError(f"{file} is not CSV: {error}") from error
    except OSError as error:
        raise ConfigError(f"can't read the rows {file}: {error.strerror}") from error
    if not table:
        raise ConfigError(f"{file} is empty; its first line must name the columns {', '.join(REQUIRED)}")
    return table


def _check_header(file: Path, header: Sequence[str]) -> None:
    names, known = [name.strip() for name in header], (*REQUIRED, *OPTIONAL)
    if len(names) == 1 and ";" in names[0]:
        raise ConfigError(f"{file}: the columns are separated by semicolons; save it with commas")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"{file}: unknown column {name[:40]!r}; {hint}")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise ConfigError(f"{file}: the column {missing[0]!r} is missing; there must be {', '.join(REQUIRED)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"{file}: a column is there twice; it has {', '.join(names)}")


def _cells(file: Path, header: Sequence[str], number: int, row: Sequence[str]) -> Row:
    if len(row) > len(header):
        raise ConfigError(
            f"{file}: row {number} has {len(row)} cells and the header {len(header)}; a text with commas needs quotes"
        )
    cells = {name.strip(): cell.strip() for name, cell in zip(header, row, strict=False) if cell.strip()}
    for name in REQUIRED:
        if name not in cells:
            raise ConfigError(f"{file}: row {number} has no {name}")
    return cells


def _check_outs(file: Path, rows: Sequence[Row]) -> None:
    """Two rows must not write one file, nor any row what another reads, whatever way its path is written."""
    read = {
        _place(file, row[name]): number for number, row in enumerate(rows, start=1) for name in FILES if name in row
    }
    written: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        place = _place(file, row["out"])
        if place in written:
            raise ConfigError(f"{file}: rows {written[place]} and {number} both write {row['out']}")
        if place in read and place.lower().endswith(".mp4"):  # the row itself fails with any other
            raise ConfigError(f"{file}: row {number} would write over {row['out']}, which row {read[place]} reads")
        if place == _place(file, file.name):
            raise ConfigError(f"{file}: row {number} would write over the rows themselves")
        written[place] = number


def _place(file: Path, name: str) -> str:
    return os.path.normcase(os.path.realpath(file.parent / name))


def _check_outcomes(file: Path) -> None:
    """The file of outcomes is written anew: it must not be something else of the user's."""
    header = ",".join(field.name for field in fields(Outcome))
    try:
        with file.open(encoding="utf-8") as lines:
            is_ours = lines.read(len(header)) == header
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        is_ours = False
    if not is_ours:
        raise ConfigError(f"{file} would be replaced by this batch's outcomes, and is not one of those; move it away")


def _write(file: Path, outcomes: Sequence[Outcome]) -> None:
    scratch = file.with_name(f".{file.name}.part")
    with scratch.open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, [field.name for field in fields(Outcome)])
        table.writeheader()
        table.writerows(asdict(outcome) for outcome in outcomes)
    sync(scratch)
    scratch.replace(file)
