"""The table that all of detection turns about: a row for a clip, a detector and a condition, whoever scored it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import ConfigError
from evaluate.detection.findings import ALL
from evaluate.detection.folds import assign_folds

ORIGINAL, MATCHED = "original", "matched"  # conditions: as it came, and after both sides passed the same crop and codec
REAL = "real"  # the set of the real clips; every other set is a generator

# str unless said: `score` float64 in [0, 1] (nan where the detector abstained), `abstained` the reason or "",
# `is_fake` bool, `fold` int (no cluster is in two), `severity_rank` int (0 for original and matched, then 1, 2, ...).
# `cluster`: clips of one identity, source or duplicate cluster share it. `fitted_without`: the generator that a fitted
# detector never saw ("" for the usual: the clip's own fold left out). Every other column is one of subgroups.
COLUMNS = (
    "set",
    "clip",
    "is_fake",
    "cluster",
    "fold",
    "detector",
    "condition",
    "severity",
    "severity_rank",
    "fitted_without",
    "score",
    "abstained",
)
CLEAN = (ORIGINAL, MATCHED)
KEY = ["set", "clip", "detector", "condition", "severity", "fitted_without"]  # one row each
FOLDS = 5
REAL_OR_FAKE = {"real": False, "0": False, "0.0": False, "false": False}
REAL_OR_FAKE |= {"fake": True, "1": True, "1.0": True, "true": True}
Default = Callable[[pd.DataFrame], "pd.Series | str"]


def read_scores(path: Path, *, folds: int = FOLDS, seed: int = 0) -> pd.DataFrame:
    """Read scores from elsewhere, CSV with a header (UTF-8) or Parquet, into COLUMNS and then its other columns.

    Needed: `clip`, `score` (in [0, 1], higher is more synthetic) and either `is_fake` or `label` (real or fake, 0 or
    1). The others are optional, also cell by cell: `set` is "real" or "fake", `cluster` the clip alone, `detector` the
    file's name, `condition` MATCHED, `severity_rank` the order in which a condition's severities come; `fold` is given
    to clusters if the column is missing. An empty score needs a reason in `abstained`. Scores are never rescaled: what
    a file's lowest and highest score are says nothing about what they mean. Raises ConfigError with the row.
    """
    raw = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    label = _label_column(raw, path)
    if missing := [name for name in ("clip", "score") if name not in raw.columns]:
        raise ConfigError(f"{path} has no column {missing[0]}; it has {', '.join(raw.columns)}")
    text = pd.DataFrame({name: _text(raw[name]) for name in raw.columns if name in {*COLUMNS, "label"}})
    _refuse(text["clip"] == "", path, "clip", text["clip"], "every row needs the clip's name")
    table = pd.DataFrame({"clip": text["clip"], "is_fake": _fakes(text[label], path, label)})
    for name, default in _defaults(path).items():
        given = text[name] if name in text else pd.Series("", text.index)
        table[name] = given.where(given != "", default(table))
    table["score"], table["abstained"] = _scores(text, path)
    _check_names(table, path)
    table["severity_rank"] = _whole(text, "severity_rank", path) if "severity_rank" in text else _ranks(table)
    table["fold"] = _whole(text, "fold", path) if "fold" in text else _folds(table, folds, seed)
    _check_clips(table, path)
    others = raw[[name for name in raw.columns if name not in {*COLUMNS, label}]]
    return pd.concat([table[[*COLUMNS]], others.apply(_numbers_if_all_are)], axis=1).reset_index(drop=True)


def _defaults(path: Path) -> dict[str, Default]:
    """What stands in an empty cell, in an order in which each may use those before it."""
    return {
        "set": lambda table: table.is_fake.map({False: REAL, True: "fake"}),
        "cluster": lambda table: table.set + "/" + table["clip"],
        "detector": lambda table: path.stem,
        "condition": lambda table: MATCHED,
        "severity": lambda table: "",
        "fitted_without": lambda table: "",
    }


def _read_csv(path: Path) -> pd.DataFrame:
    """All cells as text, indexed by line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            numbered = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} can't be read as CSV in UTF-8: {error}") from error
    for line, cells in numbered:
        if len(cells) != len(header):
            raise ConfigError(f"{path}, row {line} has {len(cells)} cells; the header has {len(header)}")
    return _with_columns(
        pd.DataFrame([cells for _, cells in numbered], index=[line for line, _ in numbered], columns=header, dtype=str),
        path,
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    """Columns in their types, indexed by row from 1."""
    try:
        # opened as a file, so that a path that looks like a partition adds no columns
        with path.open("rb") as file:
            content = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"{path} can't be read as Parquet: {error}") from error
    for field in content.schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise ConfigError(
                f"{path}: column {field.name} holds {field.type}; leave it out or make it text or numbers"
            )
    columns = [pd.Series(column.to_pandas().to_numpy(), index=range(1, len(content) + 1)) for column in content.columns]
    table = pd.concat(columns, axis=1) if columns else pd.DataFrame()
    return _with_columns(table.set_axis(content.column_names, axis=1), path)


def _with_columns(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    if twice := sorted(set(table.columns[table.columns.duplicated()])):
        raise ConfigError(f"{path} has more than one column {twice[0] or 'without a name'}")
    if hidden := [name for name in table.columns if not name.isprintable()]:
        raise ConfigError(f"{path}: the name of column {hidden[0]!r} holds control characters")
    if table.empty:
        raise ConfigError(f"{path} has no rows of scores")
    return table.drop(columns="", errors="ignore")  # a column without a name numbers the rows


def _label_column(raw: pd.DataFrame, path: Path) -> str:
    found = [name for name in ("is_fake", "label") if name in raw.columns]
    if len(found) != 1:
        raise ConfigError(
            f"{path} has {'both' if found else 'neither'} is_fake and label; one of them says what is fake"
        )
    return found[0]


def _text(values: pd.Series) -> pd.Series:
    return values.map(lambda value: "" if pd.isna(value) else str(value).strip()).astype(str)


def _fakes(text: pd.Series, path: Path, name: str) -> pd.Series:
    known = text.str.lower().map(REAL_OR_FAKE)
    _refuse(known.isna(), path, name, text, "write real or fake, or 0 or 1")
    if known.nunique() < 2:
        raise ConfigError(
            f"{path}: all {len(known)} rows are {text.iloc[0]}; scores of real and of fake clips are needed"
        )
    return known.astype(bool)


def _scores(text: pd.DataFrame, path: Path) -> tuple[pd.Series, pd.Series]:
    abstained = text.abstained if "abstained" in text else pd.Series("", text.index)
    absent = text.score.str.lower().isin(["", "nan"])
    score = pd.to_numeric(text.score.where(~absent, "nan"), errors="coerce").astype(float)
    _refuse(~absent & score.isna(), path, "score", text.score, "write a number from 0 to 1")
    advice = "scores are probabilities of synthetic from 0 to 1; for others use a fixed function, as 1 / (1 + exp(-x))"
    _refuse(~absent & ~score.between(0, 1), path, "score", text.score, advice)
    advice = "a row without a score needs the reason in the column abstained"
    _refuse(absent & (abstained == ""), path, "score", text.score, advice)
    _refuse(~absent & (abstained != ""), path, "abstained", abstained, "a row has a score or a reason, not both")
    return score, abstained


def _check_names(table: pd.DataFrame, path: Path) -> None:
    for name in (*KEY, "cluster", "abstained"):
        hidden = ~table[name].map(str.isprintable).astype(bool)
        _refuse(hidden, path, name, table[name], "names can't hold control characters")
    advice = f"real clips are of set {REAL}, and no others; a column of another name becomes a subgroup"
    _refuse((table.set == REAL) == table.is_fake, path, "set", table.set, advice)
    _refuse(table.set == ALL, path, "set", table.set, "this name stands for all generators together")
    known = {"", *table.set[table.is_fake]}
    _refuse(~table.fitted_without.isin(known), path, "fitted_without", table.fitted_without, "no such set of fakes")
    clean = table.condition.isin(CLEAN)
    _refuse(clean & (table.severity != ""), path, "severity", table.severity, "only perturbations have one")
    if not (table.condition == MATCHED).any():
        raise ConfigError(f"{path}: no row has the condition {MATCHED} (or none), where thresholds are chosen")


def _check_clips(table: pd.DataFrame, path: Path) -> None:
    _refuse(table.duplicated(KEY), path, "clip", table["clip"], "the detector has a row for it already")
    for one, of in (("cluster", ["set", "clip"]), ("fold", ["cluster"])):
        other = table[one] != table.groupby(of)[one].transform("first")
        _refuse(other, path, one, table[one], f"another row has another {one} for the same {of[-1]}")


def _whole(text: pd.DataFrame, name: str, path: Path) -> pd.Series:
    number = pd.to_numeric(text[name], errors="coerce")
    known = number.between(0, 2**31 - 1) & (number % 1 == 0)
    _refuse(~known, path, name, text[name], "write a whole number from 0 in every row, or leave the column out")
    return number.astype("int64")


def _ranks(table: pd.DataFrame) -> pd.Series:
    """1, 2, ... for a perturbation's severities as they first come, 0 for clean rows."""
    rank = table.groupby("condition").severity.transform(lambda severities: pd.factorize(severities)[0] + 1)
    return rank.where(~table.condition.isin(CLEAN), 0).astype("int64")


def _folds(table: pd.DataFrame, folds: int, seed: int) -> pd.Series:
    clips = table.drop_duplicates(["set", "clip"])
    names = clips.cluster.to_numpy(str)
    fold = assign_folds(names, clips.is_fake.to_numpy(bool), clips.set.to_numpy(str), folds=folds, seed=seed)
    return table.cluster.map(dict(zip(names.tolist(), fold.tolist(), strict=True))).astype("int64")


def _numbers_if_all_are(values: pd.Series) -> pd.Series:
    """A column of text whose every filled cell is a number, as numbers."""
    if pd.api.types.is_numeric_dtype(values):
        return values
    text = _text(values)
    numbers = pd.to_numeric(text.where(text != "", "nan"), errors="coerce")
    return numbers.astype(float) if (numbers.notna() == (text != "")).all() and numbers.notna().any() else text


def _refuse(wrong: pd.Series, path: Path, name: str, values: pd.Series, advice: str) -> None:
    if wrong.any():
        at = int(wrong.to_numpy().argmax())
        raise ConfigError(f"{path}, row {wrong.index[at]}, column {name}: {str(values.iloc[at])[:80]!r}; {advice}")
