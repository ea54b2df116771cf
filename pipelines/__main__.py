"""The `emoforge` command: finds the subcommand, parses its flags, and turns errors into one clear message."""

import difflib
import logging
import os
import sys
from pathlib import Path

# name -> one line of help; each lives in pipelines/<name>.py (- as _), imported only when called
COMMANDS = {
    "curate": "videos in, Parquet shards of talking-face clips out",
    "select": "re-decide a curated corpus from its stored scores, without opening a video",
    "split": "split a corpus into train, val and test; no person, source or duplicate on two sides",
    "score": "add a scorer's numbers to a curated corpus",
    "separate": "take the voice out of a corpus' sound, for training on songs",
    "fit-sync": "fit the audio-visual sync model on a curated corpus",
    "train": "train one stage of the EMO model on shards",
    "sample": "a portrait and a voice in, a talking video out",
    "studio": "a page in the browser: portrait and voice in, talking video and its scores out",
    "evaluate": "score generated videos against reference videos",
    "detect": "how well detectors tell generated videos from real ones, with what certainty",
    "weights": "list or fetch pretrained weights",
    "doctor": "check this machine and its packages",
    "demo": "the whole path on a sample corpus (or your own videos), ending in one report",
}

USAGE_ERROR, INTERRUPTED = 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0 well, 1 broken, 2 wrong input, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else USAGE_ERROR
    if argv[0] == "--version":
        return _version()
    if argv[0] not in COMMANDS:
        near = difflib.get_close_matches(argv[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(COMMANDS)}"
        print(f"emoforge: unknown command {argv[0]!r}; {hint}", file=sys.stderr)
        return USAGE_ERROR
    return _guarded(argv[0], argv[1:])


def _help() -> str:
    rows = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    return (
        "usage: emoforge COMMAND ...\n\nBuilds EMO end to end: curates talking videos into shards, trains and samples\n"
        f"the model, and scores what it makes.\n\ncommands:\n{rows}\n\n"
        "emoforge COMMAND --help explains its inputs, units and defaults."
    )


def _version() -> int:
    from importlib.metadata import version

    print(f"emoforge {version('emoforge')}")
    return 0


def _guarded(name: str, argv: list[str]) -> int:
    from curate.errors import EmoforgeError

    try:
        _run(name, argv)
    except EmoforgeError as error:
        print(f"emoforge {name}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"\nemoforge {name}: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again at exit
        return 1
    except OSError as error:
        print(f"emoforge {name}: {error.strerror or error}: {error.filename or 'the output folder'}", file=sys.stderr)
        return 1
    return 0


def _run(name: str, argv: list[str]) -> None:
    from curate import weights
    from pipelines.command_line import run_command

    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)  # the run folder's log has the rest
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[console])
    folders = [Path(place) for place in os.environ.get("EMOFORGE_WEIGHTS", "").split(os.pathsep) if place]
    cache = os.environ.get("EMOFORGE_CACHE")
    weights.use_folders(folders, cache=Path(cache) if cache else None)
    run_command(name, argv)


if __name__ == "__main__":
    sys.exit(main())
