"""Asks the disk to keep what was written, before its name is relied on."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Return once the file or folder at `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
