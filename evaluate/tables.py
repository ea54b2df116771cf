"""The leaderboard as text to paste: Markdown, and LaTeX with booktabs; the best is marked only where it is sure."""

from collections.abc import Callable, Mapping, Sequence

from evaluate.intervals import Interval
from evaluate.results import Result
from evaluate.system import System

_LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
_LATEX |= {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "≈": r"$\approx$"}
_WAYS: Mapping[bool | None, str] = {True: "↑", False: "↓", None: "≈"}
_MARKDOWN = r"\`*_<>[]|#"


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def shown(result: Result) -> str:
    """The value with its interval, or a dash."""
    if result.value is None:
        return "–"
    interval = result.interval
    return number(result.value) + (f" [{number(interval.low)}, {number(interval.high)}]" if interval else "")


def against(result: Result) -> str:
    """What the value is to be read against: real against real, or the reference's own mean."""
    if result.floor is not None:
        return number(result.floor.value)
    return number(result.reference_value.value) if result.reference_value is not None else "–"


def titled(result: Result) -> str:
    """The metric's title, and which way is better; ≈ where nearer to the reference is."""
    return f"{result.title} {_WAYS[result.higher_is_better]}"


def best(results: Sequence[Result]) -> int | None:
    """Return the place of the one that is surely best of one metric's results.

    None unless two or more have numbers, all of them intervals and one protocol, and the best's interval overlaps no
    other; nor where neither higher nor lower is better.
    """
    measured = [place for place, result in enumerate(results) if result.value is not None]
    higher_is_better = results[0].higher_is_better
    if higher_is_better is None or len(measured) < 2 or len({results[place].fingerprint for place in measured}) > 1:
        return None
    known = {place: interval for place in measured if (interval := results[place].interval) is not None}
    if len(known) < len(measured):
        return None
    ends = {place: _goodness(interval, higher_is_better) for place, interval in known.items()}
    first = max(ends, key=lambda place: ends[place][0])
    return first if all(ends[first][0] > high for place, (_, high) in ends.items() if place != first) else None


def clips_of(results: Sequence[Result]) -> str:
    """How many clips stand behind the numbers, of how many: once where all systems have the same."""
    covered = [result.generated_coverage for result in results]
    texts = ["–" if each is None else f"{each.measured} of {each.total}" for each in covered]
    return texts[0] if len(set(texts)) == 1 else " / ".join(texts)


def by_metric(systems: Sequence[System]) -> list[tuple[Result, ...]]:
    """The results of each metric in the systems' order."""
    return list(zip(*(system.results for system in systems), strict=True))


def leaderboard(
    systems: Sequence[System], *, text: Callable[[str], str] = str, mark: Callable[[str], str] = str
) -> list[list[str]]:
    """Rows of cells, the header first: a metric a row, a system a column, what to read them against, and clips.

    `text` escapes titles and names of systems, `mark` marks the best.
    """
    rows = [["metric", *(text(system.name) for system in systems), "real", "clips"]]
    for same in by_metric(systems):
        real = dict.fromkeys(words for result in same if (words := against(result)) != "–")
        rows.append([text(titled(same[0])), *map(shown, same), " / ".join(real) or "–", clips_of(same)])
        if (place := best(same)) is not None:
            rows[-1][1 + place] = mark(rows[-1][1 + place])
    return rows


def markdown(systems: Sequence[System]) -> str:
    """The leaderboard as a Markdown table, what is surely best in bold."""
    header, *rows = leaderboard(systems, text=_in_markdown, mark="**{}**".format)
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(systems: Sequence[System]) -> str:
    """The leaderboard as a LaTeX tabular, what is surely best in bold; needs the package booktabs."""
    header, *rows = leaderboard(systems, text=_in_latex, mark=r"\textbf{{{}}}".format)
    body = "\n".join(" & ".join(row) + r" \\" for row in rows)
    columns = "l" + "r" * (len(header) - 1)
    top = " & ".join(header) + r" \\"
    return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{top}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"


def _goodness(interval: Interval, higher_is_better: bool) -> tuple[float, float]:
    """The interval's ends, turned so that more is better."""
    return (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)


def _in_markdown(cell: str) -> str:
    return "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in _of_one_line(cell))


def _in_latex(cell: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in _of_one_line(cell))


def _of_one_line(cell: str) -> str:
    """Folder names may hold anything, line breaks too."""
    return "".join(letter if letter.isprintable() else " " for letter in cell)
