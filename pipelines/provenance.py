"""What a sampled video says of itself: that it is AI-generated, by what, from what, and with whose consent.

The same record goes into plain tags of the container, which survive where a manifest is stripped, and into a C2PA
manifest (pipelines.content_credentials), which shows tampering.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from curate.errors import ConfigError

GENERATOR = "emoforge"
ASSERTION = "org.emoforge.sample"
TITLE = "AI-generated talking portrait"
# The IPTC's word for media that a trained model made, which C2PA asks for in c2pa.created
AI_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MAX_REFERENCE = 500  # characters of a consent reference


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a video was made from; equal records mean the same pictures."""

    checkpoint_sha256: str
    portrait_sha256: str
    audio_sha256: str
    seed: int
    consent_ref: str | None
    settings: Mapping[str, Any]  # all else that the pictures depend on

    def same_as(self, other: "Provenance") -> bool:
        """Whether both say the same, once written."""
        return _as_json(self) == _as_json(other)


def tags(made: Provenance) -> dict[str, str]:
    """Return tags of an MP4 container: a sentence for people, and the record as JSON."""
    consent = f" Consent: {made.consent_ref}." if made.consent_ref else " No consent reference was given."
    return {
        "title": TITLE,
        "comment": f"AI-generated (trained algorithmic media) by {GENERATOR} {generator_version()}.{consent}",
        "description": _as_json(made),
        "encoding_tool": f"{GENERATOR} {generator_version()}",
    }


def read_tags(metadata: Mapping[str, str]) -> Provenance | None:
    """Return the record in a container's tags; None where there is none that can be read."""
    try:
        values = json.loads(metadata.get("description", ""))
        return Provenance(**values)
    except (ValueError, TypeError, RecursionError):
        return None


def manifest(made: Provenance) -> dict[str, Any]:
    """Return the definition of a C2PA manifest."""
    # As text: of a list of small numbers the reader makes bytes
    data = asdict(made) | {"settings": json.dumps(made.settings, sort_keys=True)}
    return {
        "claim_generator_info": [_agent()],
        "title": TITLE,
        "format": "video/mp4",
        "assertions": [created_by_ai(), {"label": ASSERTION, "data": data}],
    }


def created_by_ai() -> dict[str, Any]:
    """Return the assertion that a model made the file, which every manifest begins with."""
    created = {"action": "c2pa.created", "digitalSourceType": AI_GENERATED, "softwareAgent": _agent()}
    return {"label": "c2pa.actions.v2", "data": {"actions": [created]}}


def _agent() -> dict[str, str]:
    return {"name": GENERATOR, "version": generator_version()}


def checked_reference(text: str | None) -> str | None:
    """Return a consent reference as it will be written; ConfigError when it can't be."""
    if text is None:
        return None
    reference = " ".join(text.split())
    if not reference or len(reference) > MAX_REFERENCE or not reference.isprintable():
        raise ConfigError(
            f"--consent-ref {text[:40]!r} must be 1-{MAX_REFERENCE} printable characters, such as the number or "
            "address of a signed consent"
        )
    return reference


def sha256(file: Path) -> str:
    """Return the hash of a file's bytes."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def generator_version() -> str:
    """Return the version of emoforge."""
    try:
        return version(GENERATOR)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _as_json(made: Provenance) -> str:
    return json.dumps(asdict(made), sort_keys=True, ensure_ascii=False)
