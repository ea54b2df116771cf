"""espeak-ng as a program: words and a voice on standard input as JSON, 16-bit samples on standard output.

It runs in a process of its own for each sentence, because the library keeps state: the same words spoken twice in one
process are different samples. The library is GPL, too, and this keeps it out of emoforge's process.
"""

import ctypes
import importlib
import json
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

# Constants of espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
DONT_EXIT = 0x8000
CHARS_UTF8 = 1
RATE, PITCH = 1, 3
POSITION_CHARACTER = 1
LONGEST_DATA_PATH = 120  # the path of its data is kept in a buffer of 160 characters, file names included
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def main() -> None:
    """Speak one request (`{"text", "voice", "pitch", "speed_wpm"}`): first its rate in Hz (uint32), then samples."""
    request = json.load(sys.stdin)
    loader = importlib.import_module("espeakng_loader")
    with tempfile.TemporaryDirectory(prefix="espeak-") as scratch:
        library, rate_hz = _start(Path(loader.get_library_path()), _short_path(Path(loader.get_data_path()), scratch))
        samples = _speak(library, request)
    sys.stdout.buffer.write(struct.pack("<I", rate_hz) + samples)


def _start(path: Path, data: Path) -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(str(path))
    rate_hz = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, str(data).encode(), DONT_EXIT)
    if rate_hz <= 0:
        sys.exit(f"espeak-ng can't read its voices in {data}; pip install --force-reinstall espeakng-loader")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else its breath noise is seeded by the clock
    return library, int(rate_hz)


def _speak(library: ctypes.CDLL, request: dict[str, Any]) -> bytes:
    pieces: list[bytes] = []

    def collect(samples: Any, count: int, _events: int | None) -> int:
        if samples and count:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = CALLBACK(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        sys.exit(f"espeak-ng has no voice {request['voice']!r}; a voice is a language and a variant, like 'en-us+f2'")
    library.espeak_SetParameter(RATE, request["speed_wpm"], 0)
    library.espeak_SetParameter(PITCH, request["pitch"], 0)
    text = request["text"].encode() + b"\0"
    size, none = ctypes.c_size_t(len(text)), ctypes.c_void_p()
    library.espeak_Synth(text, size, 0, POSITION_CHARACTER, 0, CHARS_UTF8, none, none)
    library.espeak_Synchronize()
    return b"".join(pieces)


def _short_path(data: Path, scratch: str) -> Path:
    """Return the data folder under a name that espeak-ng can hold."""
    if len(str(data)) <= LONGEST_DATA_PATH:
        return data
    link = Path(scratch) / "espeak-ng-data"
    link.symlink_to(data)
    return link


if __name__ == "__main__":
    main()
