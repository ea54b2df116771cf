"""Self-contained HTML pages with one look: a title, then sections of text, tables, pictures, drawings and clips."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import jinja2
import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Video:
    """A clip to play on the page: mp4 bytes (held in the page) or the path of a file beside it, and a caption.

    Without a source, `absent` says why, in its place.
    """

    source: bytes | Path | None
    caption: str = ""
    absent: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG or JPEG held in the page, and a caption."""

    content: bytes
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """An SVG drawn with the page's own colours (its style's classes), under a title and above a note.

    `svg` goes into the page as it is: only code that escapes what it draws may make one (curate.report_pictures).
    """

    svg: str
    title: str = ""
    note: str = ""
    shape: Literal["small", "wide", "tall"] = "small"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section: a heading, then whatever of text, links (words -> address), drawings, table, pictures and videos is
    given, then smaller sections.

    `warnings` come first of all, each marked as one; `columns`: drawings side by side where the page is wide.
    """

    title: str
    text: str = ""
    warnings: Sequence[str] = field(default=())
    table: pd.DataFrame | None = None
    pictures: Sequence[Picture] = field(default=())
    drawings: Sequence[Drawing] = field(default=())
    columns: Literal[3, 4] = 3
    videos: Sequence[Video] = field(default=())
    links: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence["Section"] = field(default=())


def render(
    title: str,
    sections: Sequence[Section],
    *,
    answer: str = "",
    lead: str = "",
    figures: Mapping[str, str] | None = None,
) -> str:
    """Return the page as HTML; every text is escaped, since file names and errors come from strangers.

    `answer` is the one sentence that the page is for, `figures` the few numbers to be seen first, by what they count.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"picture": _picture_address, "video": _video_address, "cell": _cell}
    page = environment.get_template("page.html")
    return page.render(title=title, answer=answer, lead=lead, sections=sections, figures=figures or {})


def _picture_address(picture: Picture) -> str:
    kind = "png" if picture.content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture.content).decode()}"


def _video_address(video: Video) -> str:
    if isinstance(video.source, bytes):
        return f"data:video/mp4;base64,{base64.b64encode(video.source).decode()}"
    return "" if video.source is None else video.source.as_posix()


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
