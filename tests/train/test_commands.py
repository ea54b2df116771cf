"""emoforge sample, end to end on a model of a drawn corpus, and what it says to bad input."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from curate.corpus import Corpus
from curate.media import audio_format, probe, read_audio, read_frames
from curate.media_writing import encode_flac, write_video
from pipelines.__main__ import main
from tests.train.drawn import face, openness, voice
from train.checkpoint import load_model

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ["--steps", "2", "--batch_size", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Path:
    """Run folders of the three stages, two steps each."""
    folder = tmp_path_factory.mktemp("models")
    before: list[str] = []
    for stage in ("image", "video", "speed"):
        out = folder / stage
        argv = ["train", "--shards", corpus.place, "--stage", stage, "--out", str(out), *before, *QUICK]
        assert main(argv) == 0
        before = ["--init-from", str(out)]
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that signs videos is not the user's."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def portrait_file(tmp_path: Path, portrait: NDArray[np.uint8], face_weights: None) -> Path:
    Image.fromarray(portrait).save(tmp_path / "portrait.png")
    return tmp_path / "portrait.png"


@pytest.fixture
def voice_file(tmp_path: Path) -> Path:
    (tmp_path / "voice.flac").write_bytes(encode_flac(voice(openness(15))))
    return tmp_path / "voice.flac"


def sample(trained: Path, portrait: Path, audio: Path, out: Path, *more: str) -> int:
    paths = {"checkpoint": trained / "speed", "portrait": portrait, "audio": audio, "out": out}
    settings = {"steps": 1, "audio_guidance": 1, "size_px": 128, "drift_guard": "false"}
    flags = [text for name, value in (paths | settings).items() for text in (f"--{name}", str(value))]
    return main(["sample", *flags, *more])


@pytest.mark.parametrize(("rate_hz", "channels", "samples"), [(44_100, 2, 30_001), (16_000, 1, 639), (8_000, 1, 4_001)])
def test_the_video_is_as_long_as_the_sound_and_carries_it(
    trained: Path, portrait_file: Path, tmp_path: Path, rate_hz: int, channels: int, samples: int
) -> None:
    seconds = np.arange(samples) / rate_hz
    sound = np.stack([0.5 * np.sin(2 * np.pi * hz * seconds) for hz in (220, 330)[:channels]]).astype(np.float32)
    write_wav(tmp_path / "voice.wav", sound, rate_hz)
    assert sample(trained, portrait_file, tmp_path / "voice.wav", tmp_path / "v.mp4") == 0
    frames = list(read_frames(tmp_path / "v.mp4"))
    assert len(frames) == math.ceil(samples / rate_hz * 25)
    assert frames[0].image.shape == (128, 128, 3)
    assert audio_format(tmp_path / "v.mp4")[:2] == (rate_hz, channels)
    carried = read_audio(tmp_path / "v.mp4", sample_rate_hz=rate_hz, channels=channels).reshape(channels, -1)
    shared = min(carried.shape[1], samples)
    assert shared > 0.9 * samples
    middle = slice(shared // 4, 3 * shared // 4)
    assert np.corrcoef(carried[0, middle], sound[0, middle])[0, 1] > 0.9


def write_wav(path: Path, sound: NDArray[np.float32], rate_hz: int) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(sound))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((sound.T * 32767).astype("<i2").tobytes())


def test_same_seed_same_bytes(trained: Path, portrait_file: Path, voice_file: Path, tmp_path: Path) -> None:
    for name, seed in (("a.mp4", "1"), ("b.mp4", "1"), ("c.mp4", "2")):
        unsigned = ["--provenance.manifest", "false"]
        assert sample(trained, portrait_file, voice_file, tmp_path / name, "--seed", seed, *unsigned) == 0
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4"))
    assert a == b
    assert a != c


def bad_audio(folder: Path, kind: str) -> Path:
    file = folder / f"{kind}.wav"
    if kind == "empty":
        file.write_bytes(b"")
    elif kind == "text":
        file.write_text("la la la")
    elif kind == "silent_video":
        write_video(file.with_suffix(".mp4"), [face(0.5)] * 5)
        return file.with_suffix(".mp4")
    elif kind == "no_samples":
        write_wav(file, np.zeros((1, 0), np.float32), 16_000)
    return file


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("missing", "there is no audio file"),
        ("empty", "is empty"),
        ("text", "can't be used"),
        ("silent_video", "no audio stream"),
        ("no_samples", "0.0 s"),
    ],
)
def test_bad_audio_is_refused_in_one_line(
    trained: Path, portrait_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, complaint: str
) -> None:
    assert sample(trained, portrait_file, bad_audio(tmp_path, kind), tmp_path / "v.mp4") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert complaint in said[0]
    assert kind in said[0]
    assert not (tmp_path / "v.mp4").exists()


def test_a_portrait_without_a_face_is_refused(
    trained: Path, voice_file: Path, tmp_path: Path, face_weights: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (300, 200), (80, 90, 100)).save(tmp_path / "wall.png")
    assert sample(trained, tmp_path / "wall.png", voice_file, tmp_path / "v.mp4") == 2
    assert "no face was found in the portrait" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--steps", "0"], "steps must be in 1-1000"),
        (["--audio_guidance", "-1"], "guidance"),
        (["--scheduler", "euler"], "scheduler"),
        (["--box", "1,2,3"], "must be four numbers"),
        (["--box", "0,0,900,900"], "leaves the picture"),
        (["--face-region", "none.png"], "neither a box"),
        (["--speed", "fast"], "neither a number"),
        (["--consent-ref", ""], "consent-ref"),
        (["--say", "hello"], "--audio and --say are given"),
        (["--batch", "rows.csv"], "can't stand beside --batch"),
        (["--vocals", "none.wav"], "no vocals file"),
        (["--size_px", "65"], "even"),
        (["--out", "v.avi"], ".mp4"),
        (["--checkpoint", "nowhere"], "nowhere"),
    ],
)
def test_bad_settings_are_refused(
    trained: Path,
    portrait_file: Path,
    voice_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    complaint: str,
) -> None:
    assert sample(trained, portrait_file, voice_file, tmp_path / "v.mp4", *flags) == 2
    assert complaint in capsys.readouterr().err


def test_a_stage_that_has_not_learned_to_listen_is_not_sampled(
    trained: Path, portrait_file: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = ["--checkpoint", str(trained / "image")]
    assert sample(trained, portrait_file, voice_file, tmp_path / "v.mp4", *checkpoint) == 2
    assert "has not learned to listen" in capsys.readouterr().err


def test_the_output_is_playable_everywhere_and_says_what_it_is(
    trained: Path, portrait_file: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(trained, portrait_file, voice_file, tmp_path / "v.mp4") == 0
    assert capsys.readouterr().out.count("--consent-ref") == 1, "a reminder"
    info = probe(tmp_path / "v.mp4")
    assert (info.codec, info.fps, info.has_audio) == ("h264", 25, True)
    assert main(["doctor", str(tmp_path / "v.mp4")]) == 0
    said = capsys.readouterr().out
    checkpoint = trained / "speed" / "checkpoints" / "step-000002" / "ema.safetensors"
    for file in (portrait_file, voice_file, checkpoint):
        assert said.count(hashlib.sha256(file.read_bytes()).hexdigest()) == 2, "in the tags and in the manifest"


def test_a_batch_loads_the_model_once_and_says_how_it_went(
    trained: Path,
    portrait_file: Path,
    voice_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loads: list[Path] = []
    monkeypatch.setattr("train.checkpoint.load_model", lambda path: loads.append(path) or load_model(path))
    (tmp_path / "rows.csv").write_text(
        "portrait,audio,out,seed\nportrait.png,voice.flac,a.mp4,1\nportrait.png,voice.flac,b.mp4,2\n"
    )
    argv = ["sample", "--checkpoint", str(trained / "speed"), "--batch", str(tmp_path / "rows.csv"), "--steps", "1"]
    assert main([*argv, "--consent-ref", "form 12"]) == 0
    assert len(loads) == 1
    assert (tmp_path / "a.mp4").is_file()
    assert (tmp_path / "b.mp4").is_file()
    said = capsys.readouterr().out
    assert "2 videos are done" in said
    assert "Reminder" not in said
    portrait_file.unlink()
    assert main(argv) == 2
    assert "2 of 2 rows failed" in capsys.readouterr().err


def test_words_are_spoken(
    trained: Path, portrait_file: Path, voice_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(text: str, out: Path, *, command: str | None) -> Path:
        write_wav(out, voice(openness(len(text)))[None], 16_000)
        return out

    monkeypatch.setattr("pipelines.speak.speak", speak)
    argv = ["sample", "--checkpoint", str(trained / "speed"), "--portrait", str(portrait_file), "--steps", "1"]
    assert main([*argv, "--say", "twelve chars", "--out", str(tmp_path / "v.mp4")]) == 0
    assert len(list(read_frames(tmp_path / "v.mp4"))) == 12


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "there is nothing to speak"),
        (["--say", "a", "--vocals", "v.wav"], "go with --audio"),
        (["--audio", "a.wav", "--vocals", "v.wav", "--separate"], "leave --separate out"),
    ],
)
def test_what_to_speak_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    assert main(["sample", "--checkpoint", "c", "--portrait", "p.png", "--out", "v.mp4", *flags]) == 2
    assert complaint in capsys.readouterr().err
