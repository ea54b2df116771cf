"""One video: any sound in, its length exact, its sound carried, the portrait put back, the voice of a mix."""

import hashlib
import math
import sys
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from curate.errors import ConfigError, EmoforgeError, MediaError
from curate.media import audio_format, read_audio, read_frames
from curate.media_writing import read_metadata, write_video
from pipelines.appearing import appearing
from pipelines.content_credentials import read_credentials, signing_identity
from pipelines.provenance import read_tags
from pipelines.sample_config import ProvenanceConfig, SampleConfig, check
from pipelines.sample_requests import check_request, request_of
from pipelines.sample_sound import heard, open_sound
from tests.conftest import pulsed_tone
from tests.pipelines.sampling_stand_in import PLAIN, LoudnessSampler, brightness, request, save_tone
from train.head_speed import DEFAULT_DEG

Portrait = NDArray[np.uint8]


def pictures(video: Path) -> NDArray[np.uint8]:
    return np.stack([frame.image for frame in read_frames(video)])


def encoded(file: Path, codec: str, *, rate_hz: int, layout: str, seconds: float) -> Path:
    """A tone in some format; every channel has another level."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        channels = stream.codec_context.layout.nb_channels
        tone = pulsed_tone(seconds, rate_hz=rate_hz)
        levels = np.linspace(1, 0.5, channels)[:, None]
        whole = av.AudioFrame.from_ndarray((levels * tone).astype(np.float32), format="fltp", layout=layout)
        whole.sample_rate = rate_hz
        format = stream.codec_context.format.name if stream.codec_context.format else "fltp"
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(format=format, layout=layout, rate=rate_hz, frame_size=size)
        for frame in (*resampler.resample(whole), *resampler.resample(None)):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "layout"),
    [
        ("a.wav", "pcm_s16le", 8_000, "mono"),
        ("a.wav", "pcm_f32le", 96_000, "stereo"),
        ("a.flac", "flac", 44_100, "5.1"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.m4a", "aac", 48_000, "mono"),
        ("a.ogg", "libopus", 48_000, "stereo"),
        ("a.wav", "pcm_s24le", 11_025, "mono"),
    ],
)
def test_any_sound_drives_the_video_and_is_carried_whole(
    tmp_path: Path, portrait: Portrait, name: str, codec: str, rate_hz: int, layout: str
) -> None:
    file = encoded(tmp_path / name, codec, rate_hz=rate_hz, layout=layout, seconds=1.0)
    channels = 1 if layout == "mono" else 2
    whole = np.atleast_2d(read_audio(file, sample_rate_hz=rate_hz, channels=channels))
    sampled = LoudnessSampler().sample(request(tmp_path, portrait, audio=file))
    assert sampled.n_frames == math.ceil(whole.shape[1] / rate_hz * 25) == len(pictures(tmp_path / "v.mp4"))
    assert audio_format(tmp_path / "v.mp4") == (rate_hz, channels, True)
    carried = np.atleast_2d(read_audio(tmp_path / "v.mp4", sample_rate_hz=rate_hz, channels=channels))
    shared = slice(0, min(carried.shape[1], whole.shape[1]))
    assert abs(carried.shape[1] - whole.shape[1]) <= 2048
    assert np.corrcoef(carried[0, shared], whole[0, shared])[0, 1] > 0.95


def test_a_picture_is_driven_by_the_sound_of_its_moment(tmp_path: Path, portrait: Portrait) -> None:
    video = (
        LoudnessSampler().sample(request(tmp_path, portrait, audio=save_tone(tmp_path / "a.wav", seconds=2.0))).video
    )
    loudness = np.abs(read_audio(tmp_path / "a.wav")).reshape(50, 640).mean(axis=1)
    assert np.abs(pictures(video).mean(axis=(1, 2, 3)) - [brightness(x) for x in loudness]).max() < 6


@pytest.mark.parametrize(("samples", "frames"), [(29_988, 17), (29_989, 18), (1, 1), (1764, 1), (1765, 2), (12_348, 7)])
def test_the_video_covers_the_sound_to_the_sample(
    tmp_path: Path, portrait: Portrait, samples: int, frames: int
) -> None:
    """1764 samples at 44.1 kHz are exactly one frame, and 7 of these are 0.28 s, which times 25 is over 7 in floats."""
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 44_100, samples, "NONE", ""))
        file.writeframes(np.full(samples, 9000, "<i2").tobytes())
    assert LoudnessSampler().sample(request(tmp_path, portrait, audio=tmp_path / "a.wav")).n_frames == frames


def test_a_videos_sound_is_used_and_said(
    tmp_path: Path,
    portrait: Portrait,
    moving_picture: Callable[..., list[Portrait]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_video(tmp_path / "talk.mp4", moving_picture(20), audio=pulsed_tone(0.8))
    sampled = LoudnessSampler().sample(request(tmp_path, portrait, audio=tmp_path / "talk.mp4"))
    assert sampled.n_frames == math.ceil(len(read_audio(tmp_path / "talk.mp4")) / 640)
    assert "is a video: its sound is used" in caplog.text


def test_values_that_no_encoder_takes_are_silence(tmp_path: Path, portrait: Portrait) -> None:
    bad = pulsed_tone(0.4)
    bad[::7], bad[1::7], bad[2::7] = np.nan, np.inf, -1e30
    with av.open(str(tmp_path / "bad.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(bad[None], format="flt", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert LoudnessSampler().sample(request(tmp_path, portrait, audio=tmp_path / "bad.wav")).n_frames == 10


def test_the_vocals_drive_and_the_mix_is_heard(tmp_path: Path, portrait: Portrait) -> None:
    mix, silent = save_tone(tmp_path / "mix.wav"), save_tone(tmp_path / "vocals.wav", level=0)
    sampled = LoudnessSampler().sample(request(tmp_path, portrait, audio=mix, vocals=silent))
    assert pictures(sampled.video).max() < 20
    assert np.abs(read_audio(sampled.video)).max() > 0.2


def test_vocals_of_another_recording_are_refused(tmp_path: Path) -> None:
    sound = open_sound(save_tone(tmp_path / "vocals.wav", seconds=3.0))
    with pytest.raises(MediaError, match=r"last 3\.00 s and what is heard 1\.00 s"):
        heard(sound, scratch=tmp_path, duration_s=1.0)


def test_a_song_without_a_separator_says_how_to_get_one(
    tmp_path: Path, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.vocals.installed_separator", lambda: None)
    with pytest.raises(EmoforgeError, match="--vocals VOICE"):
        LoudnessSampler().sample(request(tmp_path, portrait, separate=True))
    assert not (tmp_path / "v.mp4").exists()


def test_a_separator_of_the_users_gives_the_voice(tmp_path: Path, portrait: Portrait) -> None:
    silent = save_tone(tmp_path / "silent.wav", level=0)
    program = f"{sys.executable} -c 'import shutil, sys; shutil.copy(\"{silent}\", sys.argv[2])' {{audio}} {{out}}"
    sampled = LoudnessSampler(replace(PLAIN, separator=program)).sample(request(tmp_path, portrait, separate=True))
    assert pictures(sampled.video).max() < 20
    assert np.abs(read_audio(sampled.video)).max() > 0.2


def test_pasted_back_the_rest_of_the_portrait_stands_still(tmp_path: Path, portrait: Portrait) -> None:
    sampled = LoudnessSampler().sample(request(tmp_path, portrait[:501, :481], paste_back=True))
    frames = pictures(sampled.video).astype(int)
    assert frames.shape[1:] == (500, 480, 3), "even sides"
    assert np.abs(frames[:, 300:] - portrait[300:500, :480]).mean() < 4, "only the encoder's loss"
    face = frames[:, 80:160, 190:260].mean(axis=(1, 2, 3))
    assert face.max() - face.min() > 60, "the face follows the voice"


def test_a_huge_portrait_gives_a_video_that_can_be_played(
    tmp_path: Path, portrait: Portrait, caplog: pytest.LogCaptureFixture
) -> None:
    huge = np.asarray(Image.fromarray(portrait).resize((2563, 2048 * 2)))
    box = (900.0, 480.0, 1350.0, 1440.0)
    sampled = LoudnessSampler().sample(
        request(tmp_path, huge, paste_back=True, box=box, audio=save_tone(tmp_path / "s.wav", seconds=0.04))
    )
    assert pictures(sampled.video).shape == (1, 2048, 1282, 3)
    assert "is 2563 x 4096 px; the video is 1282 x 2048" in caplog.text


def test_the_speed_is_as_asked_and_refused_where_it_was_not_learned(tmp_path: Path, portrait: Portrait) -> None:
    sampler = LoudnessSampler()
    sampler.sample(request(tmp_path, portrait))
    sampler.sample(request(tmp_path, portrait, speed_deg="0:0,0.36:0.9"))
    assert np.allclose(sampler.speeds[0], DEFAULT_DEG)
    assert np.allclose(sampler.speeds[1], np.linspace(0, 0.9, 10), atol=1e-6)
    slow = LoudnessSampler(stage="video")
    slow.sample(request(tmp_path, portrait))
    assert slow.speeds == [None]
    with pytest.raises(ConfigError, match="has not learned the head's speed"):
        slow.sample(request(tmp_path, portrait, speed_deg="0.5"))


def test_the_label_is_in_every_picture(tmp_path: Path, portrait: Portrait) -> None:
    config = SampleConfig(size_px=128, provenance=ProvenanceConfig(manifest=False, label="AI"))
    silent = save_tone(tmp_path / "silent.wav", level=0)
    video = LoudnessSampler(config).sample(request(tmp_path, portrait, audio=silent)).video
    assert (pictures(video)[:, 100:, 100:].max(axis=(1, 2, 3)) > 90).all(), "letters on black pictures"


def test_a_video_says_what_it_was_made_from(
    tmp_path: Path, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sampler = LoudnessSampler(SampleConfig(size_px=64))
    sampler._identity = signing_identity(None, None)
    sampled = sampler.sample(request(tmp_path, portrait, consent_ref="form 12", seed=5))
    found = read_credentials(sampled.video)
    assert (found.state, found.ai_generated) == ("valid", True)
    assert (found.claims["consent_ref"], found.claims["seed"]) == ("form 12", 5)
    assert read_tags(read_metadata(sampled.video)).same_as(sampled.provenance)
    assert len(pictures(sampled.video)) == 10


def test_without_a_manifest_the_same_request_gives_the_same_bytes(tmp_path: Path, portrait: Portrait) -> None:
    contents = []
    for name in ("a.mp4", "b.mp4"):
        LoudnessSampler().sample(request(tmp_path, portrait, out=tmp_path / name))
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_progress_is_told_for_each_picture(tmp_path: Path, portrait: Portrait) -> None:
    told: list[tuple[int, int]] = []
    LoudnessSampler().sample(request(tmp_path, portrait), on_frame=lambda done, total: told.append((done, total)))
    assert told == [(done, 10) for done in range(11)]


def test_a_try_that_ends_early_leaves_nothing(tmp_path: Path, portrait: Portrait) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    before = request(tmp_path, portrait)
    listed = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        LoudnessSampler().sample(before, on_frame=stop)
    assert sorted(tmp_path.iterdir()) == listed


def test_what_a_killed_try_left_is_cleared_away(tmp_path: Path, portrait: Portrait) -> None:
    left = tmp_path / ".v.mp4.part"
    left.mkdir()
    (left / "unsigned.mp4").write_bytes(b"half")
    LoudnessSampler().sample(request(tmp_path, portrait))
    assert not left.exists()


def test_two_commands_do_not_make_one_video(tmp_path: Path, portrait: Portrait) -> None:
    asked = request(tmp_path, portrait)
    with appearing(asked.out) as scratch:
        scratch.write_bytes(b"the first one's")
        with pytest.raises(EmoforgeError, match="another emoforge command is making"):
            LoudnessSampler().sample(asked)
    assert asked.out.read_bytes() == b"the first one's"


def cells(**more: str | None) -> dict[str, str | Path | None]:
    return {"portrait": "p.png", "audio": "a.wav", "out": "v.mp4"} | more


def test_texts_become_a_request_with_paths_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "mask.png").touch()
    (tmp_path / "speed.csv").touch()
    texts = cells(box="1,2,3.5,4", face_region="mask.png", speed="speed.csv", seed="9", vocals="v.wav")
    found = request_of(texts, folder=tmp_path, paste_back=True, separate=True)
    assert (found.portrait, found.vocals, found.out) == (tmp_path / "p.png", tmp_path / "v.wav", tmp_path / "v.mp4")
    assert (found.box, found.face_region, found.seed) == ((1, 2, 3.5, 4), tmp_path / "mask.png", 9)
    assert found.speed_deg == str(tmp_path / "speed.csv")
    assert not found.separate, "the vocals are there already"
    assert request_of(cells(face_region="all"), folder=tmp_path, paste_back=False, separate=False).face_region == "all"


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"box": "1,2,3"}, "must be four numbers"),
        ({"box": "a,b,c,d"}, "must be four numbers"),
        ({"face_region": "none.png"}, "neither a box"),
        ({"face_region": "1,2,x,4"}, "must be four numbers"),
        ({"seed": "-1"}, "whole number"),
        ({"seed": "1.5"}, "whole number"),
        ({"seed": "9" * 5000}, "whole number"),
    ],
)
def test_texts_that_cannot_be_read_are_named(tmp_path: Path, texts: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        request_of(cells(**texts), folder=tmp_path, paste_back=False, separate=False)


def test_an_out_that_cannot_be_is_refused(tmp_path: Path, portrait: Portrait) -> None:
    fine = request(tmp_path, portrait)
    check_request(fine)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "in.mp4").touch()
    for more, complaint in (
        ({"out": tmp_path / "v.avi"}, "must end in .mp4"),
        ({"out": tmp_path / "folder.mp4"}, "is a folder"),
        ({"out": tmp_path / "x" / ".." / "in.mp4", "audio": tmp_path / "in.mp4"}, "one of the inputs"),
        ({"portrait": tmp_path / "none.png"}, "no portrait file"),
    ):
        with pytest.raises(EmoforgeError, match=complaint):
            check_request(request(tmp_path, portrait, **more))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (SampleConfig(size_px=65), "even"),
        (SampleConfig(cpu_threads=0), "cpu_threads"),
        (SampleConfig(device="tpu"), "auto, cpu, cuda"),
        (SampleConfig(seed=-1), "seed"),
        (SampleConfig(provenance=ProvenanceConfig(label="")), "label"),
        (SampleConfig(provenance=ProvenanceConfig(certificate="a.pem")), "go together"),
        (SampleConfig(provenance=ProvenanceConfig(certificate="a.pem", key="b.pem")), "there is no PEM file a.pem"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_loaded(config: SampleConfig, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        check(config)


def test_a_painted_face_needs_its_box_and_then_moves(tmp_path: Path, media_folder: Path) -> None:
    from train.portrait import read_picture

    painted = read_picture(media_folder / "portraits" / "painted_2.jpg")
    height, width = painted.shape[:2]
    box = (0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height)
    sampled = LoudnessSampler().sample(request(tmp_path, painted, box=box, paste_back=True, face_region="all"))
    assert pictures(sampled.video).shape == (10, height & ~1, width & ~1, 3)


def test_a_video_tells_no_path_of_its_maker(tmp_path: Path, portrait: Portrait) -> None:
    (tmp_path / "speed.csv").write_text("0,1\n")
    Image.fromarray(portrait[..., 0]).save(tmp_path / "mask.png")
    config = replace(PLAIN, separator=f"{tmp_path}/program {{audio}} {{out}}", speech_command=f"{tmp_path}/say {{out}}")
    asked = request(
        tmp_path,
        portrait,
        vocals=save_tone(tmp_path / "vocals.wav"),
        speed_deg=str(tmp_path / "speed.csv"),
        face_region=tmp_path / "mask.png",
    )
    video = LoudnessSampler(config).sample(asked).video
    assert str(tmp_path).encode() not in video.read_bytes()
    assert hashlib.sha256((tmp_path / "speed.csv").read_bytes()).hexdigest().encode() in video.read_bytes()


def test_a_sampler_with_other_settings_has_the_same_model() -> None:
    first = LoudnessSampler()
    other = first.configured(replace(PLAIN, steps=3))
    assert other.name == first.name == "tiny, stage speed, step 1"
    with pytest.raises(ConfigError, match="steps"):
        first.configured(replace(PLAIN, steps=0))
