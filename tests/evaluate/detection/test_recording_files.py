"""A recording survives the way to an MP4 and back: its pictures, its sound and their times; and it is written alike."""

import io
import os
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import ConfigError, MediaError
from curate.media import probe
from curate.media_writing import write_video
from evaluate.detection.recording import Coding, Recording
from evaluate.detection.recording_files import check_encoders, decoded_again, read_recording, write_recording
from tests.evaluate.made_recordings import lag, packets, psnr_db, talking

SOUNDS = {"aac": 32_000, "libopus": 24_000, "libmp3lame": 32_000}
FAST = {"libx264": "veryfast", "libx265": "ultrafast", "libsvtav1": "12"}
PICTURES = {name: {"preset": preset, "crf": "20"} for name, preset in FAST.items()} | {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"}
}


@pytest.fixture(scope="module")
def recording(portrait: NDArray[np.uint8]) -> Recording:
    return talking(portrait)


@pytest.mark.parametrize("encoder", PICTURES)
def test_the_pictures_come_back_from_every_codec_and_it_writes_the_same_bytes_twice(
    encoder: str, recording: Recording
) -> None:
    coded = replace(recording, coding=Coding(video=encoder, options=PICTURES[encoder]))
    file = write_recording(coded)
    back = read_recording(file)
    assert back.frames.shape == recording.frames.shape
    assert psnr_db(recording.frames, back.frames) > 30
    assert write_recording(coded) == file


@pytest.mark.parametrize("side", [64, 86, 96, 256])
def test_the_bytes_are_the_same_whatever_lay_in_memory_before(side: int, portrait: NDArray[np.uint8]) -> None:
    large = talking(portrait, size=384).frames[:25, :side, :side]
    recording = Recording(frames=np.ascontiguousarray(large))
    files = set()
    for round_ in range(8):
        other = np.full(300_000 + 7919 * round_, round_, np.uint8)
        files.add(write_recording(recording))
        del other
    assert len(files) == 1


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no scheduling policies")
def test_no_encoder_changes_the_priority_of_the_process(recording: Recording) -> None:
    """SVT-AV1 makes whoever opens it as root a real-time process, which starves every other one."""
    before = os.sched_getscheduler(0)
    write_recording(replace(recording, coding=Coding(video="libsvtav1", options=PICTURES["libsvtav1"])))
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize(("encoder", "bit_rate"), SOUNDS.items())
def test_the_sound_comes_back_at_its_time(encoder: str, bit_rate: int, recording: Recording) -> None:
    assert recording.samples is not None
    coding = Coding(sound=encoder, sound_bit_rate=bit_rate)
    back = read_recording(write_recording(replace(recording, coding=coding))).samples
    assert back is not None
    assert back.shape == recording.samples.shape
    assert lag(recording.samples, back) == 0
    assert np.corrcoef(recording.samples, back)[0, 1] > 0.97


def test_the_colours_come_back() -> None:
    colours = np.array([[200, 60, 40], [30, 160, 90], [50, 60, 220], [128, 128, 128]], np.uint8)
    frames = np.stack([np.full((64, 64, 3), colour, np.uint8) for colour in colours])
    back = read_recording(write_recording(Recording(frames=frames, coding=Coding(options={"crf": "8"})))).frames
    np.testing.assert_allclose(back[:, 32, 32], colours, atol=4)


@pytest.mark.parametrize("kept", ["picture", "sound"])
@pytest.mark.parametrize("encoder", SOUNDS)
def test_what_is_unchanged_keeps_the_packets_of_the_source(kept: str, encoder: str, recording: Recording) -> None:
    source = write_recording(replace(recording, coding=Coding(sound=encoder, sound_bit_rate=SOUNDS[encoder])))
    other = replace(recording, coding=Coding(options={"crf": "40"}, sound="aac", sound_bit_rate=16_000))
    written = write_recording(other, unchanged=[kept], source=source)  # type: ignore[list-item]
    same = {"picture": "video", "sound": "audio"}[kept]
    changed = "audio" if same == "video" else "video"
    assert packets(written, same) == packets(source, same)
    assert packets(written, changed) == packets(write_recording(other), changed)


def test_decoded_again_gives_what_a_reader_of_the_file_sees(recording: Recording) -> None:
    coarse = replace(recording, coding=Coding(options={"crf": "38", "preset": "veryfast"}))
    again = decoded_again(coarse)
    np.testing.assert_array_equal(again.frames, read_recording(write_recording(coarse)).frames)
    assert again.samples is recording.samples


def test_other_frame_rates_keep_the_duration(recording: Recording) -> None:
    file = write_recording(replace(recording, frames=recording.frames[::2], fps=12.5))
    info = probe(file)
    assert info.fps == 12.5
    assert info.duration_s == pytest.approx(len(recording.frames[::2]) / 12.5, abs=1e-3)


def test_odd_sides_lose_a_line_and_max_s_bounds_the_length(tmp_path: Path, recording: Recording) -> None:
    file = write_recording(recording)
    short = read_recording(file, max_s=0.4)
    assert len(short.frames) == 10
    assert short.samples is not None
    assert len(short.samples) == 6400
    odd = tmp_path / "odd.avi"
    with av.open(str(odd), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "bgr24"
        for picture in np.random.default_rng(0).integers(0, 255, (3, 49, 65, 3), np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    assert read_recording(odd).frames.shape == (3, 48, 64, 3)


def test_a_silent_video_has_no_sound(tmp_path: Path, recording: Recording) -> None:
    write_video(tmp_path / "silent.mp4", list(recording.frames[:3]))
    silent = read_recording(tmp_path / "silent.mp4")
    assert silent.samples is None
    assert packets(write_recording(silent), "audio") == []


def test_an_encoder_that_is_missing_or_refuses_is_named(recording: Recording) -> None:
    with pytest.raises(ConfigError, match="no encoder 'libnone'"):
        check_encoders(Coding(video="libnone"))
    with pytest.raises(ConfigError, match="no encoder 'speexx'"):
        write_recording(replace(recording, coding=Coding(sound="speexx")))
    with pytest.raises(MediaError, match=r"the audio can't be encoded by .* with aac") as refused:
        write_recording(replace(recording, sample_rate_hz=44_101))
    assert refused.value.reason == "not_encoded"


def test_a_source_without_sound_has_none_to_keep(recording: Recording) -> None:
    silent = write_recording(replace(recording, samples=None))
    with pytest.raises(MediaError, match="the source has no sound"):
        write_recording(recording, unchanged=["sound"], source=silent)


def test_the_index_can_be_read_from_bytes_alone(recording: Recording) -> None:
    with av.open(io.BytesIO(write_recording(recording))) as container:
        assert "mp4" in container.format.name
        assert [stream.type for stream in container.streams] == ["video", "audio"]
