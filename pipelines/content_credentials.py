"""C2PA manifests: signed into a video, and read back with a verdict. Nothing is asked of the network."""

import io
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

from PIL import Image

from curate.errors import ConfigError, MediaError
from pipelines.provenance import AI_GENERATED, ASSERTION, created_by_ai
from pipelines.signing_identity import Identity, load_identity, own_identity

log = logging.getLogger(__name__)

State = Literal["absent", "valid", "invalid"]

_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_UNTRUSTED = "signingCredential.untrusted"
_SUFFIXES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a file's manifest says and whether it holds."""

    state: State
    trusted: bool = False
    signer: str = ""
    signed_at: str = ""
    generator: str = ""
    ai_generated: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)  # our own assertion
    problems: tuple[str, ...] = ()


@cache
def can_sign() -> bool:
    """Say whether the package c2pa-python is here; warn, once, where it isn't."""
    try:
        import c2pa  # noqa: F401
    except (ImportError, OSError) as error:  # its native library may be missing or of another system
        log.warning("no C2PA manifest is written, only tags: %s; pip install c2pa-python", error)
        return False
    return True


def signing_identity(certificate: str | None, key: str | None) -> Identity:
    """Return the user's identity, tried on a picture of one px, or the self-signed one; ConfigError for a bad one."""
    if certificate is None or key is None:
        return own_identity(Path(os.environ.get("EMOFORGE_CACHE") or Path.home() / ".cache" / "emoforge"))
    identity = load_identity(Path(certificate), Path(key))
    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "PNG")
    picture.seek(0)
    _sign("image/png", picture, io.BytesIO(), {"assertions": [created_by_ai()]}, identity)
    return identity


def sign(video: Path, out: Path, *, definition: Mapping[str, Any], identity: Identity) -> None:
    """Write `video` with a signed manifest to `out`; ConfigError when the certificate can't sign."""
    with video.open("rb") as unsigned, out.open("w+b") as signed:
        _sign("video/mp4", unsigned, signed, definition, identity)


def _sign(kind: str, unsigned: BinaryIO, signed: BinaryIO, definition: Mapping[str, Any], identity: Identity) -> None:
    import c2pa

    signer = c2pa.C2paSignerInfo(
        alg=identity.algorithm.encode(), sign_cert=identity.chain, private_key=identity.key, ta_url=None
    )
    try:
        with (
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Signer.from_info(signer) as signing,
            c2pa.Builder(json.dumps(definition), context) as builder,
        ):
            builder.sign(signing, kind, unsigned, signed)
    except c2pa.C2paError as error:
        raise ConfigError(
            f"nothing can be signed with this certificate: {error}. It must fit C2PA (for digital signatures, with an "
            "extended key usage, not a CA's); or leave the manifest out: --provenance.manifest false"
        ) from error


def read_credentials(file: Path) -> Credentials:
    """Read and check the manifest of a video or picture; MediaError for a file that can't hold one."""
    import c2pa

    kind = _kind(file)
    try:
        with (
            file.open("rb") as content,
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Reader(kind, content, context=context) as reader,
        ):
            return _credentials(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return Credentials(state="absent")
    except c2pa.C2paError as error:
        raise MediaError("unreadable", f"{file} is no whole {kind}, or its manifest is broken: {error}") from error


def _kind(file: Path) -> str:
    if not file.is_file():
        raise MediaError("not_found", f"there is no file {file}")
    with file.open("rb") as content:
        head = content.read(12)
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if file.suffix.lower() not in _SUFFIXES:
        raise MediaError("not_media", f"{file} is no MP4 or picture, which are what carries a manifest")
    return _SUFFIXES[file.suffix.lower()]


def _credentials(store: Mapping[str, Any]) -> Credentials:
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = active.get("signature_info") or {}
    generator = (active.get("claim_generator_info") or [{}])[0]
    codes = [status["code"] for status in store.get("validation_status") or []]
    broken = [code for code in codes if code != _UNTRUSTED]
    return Credentials(
        state="invalid" if broken or store.get("validation_state") not in ("Valid", "Trusted") else "valid",
        trusted=store.get("validation_state") == "Trusted" and _UNTRUSTED not in codes,
        signer=", ".join(filter(None, (signature.get("common_name"), signature.get("issuer")))),
        signed_at=signature.get("time") or "",
        generator=f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        ai_generated=any(action.get("digitalSourceType") == AI_GENERATED for action in _actions(active)),
        claims=_ours(active),
        problems=tuple(broken),
    )


def _assertions(active: Mapping[str, Any], label: str) -> Iterator[Mapping[str, Any]]:
    for assertion in active.get("assertions") or []:
        if str(assertion.get("label", "")).startswith(label) and isinstance(assertion.get("data"), dict):
            yield assertion["data"]


def _actions(active: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for data in _assertions(active, "c2pa.actions"):
        yield from (action for action in data.get("actions") or [] if isinstance(action, dict))


def _ours(active: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(_assertions(active, ASSERTION), {})
