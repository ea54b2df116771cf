"""emoforge train and sample, end to end on a drawn corpus, and what they say to bad input."""

import json
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
    settings = {"steps": 1, "guidance_scale": 1, "size_px": 128}
    flags = [text for name, value in (paths | settings).items() for text in (f"--{name}", str(value))]
    return main(["sample", *flags, *more])


def test_a_trained_stage_leaves_its_metrics_curve_and_checkpoint(trained: Path) -> None:
    for stage in ("image", "video", "speed"):
        lines = [json.loads(line) for line in (trained / stage / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [1, 2]
        assert all(math.isfinite(line["loss"]) for line in lines)
        assert (trained / stage / "loss.png").read_bytes().startswith(PNG)
        assert (trained / stage / "checkpoints" / "step-000002" / "model.safetensors").is_file()


def test_the_same_command_twice_does_nothing(trained: Path, corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "image" / "metrics.jsonl").stat().st_mtime_ns
    argv = ["train", "--shards", corpus.place, "--stage", "image", "--out", str(trained / "image"), *QUICK]
    assert main(argv) == 0
    assert "already trained" in capsys.readouterr().out
    assert (trained / "image" / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_run_cut_off_goes_on_and_its_metrics_have_each_step_once(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["train", "--shards", corpus.place, "--stage", "image", "--out", str(tmp_path / "t")]
    argv += ["--steps", "4", "--batch_size", "1", "--checkpoint_every", "2"]

    def interrupted(step: int, plan: object) -> float:
        if step == 3:
            raise KeyboardInterrupt
        return 1e-3

    with monkeypatch.context() as patched:
        patched.setattr("train.loop.learning_rate", interrupted)
        assert main(argv) == 130
    assert main([*argv, "--resume"]) == 0
    steps = [json.loads(line)["step"] for line in (tmp_path / "t" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]


def test_resume_insists_on_a_checkpoint(corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["train", "--shards", corpus.place, "--stage", "image", "--out", str(tmp_path / "t"), "--resume"]
    assert main(argv) == 2
    assert "holds no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--steps", "0"], "steps must be at least 1"),
        (["--dropout.audio", "1.5"], "audio must be in [0, 1)"),
        (["--optimizer.learning_rate", "0"], "above 0"),
        (["--preset", "huge"], "preset"),
        (["--step", "3"], "--steps"),
        (["--init-from", "nowhere"], "nowhere"),
    ],
)
def test_train_refuses_before_it_begins(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    argv = ["train", "--shards", corpus.place, "--stage", "image", "--out", str(tmp_path / "t"), *flags]
    assert main(argv) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


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
        assert sample(trained, portrait_file, voice_file, tmp_path / name, "--seed", seed) == 0
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
    elif kind == "video":
        write_video(file.with_suffix(".mp4"), [face(0.5)] * 5, audio=voice(openness(5)))
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
        ("video", "is a video"),
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
        (["--guidance_scale", "-1"], "guidance_scale"),
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


def test_the_output_is_playable_everywhere(
    trained: Path, portrait_file: Path, voice_file: Path, tmp_path: Path
) -> None:
    assert sample(trained, portrait_file, voice_file, tmp_path / "v.mp4") == 0
    info = probe(tmp_path / "v.mp4")
    assert (info.codec, info.fps, info.has_audio) == ("h264", 25, True)
