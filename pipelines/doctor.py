"""Check this machine: packages that fit together, codecs, weights, memory and disk; say what to do about each fault.

With a file: say whether it calls itself AI-generated, of what it was made and by whom it was signed, and whether it was
changed since.
"""

import argparse
import importlib
import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curate.errors import EmoforgeError


@dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """Nothing to set."""


CONFIG = DoctorConfig


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at; `advice` is empty when all is well."""

    subject: str
    seen: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the file to look at, if any."""
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="a video whose origin is read back, instead of this machine"
    )


def run(args: argparse.Namespace, config: DoctorConfig) -> None:
    """Print what was found; EmoforgeError when something must be mended, or the file is not what was signed."""
    if args.file is not None:
        from pipelines.provenance_report import print_provenance

        print_provenance(args.file)
        return
    findings = [finding for check in CHECKS for finding in check()]
    for finding in findings:
        print(f"{'ok  ' if not finding.advice else 'MEND'} {finding.subject:<18} {finding.seen}")
        if finding.advice:
            print(f"     {finding.advice}")
    faults = sum(bool(finding.advice) for finding in findings)
    if faults:
        raise EmoforgeError(f"{faults} of {len(findings)} checks failed; each line above says what to do")


def _python() -> Iterator[Finding]:
    advice = "" if sys.version_info >= (3, 11) else "emoforge needs Python 3.11 or newer"
    yield Finding(subject="python", seen=platform.python_version(), advice=advice)


def _packages() -> Iterator[Finding]:
    for name, module in (
        ("torch", "torch"),
        ("torchvision", "torchvision"),
        ("diffusers", "diffusers"),
        ("ray", "ray"),
        ("c2pa-python", "c2pa"),
    ):
        try:
            importlib.import_module(module)
            yield Finding(subject=name, seen=_version(name))
        except (ImportError, RuntimeError) as error:  # a torchvision of another torch fails with RuntimeError
            advice = f"{error}; install torch and torchvision together: pip install --upgrade torch torchvision"
            yield Finding(subject=name, seen=_version(name), advice=advice)


def _one_opencv() -> Iterator[Finding]:
    """OpenCV's wheels overwrite one another's files: of several, all must have one version."""
    wheels = {
        str(d.metadata["Name"]): d.version
        for d in importlib.metadata.distributions()
        if str(d.metadata["Name"]).startswith("opencv-")
    }
    seen = ", ".join(f"{name} {version}" for name, version in sorted(wheels.items()))
    mixed = len(set(wheels.values())) > 1
    advice = "keep one OpenCV wheel: pip uninstall the others, then pip install --force-reinstall it" if mixed else ""
    yield Finding(subject="opencv", seen=seen, advice=advice)


def _import_names() -> Iterator[Finding]:
    """`evaluate` is also a Hugging Face package: ours must be the one that is imported."""
    here = Path(__file__).resolve().parent.parent
    for name in ("curate", "train", "evaluate", "pipelines"):
        file = Path(str(importlib.import_module(name).__file__)).resolve()
        foreign = not file.is_relative_to(here)
        advice = f"another package named {name} is in the way: pip uninstall it" if foreign else ""
        yield Finding(subject=f"import {name}", seen=str(file.parent), advice=advice)


def _codecs() -> Iterator[Finding]:
    import av

    for codec in ("libx264", "aac", "flac"):
        there = codec in av.codecs_available
        yield Finding(
            subject=f"codec {codec}",
            seen="there" if there else "missing",
            advice="" if there else "pip install --force-reinstall av",
        )


def _weights() -> Iterator[Finding]:
    from curate import weights

    for name in weights.embedded():
        try:
            yield Finding(subject="weights", seen=str(weights.path(name)))
        except EmoforgeError as error:
            yield Finding(subject="weights", seen=f"{name} missing", advice=str(error))


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding(subject="disk here", seen=f"{free:.0f} GB free", advice="" if free > 2 else "free some space")
    shared = Path("/dev/shm")  # noqa: S108 - not a temporary file: the size of Ray's object store is at stake
    if shared.is_dir():
        size = shutil.disk_usage(shared).total / 1e9
        advice = "" if size > 0.3 else "Ray needs more shared memory: start the container with --shm-size=1g"
        yield Finding(subject="shared memory", seen=f"{size:.1f} GB", advice=advice)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python, _packages, _one_opencv, _import_names, _codecs, _weights, _disk,
)  # fmt: skip
