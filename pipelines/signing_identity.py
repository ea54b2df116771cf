"""Who signs manifests: the user's certificate, or a self-signed one, made once, that verifiers don't trust."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from curate.errors import ConfigError

SELF_SIGNED = "emoforge self-signed"
FILE = "signing_identity.pem"
LASTS_DAYS = 3650
MAX_PEM_BYTES = 1 << 20
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A certificate chain and its key, both PEM, and the name that C2PA has for the key's algorithm."""

    chain: bytes
    key: bytes
    algorithm: str


def load_identity(certificate: Path, key: Path) -> Identity:
    """Read the user's PEM files; ConfigError says what is wrong with them."""
    chain, secret = _read(certificate, "certificate"), _read(key, "key")
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        first = certificates[0]
        private = load_pem_private_key(secret, password=None)
        public = first.public_key()
    except TypeError as error:
        raise ConfigError(f"the signing key {key} has a password; give one without: openssl pkey -in KEY") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"the certificate {certificate} or the key {key} is not PEM: {error}"[:300]) from error
    if private.public_key() != public:
        raise ConfigError(f"the key {key} is not that of the certificate {certificate}")
    if first.not_valid_after_utc < datetime.now(UTC):
        raise ConfigError(f"the certificate {certificate} ended on {first.not_valid_after_utc:%Y-%m-%d}")
    return Identity(
        chain=b"".join(one.public_bytes(Encoding.PEM) for one in certificates),
        key=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        algorithm=_algorithm(private, key),
    )


def own_identity(folder: Path) -> Identity:
    """Return the self-signed identity in `folder`, made there (readable by the user alone) the first time.

    It shows tampering, and which videos one user made; it proves nobody's name, and verifiers call it untrusted.
    """
    file = folder / FILE
    try:
        if not file.is_file():
            _write_new(file, _self_signed())
        identity = load_identity(file, file)
    except OSError as error:
        raise ConfigError(
            f"can't keep the signing key in {folder}: {error.strerror}; name another folder by EMOFORGE_CACHE, "
            "or leave the manifest out: --provenance.manifest false"
        ) from error
    except ConfigError as error:
        raise ConfigError(f"{error}; delete {file}, and a new one is made") from error
    return identity


def _read(file: Path, what: str) -> bytes:
    try:
        with file.open("rb") as content:
            return content.read(MAX_PEM_BYTES)
    except OSError as error:
        raise ConfigError(f"can't read the signing {what} {file}: {error.strerror}") from error


def _algorithm(key: PrivateKeyTypes, file: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    raise ConfigError(f"C2PA signs with EC (P-256, P-384, P-521), Ed25519 or RSA (2048 bits or more) keys, not {file}")


def _self_signed() -> bytes:
    """Return a new key and its certificate, PEM, as C2PA asks for (specification 2.2, section 14.5)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "unverified user of emoforge"),
            x509.NameAttribute(NameOID.COMMON_NAME, SELF_SIGNED),
        ]
    )
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=LASTS_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)


def _write_new(file: Path, content: bytes) -> None:
    """Write a file of mode 0600 whole; one that another process wrote meanwhile stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=file.parent, prefix=".tmp-") as scratch:  # of mode 0600
        scratch.write(content)
        scratch.flush()
        os.fsync(scratch.fileno())
        if not file.exists():
            os.link(scratch.name, file)
