"""Texts of flags, or of a CSV's cells, as a request for one video."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from curate.errors import ConfigError, MediaError
from curate.file_names import names_file
from pipelines.sample_work import Box, Request


def request_of(cells: Mapping[str, str | Path | None], *, folder: Path, paste_back: bool, separate: bool) -> Request:
    """Return what the cells portrait, audio, out, vocals, box, face_region, speed, seed and consent_ref ask for.

    Paths are relative to `folder`. ConfigError names the cell that can't be read.
    """

    def path(name: str) -> Path:
        return folder / str(cells[name])

    return Request(
        portrait=path("portrait"),
        audio=path("audio"),
        out=path("out"),
        vocals=path("vocals") if cells.get("vocals") is not None else None,
        separate=separate and cells.get("vocals") is None,
        box=_box(str(cells["box"]), "box") if cells.get("box") is not None else None,
        face_region=_region(str(cells["face_region"]), folder) if cells.get("face_region") is not None else None,
        speed_deg=_speed(str(cells["speed"]), folder) if cells.get("speed") is not None else None,
        paste_back=paste_back,
        seed=_seed(str(cells["seed"])) if cells.get("seed") is not None else None,
        consent_ref=str(cells["consent_ref"]) if cells.get("consent_ref") is not None else None,
    )


def check_request(request: Request) -> None:
    """Raise an EmoforgeError unless the inputs are there and `out` can be a video that replaces none of them."""
    inputs = {"portrait": request.portrait, "audio": request.audio, "vocals": request.vocals}
    if isinstance(request.face_region, Path):
        inputs["face region"] = request.face_region
    if request.speed_deg is not None and names_file(request.speed_deg):
        inputs["speed"] = Path(request.speed_deg)
    for what, file in inputs.items():
        if file is not None and not file.is_file():
            raise MediaError("not_found", f"there is no {what} file {file}")
    out = request.out
    if out.suffix.lower() != ".mp4":
        raise ConfigError(f"the video to write must end in .mp4, not {out.name!r}")
    if out.is_dir():
        raise ConfigError(f"{out} is a folder; name a video in it")
    if any(file is not None and file.resolve() == out.resolve() for file in inputs.values()):
        raise ConfigError(f"{out} is one of the inputs, which the video would replace; name another file")


def _box(text: str, name: str) -> Box:
    try:
        left, top, right, bottom = (float(edge) for edge in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"{name} {text[:60]!r} must be four numbers, left,top,right,bottom in px of the upright portrait"
        ) from error
    return left, top, right, bottom


def _region(text: str, folder: Path) -> Path | Box | Literal["all"]:
    if text == "all":
        return "all"
    if names_file(folder / text):
        return folder / text
    if "," in text:
        return _box(text, "face_region")
    raise ConfigError(
        f"face_region {text[:60]!r} is neither a box (left,top,right,bottom), nor a mask picture, nor all"
    )


def _speed(text: str, folder: Path) -> str:
    """Return the text, or where the file that it names is."""
    return str(folder / text) if names_file(folder / text) else text


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise ConfigError(f"seed {text[:40]!r} must be a whole number from 0")
    return int(text)
