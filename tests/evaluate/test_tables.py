"""The tables to paste: strangers' names stay in their cells, and the best is marked only where it is sure."""

import re

import pytest

from evaluate.intervals import Interval
from evaluate.results import Coverage, Result
from evaluate.system import System
from evaluate.tables import best, clips_of, latex, leaderboard, markdown
from tests.evaluate.clips import sets

HOSTILE = "a|b_<b>&\\%{}\n[x](y)"


def result(
    value: float | None, ends: tuple[float, float] | None = None, *, higher: bool | None = True, protocol: str = "p"
) -> Result:
    interval = None if ends is None else Interval(low=ends[0], high=ends[1], level=0.95, how="made by hand")
    coverage = Coverage(measured=3, total=4)
    return Result(
        name="m",
        title="Title",
        value=value,
        higher_is_better=higher,
        protocol={"name": protocol},
        interval=interval,
        generated_coverage=coverage,
    )


def system(name: str, *results: Result) -> System:
    return System(name=name, sets=sets([], []), results=results)


@pytest.mark.parametrize(
    ("results", "place"),
    [
        ([result(1.0, (0.5, 1.5)), result(3.0, (2.0, 4.0))], 1),
        ([result(1.0, (0.5, 1.5), higher=False), result(3.0, (2.0, 4.0), higher=False)], 0),
        ([result(1.0, (0.5, 2.0)), result(3.0, (2.0, 4.0))], None),
        ([result(1.0, (0.5, 9.0)), result(3.0, (2.0, 4.0)), result(1.0, (0.5, 1.5))], None),
        ([result(1.0), result(3.0, (2.0, 4.0))], None),
        ([result(None), result(3.0, (2.0, 4.0))], None),
        ([result(3.0, (2.0, 4.0))], None),
        ([result(None), result(1.0, (0.5, 1.5)), result(3.0, (2.0, 4.0))], 2),
        ([result(1.0, (0.5, 1.5), higher=None), result(3.0, (2.0, 4.0), higher=None)], None),
        ([result(1.0, (0.5, 1.5), protocol="q"), result(3.0, (2.0, 4.0))], None),
    ],
)
def test_the_best_is_named_only_where_its_interval_overlaps_no_other(results: list[Result], place: int | None) -> None:
    assert best(results) == place


def test_only_the_best_is_bold() -> None:
    systems = [system("one", result(1.0, (0.5, 1.5))), system("two", result(3.0, (2.0, 4.0)))]
    assert leaderboard(systems)[1] == ["Title ↑", "1 [0.5, 1.5]", "3 [2, 4]", "–", "3 of 4"]
    assert "| 1 [0.5, 1.5] | **3 [2, 4]** |" in markdown(systems)
    assert r"& 1 [0.5, 1.5] & \textbf{3 [2, 4]} &" in latex(systems)
    unsure = [system("one", result(1.0, (0.5, 2.5))), system("two", result(3.0, (2.0, 4.0)))]
    assert "**" not in markdown(unsure)
    assert "textbf" not in latex(unsure)


def test_a_strangers_name_stays_in_its_cell() -> None:
    systems = [system(HOSTILE, result(1.0)), system("two", result(None))]
    rows = markdown(systems).splitlines()
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6, 6, 6]
    assert "<b>" not in rows[0].replace(r"\<b\>", "")
    lines = latex(systems).splitlines()
    header = lines[2]
    assert len(re.findall(r"(?<!\\)&", header)) == 4
    assert len(lines) == 7
    bare = header.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")


def test_clips_are_said_once_where_all_systems_have_as_many() -> None:
    assert clips_of([result(1.0), result(2.0)]) == "3 of 4"
    other = Result(name="m", title="T", value=None, higher_is_better=True, protocol={}, absent="no weights")
    assert clips_of([result(1.0), other]) == "3 of 4 / –"
