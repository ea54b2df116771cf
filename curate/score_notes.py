"""What a score means and its unit, in the words of its scorer's docstring."""

import inspect
import re
import typing
from collections.abc import Sequence

from curate import plugins
from curate.scoring import score_names

LONGEST = 150

_REPAIR = {
    "audio_shift_s": "Seconds by which the repair moved the sound; 0 where it was left alone",
    "sync_offset_before_s": "Seconds, above 0 where the sound came late, before the repair",
    "sync_confidence_before": "How sure the offset was before the repair, 0 to 1",
}


def score_notes(scorers: Sequence[str]) -> dict[str, str]:
    """Return a sentence by score name for the numbers of these scorers, and for what a repair adds."""
    return {name: _note(scorer, name) for scorer in scorers for name in score_names(scorer)} | _REPAIR


def _note(scorer: str, name: str) -> str:
    function = plugins.load("curate.scorers", scorer)
    if name == scorer:
        return _first_sentence(inspect.getdoc(function) or "")
    kind = typing.get_type_hints(function)["return"]
    text = " ".join((inspect.getdoc(kind) or "").split())
    part = re.search(rf"`{re.escape(name.removeprefix(scorer + '_'))}`: (.*)", text)
    return _first_sentence(part[1] if part else "" if "`" in text else text)


def _first_sentence(text: str) -> str:
    sentence = re.split(r"(?<=\w)\.(?:\s|$)|;\s|\n\n", text.strip(), maxsplit=1)[0]
    joined = " ".join(sentence.split()).rstrip(".")
    joined = re.sub(r" \([^)\]]*$", "", joined)  # an aside that was cut off in its middle
    shown = joined if len(joined) <= LONGEST else joined[: LONGEST - 1].rsplit(" ", 1)[0] + " …"
    return shown[:1].upper() + shown[1:]
