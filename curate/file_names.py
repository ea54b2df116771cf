"""Whether a text that may be many things names a file."""

import os
from pathlib import Path


def names_file(text: str | Path) -> bool:
    """Return whether a regular file lies there; False too for what no file system takes as a name."""
    return os.path.isfile(text)  # noqa: PTH113 - Path.is_file raises where a name is too long
