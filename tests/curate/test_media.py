"""Decoding on one clock: spans agree with the whole, sound lies where it belongs, bad files say what is wrong."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.frame import Box
from curate.media import Limits, probe, read_audio, read_frames
from curate.media_writing import encode_flac, write_video
from tests.conftest import pulsed_tone

Frames = Callable[..., list[NDArray[np.uint8]]]


def bar_position(image: NDArray[np.uint8]) -> float:
    """Where the bright bar of `moving_picture` begins, in px."""
    columns = image.mean(axis=(0, 2)) > 160
    return float(np.flatnonzero(columns)[0])


def test_a_written_video_reads_back_frame_by_frame(tmp_path: Path, moving_picture: Frames) -> None:
    frames = moving_picture(50)
    assert write_video(tmp_path / "a.mp4", frames, audio=pulsed_tone(2.0)) == 50
    back = list(read_frames(tmp_path / "a.mp4"))
    assert [frame.index for frame in back] == list(range(50))
    assert [bar_position(frame.image) for frame in back] == pytest.approx([2 * i for i in range(50)], abs=1)
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height, info.codec, info.has_audio) == (128, 96, "h264", True)
    assert info.duration_s == pytest.approx(2.0)


def test_one_frame_is_a_video(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(1))
    assert [frame.index for frame in read_frames(tmp_path / "a.mp4")] == [0]


def test_the_same_frames_give_the_same_bytes(tmp_path: Path, moving_picture: Frames) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, moving_picture(30), audio=pulsed_tone(1.2))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert encode_flac(pulsed_tone(1.0)) == encode_flac(pulsed_tone(1.0))


def test_a_span_gives_what_the_whole_gives_there(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(150), audio=pulsed_tone(6.0))
    whole = {frame.index: frame.image for frame in read_frames(tmp_path / "a.mp4")}
    span = list(read_frames(tmp_path / "a.mp4", start_s=3.0, end_s=4.2))
    assert [frame.index for frame in span] == list(range(75, 105))
    assert all(np.array_equal(frame.image, whole[frame.index]) for frame in span)
    sound = read_audio(tmp_path / "a.mp4")
    part = read_audio(tmp_path / "a.mp4", start_s=3.0, end_s=4.2)
    assert len(part) == round(1.2 * 16_000)
    np.testing.assert_allclose(part, sound[48_000 : 48_000 + len(part)], atol=1e-4)


def test_bytes_read_like_the_file(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(10), audio=pulsed_tone(0.4))
    content = (tmp_path / "a.mp4").read_bytes()
    assert probe(content) == probe(tmp_path / "a.mp4")
    assert len(list(read_frames(content))) == 10


@pytest.mark.parametrize("fps", [15, 24, 30, 60])
def test_any_frame_rate_lands_on_the_grid_without_drift(tmp_path: Path, moving_picture: Frames, fps: int) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(fps * 2), fps=fps)
    back = list(read_frames(tmp_path / "a.mp4"))
    assert len(back) == pytest.approx(50, abs=1)
    shown_s = np.array([bar_position(frame.image) / 2 / fps for frame in back])
    grid_s = np.arange(len(back)) / 25
    early = grid_s < 118 / 2 / fps  # the bar wraps round after that
    assert np.abs(shown_s - grid_s)[early].max() <= 0.5 / fps + 0.01


def test_variable_frame_rate_is_read_by_time(tmp_path: Path, moving_picture: Frames) -> None:
    """Frames at irregular times: each grid frame shows the nearest one that is not still to come."""
    times_ms = np.cumsum(np.random.default_rng(1).integers(15, 90, 50))
    times_ms -= times_ms[0]
    with av.open(str(tmp_path / "vfr.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=1000, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for picture, time_ms in zip(moving_picture(50), times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(time_ms), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for frame in read_frames(tmp_path / "vfr.mkv"):
        away_s = times_ms / 1000 - frame.index / 25
        away_s[away_s > 0.5 / 25 + 1e-6] = np.inf  # no picture is shown more than half a step before its time
        shown = round(bar_position(frame.image) / 2)
        assert abs(away_s[shown]) <= np.abs(away_s).min() + 0.002


def test_audio_that_starts_late_is_padded(tmp_path: Path, moving_picture: Frames) -> None:
    """The sound's own start time counts: half a second of silence comes first."""
    tone = pulsed_tone(1.5)
    with av.open(str(tmp_path / "late.mkv"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for index, picture in enumerate(moving_picture(50)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        block = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = 16_000, 8_000, Fraction(1, 16_000)
        container.mux(sound.encode(block))
        for stream in (video, sound):
            container.mux(stream.encode(None))
    samples = read_audio(tmp_path / "late.mkv")
    assert np.abs(samples[:7_900]).max() == 0.0
    np.testing.assert_allclose(samples[8_000 : 8_000 + len(tone)], tone, atol=1e-3)


def test_flac_round_trip_is_exact_to_16_bits() -> None:
    tone = pulsed_tone(1.0)
    np.testing.assert_allclose(read_audio(encode_flac(tone)), tone, atol=2 / 32768)


def test_width_scales_down_and_never_up(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(3))
    assert next(iter(read_frames(tmp_path / "a.mp4", width=64))).image.shape == (48, 64, 3)
    frame = next(iter(read_frames(tmp_path / "a.mp4", width=640)))
    assert frame.image.shape == (96, 128, 3)
    assert frame.luma(Box(left=0, top=0, right=128, bottom=96)).shape == (96, 128)


def test_bad_files_say_what_is_wrong(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "good.mp4", moving_picture(20))
    good = (tmp_path / "good.mp4").read_bytes()
    cases = {
        "text.mp4": (b"I am no video, whatever my name says.\n" * 9, "not_media"),
        "empty.mp4": (b"", "empty"),
        "cut.mp4": (good[: good.index(b"moov") - 4], "truncated"),
        "page.mp4": (b"<html><body>404</body></html>", "not_media"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError) as raised:
            probe(tmp_path / name)
        assert raised.value.reason == reason, name
    with pytest.raises(MediaError, match="no such file"):
        probe(tmp_path / "missing.mp4")


@pytest.mark.parametrize(
    "playlist",
    ["ffconcat version 1.0\nfile secret.mp4\n", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.mp4\n"],
    ids=["concat", "hls"],
)
def test_a_playlist_reaches_no_other_file(tmp_path: Path, moving_picture: Frames, playlist: str) -> None:
    """A text that names other files must not make the reader open them."""
    write_video(tmp_path / "secret.mp4", moving_picture(20))
    for name in ("list.mp4", "list.m3u8", "list.ffconcat"):
        (tmp_path / name).write_text(playlist)
        with pytest.raises(MediaError):
            probe(tmp_path / name)


def test_sound_without_picture_and_picture_without_sound(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "silent.mp4", moving_picture(5))
    with pytest.raises(MediaError) as raised:
        read_audio(tmp_path / "silent.mp4")
    assert raised.value.reason == "no_audio_stream"
    with pytest.raises(MediaError) as raised:
        probe(encode_flac(pulsed_tone(0.5)))
    assert raised.value.reason == "no_video_stream"


def test_limits_are_kept(tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(60))
    with pytest.raises(MediaError, match="over the limit"):
        probe(tmp_path / "a.mp4", limits=Limits(max_duration_s=1.0))
    with pytest.raises(MediaError, match="over the limit"):
        probe(tmp_path / "a.mp4", limits=Limits(max_pixels=1000))
    with pytest.raises(MediaError, match="over the limit"):
        list(read_frames(tmp_path / "a.mp4", limits=Limits(max_duration_s=1.0)))


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, moving_picture: Frames) -> None:
    def failing() -> object:
        yield from moving_picture(5)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_video(tmp_path / "a.mp4", failing())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
