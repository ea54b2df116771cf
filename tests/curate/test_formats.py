"""Every way in which files keep time, shape and colour is read alike: by PTS, upright, with square pixels."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.frame import Box
from curate.media import probe, read_audio, read_frames

RATE_HZ = 16_000
WIDTH, HEIGHT = 128, 96
MOST_DRIFT_S = 0.020
Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]
Frames = Callable[..., list[Picture]]


def write(
    path: Path,
    pictures: Sequence[Picture],
    *,
    times: Sequence[Fraction] | None = None,
    fps: Fraction | int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: Sound | None = None,
    sound_codec: str = "aac",
    sound_at_s: Sequence[float] | None = None,
    stretch: Fraction | None = None,
    interlaced: bool = False,
    full_range: bool = False,
    muxer: dict[str, str] | None = None,
) -> Path:
    """Encode pictures at `times` (default: `fps`) and sound, of which one second starts at each of `sound_at_s`."""
    encoder = _encoder(codec)
    times = times or [Fraction(index) / Fraction(fps) for index in range(len(pictures))]
    with av.open(str(path), "w", options=muxer or {}) as container:
        video = container.add_stream(encoder, rate=Fraction(fps), options=options or {})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pix_fmt
        video.time_base = video.codec_context.time_base = (
            Fraction(1, 90_000) if codec in ANY_TIME else 1 / Fraction(fps)
        )
        video.codec_context.colorspace = Colorspace.ITU601
        video.codec_context.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        if stretch:
            video.codec_context.sample_aspect_ratio = stretch
        if interlaced:
            video.codec_context.flags |= av.codec.context.Flags.interlaced_dct
        heard = container.add_stream(sound_codec, rate=RATE_HZ, layout="mono") if sound is not None else None
        for time_s, picture in zip(times, pictures, strict=True):
            frame = _frame(picture, pix_fmt, full_range=full_range)
            frame.time_base = video.codec_context.time_base
            frame.pts = round(time_s / frame.time_base)
            container.mux(video.encode(frame))
        for block in _blocks(sound, sound_at_s or [0.0]) if sound is not None else ():
            container.mux(heard.encode(block))
        for stream in (video, heard):
            if stream is not None:
                container.mux(stream.encode(None))
    return path


ANY_TIME = ("libx264", "libx265", "libvpx-vp9", "libsvtav1")  # encoders that take any time base


def _encoder(name: str) -> str:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this build of FFmpeg has no encoder {name}")
    return name


def _frame(picture: Picture, pix_fmt: str, *, full_range: bool) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    if pix_fmt == "rgb24":
        return frame
    return frame.reformat(
        format=pix_fmt,
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
    )


def _blocks(sound: Sound, starts_s: Sequence[float]) -> Iterator[av.AudioFrame]:
    """The sound as encoder frames; with several starts, a second of it belongs to each."""
    pieces = [sound] if len(starts_s) == 1 else [sound[i * RATE_HZ : (i + 1) * RATE_HZ] for i in range(len(starts_s))]
    for start_s, piece in zip(starts_s, pieces, strict=True):
        for begin in range(0, len(piece), 1000 if len(starts_s) > 1 else 1024):
            samples = piece[begin : begin + (1000 if len(starts_s) > 1 else 1024)]
            frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
            frame.pts = round(start_s * RATE_HZ) + begin
            yield frame


def bar_px(image: Picture) -> float:
    """Where the bright bar of `moving_picture` begins."""
    return float(np.flatnonzero(image.mean(axis=(0, 2)) > 160)[0])


def shown(path: Path, **span: float) -> dict[int, int]:
    """Which picture of `moving_picture` is shown at each index of the grid."""
    return {frame.index: round(bar_px(frame.image) / 2) for frame in read_frames(path, **span)}


def beeps(length_s: float, at_s: Sequence[float]) -> Sound:
    """Silence with 60 ms of 1 kHz at each time."""
    sound = np.zeros(round(length_s * RATE_HZ), np.float32)
    tone = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(960) / RATE_HZ)
    for time_s in at_s:
        begin = round(time_s * RATE_HZ)
        sound[begin : begin + 960] = tone[: len(sound) - begin]
    return sound


def onsets_s(sound: Sound) -> NDArray[np.float64]:
    """When each beep begins: its first sample that is half as loud as it gets."""
    loud = np.flatnonzero(np.abs(sound) > 0.4)
    return loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ // 10] / RATE_HZ


def flashes_s(path: Path) -> NDArray[np.float64]:
    """When the picture turns white."""
    white = np.array([frame.image.mean() > 128 for frame in read_frames(path)])
    return np.flatnonzero(white & ~np.append(False, white[:-1])) / 25


# --- time -------------------------------------------------------------------------------------------------------------

EVENTS_S = [1.0 + 2.8 * index for index in range(21)]  # on the grid, which else would be 40 ms uncertain


def irregular_times(length_s: float, *, longest_ms: int) -> list[Fraction]:
    """Frame times that wander between 8 ms and `longest_ms` apart, with each event's among them."""
    generator, times = np.random.default_rng(3), [0]
    while times[-1] < length_s * 1000:
        times.append(times[-1] + int(generator.integers(8, longest_ms)))
    events = [round(event * 1000) for event in EVENTS_S]
    return [Fraction(ms, 1000) for ms in sorted({*times, *events})]


@pytest.mark.parametrize("longest_ms", [50, 140, 400])
@pytest.mark.parametrize(("name", "sound_codec"), [("a.mp4", "aac"), ("a.mkv", "flac"), ("a.mkv", "libopus")])
def test_a_minute_of_variable_frame_rate_does_not_drift(
    tmp_path: Path, name: str, sound_codec: str, longest_ms: int
) -> None:
    times = irregular_times(59.0, longest_ms=longest_ms)
    lit = [any(0 <= time_s - event < 0.2 for event in EVENTS_S) for time_s in times]
    pictures = [np.full((64, 64, 3), 255 if on else 10, np.uint8) for on in lit]
    path = write(
        tmp_path / name, pictures, times=times, sound=beeps(59.0, EVENTS_S), sound_codec=sound_codec, fps=1000,
        options={"preset": "ultrafast"},
    )  # fmt: skip
    seen, heard = flashes_s(path), onsets_s(read_audio(path))
    assert len(seen) == len(heard) == len(EVENTS_S)
    np.testing.assert_allclose(heard, EVENTS_S, atol=0.003)
    late_s = heard - seen
    assert abs(late_s[-1] - late_s[0]) < MOST_DRIFT_S
    assert np.abs(late_s).max() < MOST_DRIFT_S


RATES = [Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(12), Fraction(50), Fraction(60)]


@pytest.mark.parametrize("fps", RATES, ids=lambda fps: f"{float(fps):.3f}")
def test_every_frame_rate_lands_on_the_grid_and_its_spans_too(
    tmp_path: Path, moving_picture: Frames, fps: Fraction
) -> None:
    n = min(60, round(float(fps) * 4))  # the bar comes round after 60 pictures
    path = write(tmp_path / "a.mp4", moving_picture(n), fps=fps)
    whole = shown(path)
    assert list(whole) == list(range(len(whole)))
    for index, picture in whole.items():
        early_s = picture / fps - Fraction(index, 25)
        assert -max(1 / fps, Fraction(1, 25)) <= early_s <= Fraction(1, 50) + Fraction(1, 1000), index
    assert probe(path).fps == pytest.approx(float(fps), rel=1e-3)
    middle_s, end_s = len(whole) // 2 / 25, (len(whole) - 3) / 25
    assert shown(path, start_s=middle_s, end_s=end_s) == {i: whole[i] for i in whole if middle_s <= i / 25 < end_s}


def test_the_clock_is_the_pts_whatever_the_declared_frame_rate(tmp_path: Path, moving_picture: Frames) -> None:
    """Ten frames a second in a file that calls itself 25 fps last 5 s, not 2 s."""
    path = write(
        tmp_path / "a.mkv", moving_picture(50), fps=25, times=[Fraction(index, 10) for index in range(50)]
    )  # fmt: skip
    whole = shown(path)
    assert len(whole) == pytest.approx(123, abs=1)
    assert all(abs(picture / 10 - index / 25) < 0.1 for index, picture in whole.items())


@pytest.mark.parametrize("hold_s", [1, 10])
def test_a_picture_that_stands_still_is_not_replaced_before_its_time(tmp_path: Path, hold_s: int) -> None:
    pictures = [np.full((64, 64, 3), value, np.uint8) for value in (20, 230, 20)]
    path = write(tmp_path / "a.mkv", pictures, fps=1000, times=[Fraction(index * hold_s) for index in range(3)])
    bright = [frame.index for frame in read_frames(path) if frame.image.mean() > 128]
    assert bright == list(range(25 * hold_s, 50 * hold_s))


def remuxed(path: Path, to: Path, *, shift_s: dict[str, Fraction], muxer: dict[str, str]) -> Path:
    """Copy the packets, each kind of stream shifted in time."""
    with av.open(str(path)) as source, av.open(str(to), "w", options=muxer) as container:
        streams = {stream.index: container.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            shift = round(shift_s.get(packet.stream.type, Fraction(0)) / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = streams[packet.stream.index]
            container.mux(packet)
    return to


SHIFTS = {
    "both trimmed": {"video": Fraction(-2, 5), "audio": Fraction(-2, 5)},
    "picture trimmed": {"video": Fraction(-2, 5)},
    "sound early": {"audio": Fraction(-2, 5)},
    "sound late": {"audio": Fraction(2, 5)},
    "picture late": {"video": Fraction(2, 5)},
    "both late": {"video": Fraction(2), "audio": Fraction(2)},
}


@pytest.mark.parametrize(
    ("name", "shifts"),
    [(f"to.{suffix}", shifts) for suffix in ("mp4", "mov", "mkv") for shifts in SHIFTS.values()
     if suffix != "mkv" or shifts.get("video", 0) >= 0],
    ids=[f"{suffix}, {name}" for suffix in ("mp4", "mov", "mkv") for name, shifts in SHIFTS.items()
         if suffix != "mkv" or shifts.get("video", 0) >= 0],
)  # fmt: skip
def test_edit_lists_and_start_offsets_keep_sound_and_picture_together(
    tmp_path: Path, moving_picture: Frames, name: str, shifts: dict[str, Fraction]
) -> None:
    """A trimmed start (an edit list in MP4), an empty edit, an early or a late sound: each stays where it was put."""
    at_s = [0.6 + 0.4 * index for index in range(4)]
    plain = write(
        tmp_path / "from.mp4", moving_picture(60), sound=beeps(2.4, at_s), options={"bf": "2", "g": "60"}
    )  # fmt: skip
    path = remuxed(plain, tmp_path / name, shift_s=shifts, muxer={"avoid_negative_ts": "disabled"})
    picture_s, sound_s = (float(shifts.get(kind, 0)) for kind in ("video", "audio"))
    origin_s = max(picture_s, 0.0)  # an edit list cuts off what lies before zero
    for index, picture in shown(path).items():
        assert abs(picture / 25 + picture_s - (index / 25 + origin_s)) <= 0.021, index
    meant = [time_s + sound_s - origin_s for time_s in at_s]
    np.testing.assert_allclose(
        onsets_s(read_audio(path)), [time_s for time_s in meant if time_s >= 0], atol=0.006
    )  # fmt: skip
    part = read_audio(path, start_s=1.1, end_s=1.9)
    whole = read_audio(path, end_s=2.0)
    np.testing.assert_allclose(part, whole[round(1.1 * RATE_HZ) : round(1.9 * RATE_HZ)], atol=2e-3)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mov", "aac"), ("a.mkv", "aac"), ("a.ts", "aac"), ("a.mkv", "libopus"), ("a.webm", "libopus"),
     ("a.mp4", "libmp3lame"), ("a.avi", "pcm_s16le"), ("a.mkv", "flac")],
)  # fmt: skip
def test_an_encoders_delay_is_no_delay_of_the_sound(
    tmp_path: Path, moving_picture: Frames, name: str, codec: str
) -> None:
    """Encoders put samples of their own before the first (AAC 1024, MP3 1105, Opus 312), and the container says so.

    AVI can't: MP3 in it is heard 1105 samples late, 25 ms at 44.1 kHz, by every player.
    """
    video = "libvpx-vp9" if name.endswith("webm") else "mpeg4" if name.endswith("avi") else "libx264"
    path = write(
        tmp_path / name, moving_picture(50), codec=video, sound=beeps(2.0, [0.5, 1.5]), sound_codec=_encoder(codec),
        options={"bf": "0"} if video == "mpeg4" else {"cpu-used": "8"} if video == "libvpx-vp9" else None,
    )  # fmt: skip
    np.testing.assert_allclose(onsets_s(read_audio(path)), [0.5, 1.5], atol=0.006)
    for index, picture in shown(path).items():
        assert abs(picture - index) <= 1


@pytest.mark.parametrize("codec", ["flac", "aac"])
def test_a_gap_in_the_sounds_times_is_silence(tmp_path: Path, moving_picture: Frames, codec: str) -> None:
    sound = np.concatenate([beeps(1.0, [0.5]), beeps(1.0, [0.25]), beeps(1.0, [0.75])])
    path = write(
        tmp_path / "a.mkv", moving_picture(60) * 2, sound=sound, sound_codec=codec, sound_at_s=[0.0, 1.7, 3.2],
    )  # fmt: skip
    read = read_audio(path)
    np.testing.assert_allclose(onsets_s(read), [0.5, 1.95, 3.95], atol=0.025 if codec == "aac" else 0.003)
    assert np.abs(read[round(1.1 * RATE_HZ) : round(1.6 * RATE_HZ)]).max() < 1e-3
    part = read_audio(path, start_s=1.5, end_s=2.2)
    np.testing.assert_allclose(part, read[round(1.5 * RATE_HZ) : round(2.2 * RATE_HZ)], atol=2e-3)


@pytest.mark.parametrize("name", ["cut.ts", "cut.mp4", "cut.mkv"])
def test_a_video_that_begins_in_the_middle_of_a_group_begins_at_its_first_picture_that_can_be_shown(
    tmp_path: Path, moving_picture: Frames, name: str
) -> None:
    """A broadcast cut anywhere: the packets before the first keyframe can't be decoded, yet their time counts."""
    plain = write(tmp_path / "a.ts", moving_picture(60), options={"g": "25", "bf": "0", "sc_threshold": "0"})
    with av.open(str(plain)) as source, av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in list(source.demux())[10:]:
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    path = tmp_path / name
    whole = shown(path)
    begin = whole[0]
    assert begin in (10, 25), "either the damaged pictures are shown or the first keyframe is"
    late = {index: picture for index, picture in whole.items() if picture > 26}
    offsets = {picture - index for index, picture in late.items()}
    assert len(offsets) == 1, "from the keyframe on, every picture is in its place"
    for start_s in (0.2, 1.2):
        first = round(start_s * 25)
        assert shown(path, start_s=start_s, end_s=start_s + 0.4) == {i: whole[i] for i in range(first, first + 10)}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_span_far_from_any_keyframe_is_decoded_from_the_one_before(
    tmp_path: Path, moving_picture: Frames, name: str
) -> None:
    """Transport streams have no index: a seek goes to any packet."""
    pictures = moving_picture(60)
    path = write(tmp_path / name, pictures + pictures * 4, options={"g": "400", "sc_threshold": "0"})
    whole = shown(path)
    assert whole == {index: index % 60 for index in range(300)}
    for start_s in (0.96, 1.04, 2.0, 6.0, 11.0):
        first = round(start_s * 25)
        assert shown(path, start_s=start_s, end_s=start_s + 0.4) == {i: i % 60 for i in range(first, first + 10)}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_b_frames_come_in_the_order_they_are_shown(tmp_path: Path, moving_picture: Frames, name: str) -> None:
    path = write(tmp_path / name, moving_picture(60), options={"bf": "4", "b_strategy": "0", "g": "30"})
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.dts is not None]
        assert any(packet.pts != packet.dts for packet in packets)
    assert shown(path) == {index: index for index in range(60)}
    assert shown(path, start_s=1.6, end_s=2.0) == {index: index for index in range(40, 50)}


# --- codecs and containers --------------------------------------------------------------------------------------------

FAST = {"libx265": {"preset": "ultrafast", "x265-params": "log-level=none"}, "libvpx-vp9": {"cpu-used": "8"},
        "libsvtav1": {"preset": "12"}, "mpeg4": {"qscale": "3"}, "mjpeg": {"qscale": "3"}}  # fmt: skip
STORED = [
    ("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.avi", "libx264"),
    ("a.mp4", "libx265"), ("a.mkv", "libx265"), ("a.ts", "libx265"), ("a.webm", "libvpx-vp9"), ("a.mp4", "libvpx-vp9"),
    ("a.mp4", "libsvtav1"), ("a.webm", "libsvtav1"), ("a.avi", "mpeg4"), ("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"),
    ("a.avi", "mjpeg"), ("a.mov", "mjpeg"), ("a.mkv", "mjpeg"), ("a.mpg", "mpeg2video"), ("a.mkv", "ffv1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec"), STORED, ids=lambda value: str(value))
def test_every_codec_and_container_shows_every_picture_in_its_place(
    tmp_path: Path, moving_picture: Frames, name: str, codec: str
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = FAST.get(codec, {}) | ({"bf": "0"} if name.endswith("avi") and codec != "mjpeg" else {})
    path = write(tmp_path / name, moving_picture(60), codec=codec, pix_fmt=pix_fmt, options=options)
    whole = shown(path)
    assert len(whole) == 60
    assert all(abs(picture - index) <= 1 for index, picture in whole.items())
    assert shown(path, start_s=1.4, end_s=2.0) == {index: whole[index] for index in range(35, 50)}
    info = probe(path)
    assert (info.width, info.height, info.has_audio) == (WIDTH, HEIGHT, False)


# --- shape ------------------------------------------------------------------------------------------------------------


def quarters(width: int, height: int) -> Picture:
    """Red, green over blue, white: which corner is which can be told."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (200, 30, 30)
    picture[: height // 2, width // 2 :] = (30, 180, 30)
    picture[height // 2 :, : width // 2] = (30, 30, 200)
    picture[height // 2 :, width // 2 :] = 220
    return picture


def assert_alike(image: Picture, expected: Picture, *, mean: float = 3.0) -> None:
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < mean


# the rows of a display matrix (16.16 fixed point) that turn a picture clockwise
TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def turned(path: Path, degrees: int) -> Path:
    """Say in an MP4's track header that the picture is to be shown turned clockwise."""
    content = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in TURNS[degrees])
    matrix = b"".join(value.to_bytes(4, "big", signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    begin = content.index(b"tkhd") + 44
    content[begin : begin + 36] = matrix
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("stretch", [None, Fraction(2)], ids=["square", "wide pixels"])
def test_a_turned_picture_is_brought_upright(tmp_path: Path, degrees: int, stretch: Fraction | None) -> None:
    picture = quarters(128, 64)
    path = turned(write(tmp_path / "a.mp4", [picture] * 5, stretch=stretch), degrees)
    coded = picture if stretch is None else picture.repeat(2, axis=1)
    expected = np.rot90(coded, -degrees // 90)
    for frame in read_frames(path):
        assert (frame.width, frame.height) == (expected.shape[1], expected.shape[0])
        assert_alike(frame.image, expected)
    assert (probe(path).width, probe(path).height) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize(("stretch", "width"), [(Fraction(4, 3), 170), (Fraction(1, 2), 64), (Fraction(9, 1), 128)])
def test_pixels_are_made_square_unless_the_header_is_absurd(tmp_path: Path, stretch: Fraction, width: int) -> None:
    path = write(tmp_path / "a.mp4", [quarters(128, 96)] * 3, stretch=stretch)
    frame = next(read_frames(path))
    assert (frame.width, frame.height) == (probe(path).width, probe(path).height) == (width, 96)
    assert_alike(frame.image, quarters(width, 96))


@pytest.mark.parametrize(("width", "height"), [(127, 95), (33, 17), (640, 17)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "rgb24"])
def test_odd_sizes_keep_every_column_and_line(tmp_path: Path, width: int, height: int, pix_fmt: str) -> None:
    codec = {"yuv420p": "libvpx-vp9", "yuv444p": "libx264", "rgb24": "png"}[pix_fmt]
    options = {"libvpx-vp9": {"crf": "4", "b": "0", "cpu-used": "8"}, "libx264": {"crf": "4"}}.get(codec)
    path = write(
        tmp_path / f"a.{'mov' if codec == 'png' else 'mkv'}",
        [quarters(width, height)] * 3,
        codec=codec,
        pix_fmt=pix_fmt,
        options=options,
    )
    frames = list(read_frames(path))
    assert len(frames) == 3
    assert (probe(path).width, probe(path).height) == (width, height)
    assert_alike(frames[0].image, quarters(width, height), mean=8.0)


def test_interlaced_lines_are_filled_in(tmp_path: Path) -> None:
    """A square that moves 6 px between the fields of a picture: its edge must not be a comb."""
    fields = [_square_at(10 + 3 * index) for index in range(60)]
    woven = [np.where(np.arange(96)[:, None, None] % 2 == 0, fields[i], fields[i + 1]) for i in range(0, 60, 2)]
    path = write(
        tmp_path / "a.mkv", [frame.astype(np.uint8) for frame in woven], codec="mpeg2video", interlaced=True,
        options={"flags": "+ilme+ildct", "top": "1", "qscale": "2"},
    )  # fmt: skip
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    frames = list(read_frames(path))
    assert [frame.index for frame in frames] == list(range(30))
    for frame, comb in zip(frames, woven, strict=True):
        assert _combing(frame.image) < 0.1 * _combing(comb.astype(np.uint8)), frame.index
    assert [f.index for f in read_frames(path, start_s=0.4, end_s=0.8)] == list(range(10, 20))


def _square_at(left: int) -> Picture:
    picture = np.full((96, 256, 3), 40, np.uint8)
    picture[20:76, left : left + 40] = 210
    return picture


def _combing(image: Picture) -> float:
    """How much neighbouring lines differ while lines two apart agree."""
    grey = image.astype(float).mean(axis=2)[24:72]
    return float((np.abs(grey[1:-1] - grey[2:]) - np.abs(grey[:-2] - grey[2:])).clip(0).mean())


# --- colour -----------------------------------------------------------------------------------------------------------

DEPTHS = [
    ("libx264", "yuv420p"), ("libx264", "yuv422p"), ("libx264", "yuv444p"), ("libx264", "yuv420p10le"),
    ("libx264", "yuv422p10le"), ("libx265", "yuv420p10le"), ("libvpx-vp9", "yuv444p"), ("libsvtav1", "yuv420p10le"),
    ("ffv1", "yuv420p"), ("ffv1", "bgr0"), ("png", "rgb24"), ("mjpeg", "yuvj420p"), ("mjpeg", "yuvj444p"),
]  # fmt: skip


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(("codec", "pix_fmt"), DEPTHS, ids=lambda value: str(value))
def test_colours_and_brightness_are_the_pictures_own(
    tmp_path: Path, codec: str, pix_fmt: str, full_range: bool
) -> None:
    """The whole picture within 4 of 255, a face's region (BT.601) within 4, brightness within 3: on flat colours."""
    if not full_range and pix_fmt.startswith("yuvj"):
        pytest.skip("yuvj is full range by its name")
    picture = np.full((96, 128, 3), (170, 90, 60), np.uint8)
    picture[:, 64:] = (20, 20, 20)
    options = FAST.get(codec, {}) | ({"crf": "2"} if codec.startswith("libx") else {})
    path = write(
        tmp_path / f"a.{'mov' if codec == 'png' else 'mkv'}", [picture] * 3, codec=codec, pix_fmt=pix_fmt,
        full_range=full_range, options=options,
    )  # fmt: skip
    frame = next(read_frames(path))
    luma = frame.luma(Box(left=0, top=0, right=128, bottom=96))
    region, _ = frame.region(Box(left=0, top=0, right=128, bottom=96))
    for columns, colour in ((slice(8, 56), picture[0, 0]), (slice(72, 120), picture[0, -1])):
        np.testing.assert_allclose(frame.image[:, columns].mean(axis=(0, 1)), colour, atol=4)
        assert luma[:, columns].mean() == pytest.approx(float(colour @ (0.299, 0.587, 0.114)), abs=3)
        np.testing.assert_allclose(region[:, columns].mean(axis=(0, 1)), colour, atol=4)


# --- which stream -----------------------------------------------------------------------------------------------------


def test_a_cover_picture_is_no_video(tmp_path: Path, moving_picture: Frames) -> None:
    """Songs carry their cover as a video stream of one picture."""
    path = _with_cover(tmp_path / "song.mp3")
    with pytest.raises(MediaError) as raised:
        probe(path)
    assert raised.value.reason == "no_video_stream"
    assert len(read_audio(path)) == pytest.approx(2 * RATE_HZ, rel=0.05)


def _with_cover(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=RATE_HZ, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(quarters(WIDTH, HEIGHT), format="rgb24").reformat(format="yuvj420p")
        picture.pts, picture.time_base = 0, Fraction(1, 1)
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for block in _blocks(beeps(2.0, [0.5]), [0.0]):
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


def test_a_picture_that_changes_its_size_keeps_the_one_it_began_with(tmp_path: Path) -> None:
    """Calls send fewer pixels where the line gets worse; a box must mean the same place throughout."""
    pieces = []
    for width, height in ((128, 96), (64, 48), (128, 96)):
        piece = write(tmp_path / f"{width}.ts", [quarters(width, height)] * 25, options={"g": "5", "bf": "0"})
        pieces.append(piece.read_bytes())
    joined = tmp_path / "joined.h264"
    with joined.open("wb") as file:
        for content in pieces:
            (tmp_path / "piece.ts").write_bytes(content)
            with av.open(str(tmp_path / "piece.ts")) as container:
                file.writelines(bytes(packet) for packet in container.demux(video=0))
    frames = list(read_frames(joined))
    assert len(frames) == pytest.approx(75, abs=2)
    assert {(frame.width, frame.height) for frame in frames} == {(128, 96)}
    for frame in frames:
        assert_alike(frame.image, quarters(128, 96), mean=6.0)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_title_in_an_old_code_page_spoils_nothing(tmp_path: Path, moving_picture: Frames, name: str) -> None:
    path = write(tmp_path / "from.mp4", moving_picture(10))
    with av.open(str(path)) as source, av.open(str(tmp_path / name), "w") as container:
        container.metadata["title"] = "XXXXXXXX"
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    content = (tmp_path / name).read_bytes()
    assert b"XXXXXXXX" in content
    (tmp_path / name).write_bytes(content.replace(b"XXXXXXXX", b"caf\xe9\xff\xfe\x80!"))
    assert len(list(read_frames(tmp_path / name))) == 10


def test_a_picture_beyond_the_limit_is_refused_at_once(tmp_path: Path) -> None:
    """Else a file of two pictures would be worth four hours of work."""
    path = write(
        tmp_path / "a.mkv", [quarters(64, 64)] * 2, fps=1000, times=[Fraction(0), Fraction(10**6)], options={"bf": "0"}
    )  # fmt: skip
    frames = read_frames(path)
    with pytest.raises(MediaError) as raised:
        next(frames)
    assert raised.value.reason == "too_long"
