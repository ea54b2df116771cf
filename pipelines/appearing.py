"""A file that appears whole or not at all, with what a killed try left behind cleared away by the next."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.durable import sync
from curate.errors import EmoforgeError


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Give a name in a folder of our own beside `out`; the file there becomes `out` when all went well.

    Other files in that folder go with it. EmoforgeError when another process is making the same file.
    """
    folder = out.with_name(f".{out.name}.part")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EmoforgeError(
                f"another emoforge command is making {out}; wait for it, or name another file"
            ) from error
        try:
            for left in folder.iterdir():
                if left.name != "lock":
                    left.unlink()
            yield folder / "video.mp4"
            sync(folder / "video.mp4")
            (folder / "video.mp4").replace(out)
            sync(out.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
