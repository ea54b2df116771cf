"""Pieces of the page: how far the work is, what went wrong, the scores, and what the video must be called."""

import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.studio_scores import Score
    from pipelines.studio_work import Progress

IDLE = "Choose a portrait and a voice, then press <b>Make the video</b>."
BETTER = {True: "▲ higher is better", False: "▼ lower is better", None: "no better or worse"}


def header(model: str) -> str:
    """The page's name, and which model it samples."""
    return (
        "<header><h1>emoforge studio</h1><p>A portrait and a voice in, a talking video out. Nothing leaves this "
        f"machine.</p><p>Model: {escape(model)}</p></header>"
    )


def idle(text: str = IDLE) -> str:
    """A quiet line; `text` is HTML of ours."""
    return f'<div class="status" role="status">{text}</div>'


def busy(what: str, progress: "Progress | None" = None) -> str:
    """What is being done, and a bar once frames are counted."""
    if progress is None or progress.waits:
        said = "Waiting until another video is done" if progress else escape(what)
        return f'<div class="status busy" role="status"><p>{said} …</p><div class="bar"><i></i></div></div>'
    share = 100 * progress.done / max(1, progress.total)
    left = "" if progress.left_s is None else f", about {_duration(progress.left_s)} left"
    bar = f'<div class="bar" role="progressbar" aria-valuenow="{share:.0f}"><b style="width:{share:.1f}%"></b></div>'
    said = f"{escape(what)}: frame {progress.done} of {progress.total}{left}"
    return f'<div class="status busy" role="status"><p>{said}</p>{bar}</div>'


def failed(what: str, why: str) -> str:
    """What went wrong, and why in the words of the error."""
    return f'<div class="status failed" role="alert"><b>{escape(what)}</b> {escape(_sentence(why))}</div>'


def done(n_frames: int, seconds: float) -> str:
    """That the video is there."""
    return f'<div class="status done" role="status">Done: {n_frames} frames in {_duration(seconds)}.</div>'


def scores(rows: "Iterable[Score]") -> str:
    """The scores that could be measured, each with its meaning; then those that could not, by their reasons."""
    every = list(rows)
    measured = [score for score in every if score.value is not None]
    cards = "".join(map(_card, measured))
    missing = _missing([score for score in every if score.value is None], shown=not measured)
    return f'<section class="scores"><h3>Scores of this video</h3><ul class="cards">{cards}</ul>{missing}</section>'


def statement(lines: Iterable[str]) -> str:
    """What the video is, for whoever shows it to others."""
    return '<section class="statement">' + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</section>"


def _card(score: "Score") -> str:
    value = math.nan if score.value is None else score.value
    return (
        f'<li data-score="{escape(score.name)}"><span class="value">{value:.2f}</span>'
        f"<b>{escape(score.title)}</b><em>{BETTER[score.higher_is_better]}</em><p>{escape(score.meaning)}</p></li>"
    )


def _missing(absent: "list[Score]", *, shown: bool) -> str:
    titles: dict[str, list[str]] = {}
    for score in absent:
        titles.setdefault(_without_code(score.absent or "no number came out"), []).append(score.title)
    items = "".join(f"<li>{escape(', '.join(names))}: {escape(why)}</li>" for why, names in titles.items())
    opened = " open" if shown else ""
    return f"<details{opened}><summary>Not measured</summary><ul>{items}</ul></details>" if items else ""


def _without_code(reason: str) -> str:
    code, colon, text = reason.partition(": ")
    return text if colon and " " not in code else reason


def _sentence(text: str) -> str:
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{math.ceil(seconds / 60)} min"
