"""Self-contained HTML pages with one look: a title, then sections of text, tables, pictures and clips."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Video:
    """A clip to play on the page: mp4 bytes (held in the page) or the path of a file beside it, and a caption."""

    source: bytes | Path
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG or JPEG held in the page, and a caption."""

    content: bytes
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section: a heading, then whatever of text, links (words -> address), table, pictures and videos is given."""

    title: str
    text: str = ""
    table: pd.DataFrame | None = None
    pictures: Sequence[Picture] = field(default=())
    videos: Sequence[Video] = field(default=())
    links: Mapping[str, str] = field(default_factory=dict)


def render(title: str, sections: Sequence[Section], *, lead: str = "") -> str:
    """Return the page as HTML; every text is escaped, since file names and errors come from strangers."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"picture": _picture_address, "video": _video_address, "cell": _cell}
    return environment.get_template("page.html").render(title=title, lead=lead, sections=sections)


def _picture_address(picture: Picture) -> str:
    kind = "png" if picture.content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture.content).decode()}"


def _video_address(video: Video) -> str:
    if isinstance(video.source, bytes):
        return f"data:video/mp4;base64,{base64.b64encode(video.source).decode()}"
    return video.source.as_posix()


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
