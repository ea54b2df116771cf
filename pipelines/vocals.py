"""The voice of a mix, by a separator that is installed or the user's own program.

Tried in this order: `audio-separator`, `demucs`. Each fetches its own weights the first time.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import ConfigError, EmoforgeError, MediaError
from curate.user_command import fill, find_program, placeholders, run_command

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSTALLED = {
    "audio-separator": "audio-separator {audio} --single_stem Vocals --output_format WAV --output_dir {out_dir}",
    "demucs": "demucs --two-stems=vocals --out {out_dir} {audio}",
}
WITHOUT_VOICE = ("no_vocals", "no-vocals", "minus_vocals", "instrumental")  # names of the rest of the mix
SHORTEST_LIMIT_S, SLOWEST = 900.0, 20.0  # seconds for a start with a download, then per second of sound on a CPU
MAX_OFF_S = 0.5  # of the length


def separate(audio: Path, out: Path, *, separator: str | None = None, limit_s: float | None = None) -> Path | None:
    """Write the vocals of the mix `audio` to the WAV file `out`, at the mix's rate and as long to the sample.

    `separator` is a program and its arguments: `{audio}` is the mix as WAV, and `{out}` the file to write or
    `{out_dir}` a folder in which one file has "vocals" in its name. No shell reads it. Returns None when there is no
    `separator` and none is installed. Raises EmoforgeError for a program that is missing, fails, takes over `limit_s`
    (15 minutes, or 20 times the sound), or whose vocals are not within 0.5 s of the mix's length.
    """
    template = separator if separator is not None else installed_separator()
    if template is None:
        return None
    _check(template)
    mix, rate_hz = _read_mix(audio)
    with tempfile.TemporaryDirectory(prefix="emoforge-vocals-") as scratch:
        vocals = _separated(mix, rate_hz, template, Path(scratch), limit_s)
    from pipelines.sound_files import write_wav

    write_wav(out, _fitted(vocals, mix.shape[1], rate_hz), rate_hz)
    return out


def installed_separator() -> str | None:
    """Return the command of the first installed separator."""
    return next((template for name, template in INSTALLED.items() if find_program(name)), None)


def _check(template: str) -> None:
    fill(template, dict.fromkeys(("audio", "out", "out_dir"), ""))
    places = placeholders(template)
    if "audio" not in places or not places & {"out", "out_dir"}:
        raise ConfigError(f"the separator {template!r} must have {{audio}} in it, and {{out}} or {{out_dir}}")


def _read_mix(audio: Path) -> "tuple[NDArray[np.float32], int]":
    """Return (channels, n), one or two, and the rate."""
    import numpy as np

    from curate.media import audio_format, read_audio

    try:
        rate_hz, channels, _ = audio_format(audio)
        mix = np.atleast_2d(read_audio(audio, sample_rate_hz=rate_hz, channels=min(channels, 2)))
    except MediaError as error:
        raise MediaError(error.reason, f"the mix {audio} can't be used: {error}") from error
    if not mix.size:
        raise MediaError("empty", f"the mix {audio} holds no sound")
    return mix, rate_hz


def _separated(
    mix: "NDArray[np.float32]", rate_hz: int, template: str, scratch: Path, limit_s: float | None
) -> "NDArray[np.float32]":
    """Return what the separator makes of the mix, (channels, n) like it. It gets a WAV under a name that is ours."""
    from pipelines.sound_files import read_made, write_wav

    write_wav(scratch / "mix.wav", mix, rate_hz)
    folder = scratch / "separated"
    folder.mkdir()
    places = {"audio": scratch / "mix.wav", "out": folder / "vocals.wav", "out_dir": folder}
    arguments = fill(template, {name: str(place) for name, place in places.items()})
    taking_s = max(SHORTEST_LIMIT_S, SLOWEST * mix.shape[1] / rate_hz)
    run_command(arguments, limit_s=taking_s if limit_s is None else limit_s)
    made = places["out"] if "out" in placeholders(template) else _vocals_in(folder, arguments[0])
    return read_made(made, maker=arguments[0], sample_rate_hz=rate_hz, channels=len(mix))[0]


def _vocals_in(folder: Path, maker: str) -> Path:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    vocals = [file for file in files if "vocals" in file.name.lower() and not _is_the_rest(file)]
    if len(vocals) != 1:
        wrote = ", ".join(file.name for file in files[:8]) or "nothing"
        raise EmoforgeError(f"{maker} must write one file with 'vocals' in its name into {{out_dir}}; it wrote {wrote}")
    return vocals[0]


def _is_the_rest(file: Path) -> bool:
    return any(name in file.name.lower() for name in WITHOUT_VOICE)


def _fitted(vocals: "NDArray[np.float32]", n_samples: int, rate_hz: int) -> "NDArray[np.float32]":
    """Return (channels, n_samples): silence added or the end cut off."""
    import numpy as np

    off = vocals.shape[1] - n_samples
    if abs(off) > MAX_OFF_S * rate_hz:
        raise EmoforgeError(
            f"the separated vocals last {vocals.shape[1] / rate_hz:.2f} s and the mix {n_samples / rate_hz:.2f} s; "
            f"they must be of one length (to {MAX_OFF_S} s)"
        )
    return np.pad(vocals[:, :n_samples], ((0, 0), (0, max(0, -off))))
