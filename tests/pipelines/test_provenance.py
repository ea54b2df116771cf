"""Provenance: what is signed reads back, what is changed is noticed, and no file makes the reader fall over."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from curate.errors import ConfigError, EmoforgeError
from curate.media import probe
from curate.media_writing import read_metadata, write_video
from pipelines.__main__ import main
from pipelines.content_credentials import read_credentials, sign, signing_identity
from pipelines.provenance import Provenance, checked_reference, manifest, read_tags, tags
from pipelines.signing_identity import FILE, SELF_SIGNED
from pipelines.visible_label import check_label, draw_label

MADE = Provenance(
    checkpoint_sha256="c" * 64,
    portrait_sha256="a" * 64,
    audio_sha256="b" * 64,
    seed=7,
    consent_ref="form 12, 2026-01-05",
    settings={"steps": 10, "box": (1.0, 2.0, 30.0, 40.0)},
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key of a user is kept, who is not the one that runs the tests."""
    monkeypatch.delenv("EMOFORGE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home" / ".cache" / "emoforge"


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    pictures = (np.full((64, 64, 3), 5 * i, np.uint8) for i in range(25))
    write_video(tmp_path / "unsigned.mp4", pictures, audio=np.zeros(16_000, np.float32), metadata=tags(MADE))
    return tmp_path / "unsigned.mp4"


@pytest.fixture
def signed(unsigned: Path) -> Path:
    out = unsigned.with_name("signed.mp4")
    sign(unsigned, out, definition=manifest(MADE), identity=signing_identity(None, None))
    return out


def test_a_signed_video_reads_back_what_was_signed(signed: Path) -> None:
    found = read_credentials(signed)
    assert (found.state, found.trusted, found.ai_generated) == ("valid", False, True)
    assert SELF_SIGNED in found.signer
    assert found.generator.startswith("emoforge ")
    assert found.claims["portrait_sha256"] == MADE.portrait_sha256
    assert found.claims["consent_ref"] == MADE.consent_ref
    assert probe(signed).has_audio


def test_the_tags_say_it_too_and_survive_without_a_manifest(unsigned: Path, signed: Path) -> None:
    for file in (unsigned, signed):
        metadata = read_metadata(file)
        assert "AI-generated" in metadata["comment"]
        assert MADE.consent_ref in metadata["comment"]
        assert read_tags(metadata).same_as(MADE)
    assert read_credentials(unsigned).state == "absent"


def test_any_changed_byte_of_the_pictures_or_the_sound_is_noticed(signed: Path, tmp_path: Path) -> None:
    whole = signed.read_bytes()
    begin = whole.rindex(b"mdat") + 4
    for at in np.linspace(begin, len(whole) - 1, 5).astype(int):
        changed = bytearray(whole)
        changed[at] ^= 1
        (tmp_path / "changed.mp4").write_bytes(changed)
        assert read_credentials(tmp_path / "changed.mp4").state == "invalid"


def test_a_changed_claim_is_noticed(signed: Path, tmp_path: Path) -> None:
    changed = signed.read_bytes().replace(b"form 12, 2026-01-05", b"form 99, 2026-01-05")
    (tmp_path / "changed.mp4").write_bytes(changed)
    assert read_credentials(tmp_path / "changed.mp4").state == "invalid"


def test_a_manifest_of_another_video_does_not_hold(signed: Path, unsigned: Path, tmp_path: Path) -> None:
    begin = signed.read_bytes().index(b"mdat")
    other = bytearray(signed.read_bytes())
    other[begin + 4 : begin + 400] = bytes(396)
    (tmp_path / "other.mp4").write_bytes(other)
    assert read_credentials(tmp_path / "other.mp4").state == "invalid"


def test_the_own_key_is_made_once_and_is_for_the_user_alone(cache: Path) -> None:
    first = signing_identity(None, None)
    assert signing_identity(None, None) == first
    assert stat.S_IMODE((cache / FILE).stat().st_mode) == 0o600
    assert list(cache.iterdir()) == [cache / FILE]


def pem_files(folder: Path, *, name: str = "Studio X", days: int = 30, purpose: bool = True) -> tuple[str, str]:
    """A certificate that C2PA accepts, and its key."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "X Ltd")]
    )
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=60))
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if purpose:
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    certificate = builder.sign(key, hashes.SHA384())
    folder.mkdir(exist_ok=True)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_a_certificate_of_the_users_signs(unsigned: Path, tmp_path: Path, cache: Path) -> None:
    identity = signing_identity(*pem_files(tmp_path / "pem"))
    sign(unsigned, tmp_path / "s.mp4", definition=manifest(MADE), identity=identity)
    found = read_credentials(tmp_path / "s.mp4")
    assert found.state == "valid"
    assert "Studio X" in found.signer
    assert not cache.exists(), "no key is made where one is given"


def test_certificates_that_cannot_sign_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    certificate, _ = pem_files(tmp_path / "one")
    other = pem_files(tmp_path / "other")[1]
    with pytest.raises(ConfigError, match="is not that of the certificate"):
        signing_identity(certificate, other)
    with pytest.raises(ConfigError, match="ended on"):
        signing_identity(*pem_files(tmp_path / "old", days=-1))
    with pytest.raises(ConfigError, match="must fit C2PA"):
        signing_identity(*pem_files(tmp_path / "purpose", purpose=False))
    with pytest.raises(ConfigError, match="not PEM"):
        signing_identity(certificate, certificate)
    with pytest.raises(ConfigError, match="can't read the signing key"):
        signing_identity(certificate, str(tmp_path / "none.pem"))


def test_a_locked_key_and_a_broken_own_key_say_what_to_do(tmp_path: Path, cache: Path) -> None:
    certificate, key = pem_files(tmp_path / "pem")
    private = serialization.load_pem_private_key(Path(key).read_bytes(), password=None)
    locked = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    Path(key).write_bytes(locked)
    with pytest.raises(ConfigError, match="has a password"):
        signing_identity(certificate, key)
    cache.mkdir(parents=True)
    (cache / FILE).write_text("rubbish")
    with pytest.raises(ConfigError, match="delete"):
        signing_identity(None, None)


def test_doctor_reads_both_back(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(signed)]) == 0
    said = capsys.readouterr().out
    for text in (
        "valid",
        "untrusted",
        SELF_SIGNED,
        "form 12, 2026-01-05",
        "a" * 64,
        "AI-generated yes",
        "[1.0, 2.0, 30.0, 40.0]",
    ):
        assert text in said


def test_doctor_says_that_a_video_was_changed(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = bytearray(signed.read_bytes())
    changed[-1] ^= 1
    signed.write_bytes(changed)
    assert main(["doctor", str(signed)]) == 2
    said = capsys.readouterr()
    assert "INVALID" in said.out
    assert "not what was signed" in said.err


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "text", "half", "rubbish", "bare_ftyp", "png_that_is_none", "folder", "junk_manifest"]
)
def test_doctor_says_what_is_wrong_with_a_hostile_file(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    whole = signed.read_bytes()
    at = whole.index(b"jumb")
    content = {
        "empty": b"",
        "text": b"la la la",
        "half": whole[: len(whole) // 2],
        "rubbish": whole[:40] + np.random.default_rng(0).bytes(5000),
        "bare_ftyp": whole[:8],
        "png_that_is_none": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "junk_manifest": whole[: at + 20] + b"\xff" * 300 + whole[at + 320 :],
    }
    file = tmp_path / (kind + (".png" if kind.startswith("png") else ".mp4"))
    if kind == "folder":
        file.mkdir()
    elif kind in content:
        file.write_bytes(content[kind])
    assert main(["doctor", str(file)]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert kind in said


def test_a_strangers_text_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sly = {"comment": "\x1b[2Jfine\r\n" + "x" * 5000, "description": '{"seed": 1'}
    write_video(tmp_path / "sly.mp4", [np.zeros((64, 64, 3), np.uint8)], metadata=sly)
    assert main(["doctor", str(tmp_path / "sly.mp4")]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert len(said) < 1000


def test_an_ordinary_video_has_nothing_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "plain.mp4", [np.zeros((64, 64, 3), np.uint8)])
    assert main(["doctor", str(tmp_path / "plain.mp4")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said] == [["tags", "none"], ["manifest", "none:"]]


def test_a_picture_without_a_manifest_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    assert main(["doctor", str(tmp_path / "p.png")]) == 0
    assert "none" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "   ", "x" * 501, "a\x1b[2J"])
def test_a_consent_reference_is_a_line_of_text(text: str) -> None:
    with pytest.raises(ConfigError, match="consent-ref"):
        checked_reference(text)
    assert checked_reference("  form\n 12 ") == "form 12"


def test_a_label_is_drawn_into_the_corner_and_nowhere_else() -> None:
    grey = np.full((200, 300, 3), 120, np.uint8)
    marked = draw_label("AI-generated", width=300, height=200).over(grey)
    changed = (marked != grey).any(axis=2)
    assert changed[180:, 200:].mean() > 0.3
    assert not changed[:150].any()
    assert not changed[:, :150].any()
    assert marked[180:, 200:].max() > 180 > 100 > marked[180:, 200:].min(), "bright letters on a dark ground"


@pytest.mark.parametrize("width", [32, 64])
def test_a_label_fits_a_small_picture(width: int) -> None:
    assert draw_label("AI-generated by a machine", width=width, height=64).drawn.shape[1] <= width


@pytest.mark.parametrize("text", ["", "x" * 61, "生成", "a\nb"])
def test_a_label_that_cannot_be_drawn_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"provenance\.label"):
        check_label(text)


def test_an_unwritable_cache_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EMOFORGE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EmoforgeError, match=r"--provenance\.manifest false"):
        signing_identity(None, None)
