"""Many videos from a CSV: each row ends as done or failed, and a row whose video is there is not made again."""

import csv
import difflib
import io
import logging
import os
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
OUTCOMES = "outcomes.csv"
MAX_FILE_BYTES = 16 << 20
MAX_ROWS = 100_000

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
    return cells


def sample_rows(rows: Sequence[Row], batch: Batch, sampler: Sampler, *, on_part: Callable[[float, int], None]) -> int:
    """Make the rows' videos and write outcomes.csv after each; return how many are done.

    `on_part` is told (rows done with a part of the one at work, of all). An EmoforgeError at the end when any failed.
    """
    ended: list[Outcome] = []
    for row in rows:
        before = len(ended)

        def on_frame(done: int, total: int, *, before: int = before) -> None:
            on_part(before + done / total, len(rows))

        ended.append(_outcome(before + 1, row, batch, sampler, on_frame))
        _write(batch.folder / OUTCOMES, ended)
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
    """Two rows must not write one file, whatever way its path is written."""
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        place = os.path.normcase(os.path.realpath(file.parent / row["out"]))
        if place in seen:
            raise ConfigError(f"{file}: rows {seen[place]} and {number} both write {row['out']}")
        seen[place] = number


def _write(file: Path, outcomes: Sequence[Outcome]) -> None:
    scratch = file.with_name(f".{file.name}.part")
    with scratch.open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, [field.name for field in fields(Outcome)])
        table.writeheader()
        table.writerows(asdict(outcome) for outcome in outcomes)
    sync(scratch)
    scratch.replace(file)
