"""Sets of videos as the command line names them: NAME=DIR, or a folder that gives its own name."""

from collections.abc import Collection, Sequence
from pathlib import Path

from curate.errors import EmoforgeError
from pipelines.measuring import Place


def named_places(texts: Sequence[str], *, flag: str, taken: Collection[str]) -> dict[str, Place]:
    """Return where every set lies, by name; EmoforgeError for a name given twice, or one that can't be a folder's."""
    places: dict[str, Place] = {}
    for text in texts:
        name, equals, place = text.partition("=")
        path = Path(place if equals else text)
        label = name if equals else (path.stem if path.is_file() else path.resolve().name)
        if not label or label in (*places, *taken) or not _is_plain(label):
            raise EmoforgeError(f"{flag} {text}: two sets can't share a name, nor hold / in it; say NAME=DIR")
        places[label] = Place(path=path.absolute())
    return places


def _is_plain(label: str) -> bool:
    return label not in (".", "..") and not set(label) & set("/\\\0")
