"""What a video says of its own origin, in its tags and its C2PA manifest, for people to read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.errors import EmoforgeError, MediaError
from pipelines.content_credentials import Credentials, can_sign, read_credentials
from pipelines.provenance import read_tags

LONGEST = 300  # characters of a text that a stranger's file holds


def print_provenance(file: Path) -> None:
    """Print what the file says; EmoforgeError when it is no media, or was changed after it was signed."""
    credentials = read_credentials(file) if can_sign() else None
    for subject, text in (*_of_tags(file), *_of_manifest(credentials)):
        print(f"{subject:<14} {_plain(text)}")
    if credentials is not None and credentials.state == "invalid":
        raise EmoforgeError(
            f"{file} is not what was signed: it was changed afterwards, or its signature is broken "
            f"({_plain(', '.join(credentials.problems) or 'no reason given')})"
        )


def _of_tags(file: Path) -> Iterator[tuple[str, str]]:
    from curate.media_writing import read_metadata

    try:
        metadata = read_metadata(file)
    except MediaError:
        metadata = {}
    made = read_tags(metadata)
    yield "tags", metadata.get("comment") or "none"
    if made is not None:
        yield from _of_record("  ", asdict(made))


def _of_manifest(credentials: Credentials | None) -> Iterator[tuple[str, str]]:
    if credentials is None:
        yield "manifest", "not looked for: pip install c2pa-python"
        return
    if credentials.state == "absent":
        yield "manifest", "none: nothing was signed, or it was stripped"
        return
    holds = "valid: nothing was changed since it was signed"
    yield "manifest", holds if credentials.state == "valid" else "INVALID"
    trust = "trusted" if credentials.trusted else "untrusted: nobody known here vouches for that name"
    yield "  signed by", f"{credentials.signer or 'unknown'} ({trust})"
    if credentials.signed_at:
        yield "  signed at", credentials.signed_at
    yield "  made by", credentials.generator or "unknown"
    yield "  AI-generated", "yes" if credentials.ai_generated else "not said"
    yield from _of_record("  ", credentials.claims)


def _of_record(indent: str, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    names = {
        "checkpoint_sha256": "checkpoint",
        "portrait_sha256": "portrait",
        "audio_sha256": "audio",
        "seed": "seed",
        "consent_ref": "consent",
        "settings": "settings",
    }
    for key, name in names.items():
        value = record.get(key)
        if value is not None:
            yield indent + name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _plain(text: str) -> str:
    """Return a text from a stranger's file without what a terminal would obey."""
    shown = "".join(c if c.isprintable() else "?" for c in str(text))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
