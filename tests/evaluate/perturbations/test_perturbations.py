"""Every perturbation: it says what it is, does the same twice, changes no more than it says, and keeps the times."""

import importlib
import typing
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import plugins
from curate.media import probe
from evaluate.detection.detector import Medium
from evaluate.detection.perturbing import PACKAGE, Perturbation, perturbations, perturbed
from evaluate.detection.recording import Recording
from evaluate.detection.recording_files import read_recording, write_recording
from tests.evaluate.made_recordings import lag, packets, psnr_db, snr_db, talking

ALL = plugins.names(PACKAGE)
SIZED = [name for name in ALL if name.startswith("social_")]  # give a smaller picture
RATED = ["aac", "opus", "mp3"]
WORSE = ["h264", "h265", "vp9", "av1", "double_compression", "jpeg", "resize", "blur", "noise", "gamma", "crop"]
WORSE_SOUND = ["audio_noise", "resample_audio", "leading_silence"]


@pytest.fixture(scope="module")
def source(portrait: NDArray[np.uint8]) -> bytes:
    return write_recording(talking(portrait))


@pytest.fixture(scope="module")
def recording(source: bytes) -> Recording:
    return read_recording(source)


@pytest.mark.parametrize("name", ALL)
def test_it_says_what_it_is(name: str) -> None:
    plugin, module = plugins.load(PACKAGE, name), importlib.import_module(f"{PACKAGE}.{name}")
    assert plugin.__name__ == name
    assert plugin.__doc__
    assert module.__doc__
    assert typing.get_type_hints(plugin)["return"] is Recording
    assert set(module.CHANGES) <= set(typing.get_args(Medium))
    assert module.CHANGES
    assert module.SEVERITIES
    assert not [label for label in module.SEVERITIES if "," in label or ":" in label or label != label.strip()]
    assert (name in SIZED) == bool(plugins.constant(PACKAGE, name, "SOURCE", None))


@pytest.mark.parametrize("name", ALL)
def test_it_does_the_same_twice_and_changes_no_more_than_it_says(
    name: str, recording: Recording, source: bytes
) -> None:
    for perturbation in perturbations(name):
        file = perturbed(recording, perturbation, source=source)
        assert perturbed(recording, perturbation, source=source) == file
        for medium, kind in (("picture", "video"), ("sound", "audio")):
            same = packets(file, kind) == packets(source, kind)
            assert same == (medium not in perturbation.changes), (perturbation.severity, medium)


@pytest.mark.parametrize("name", ALL)
def test_it_keeps_the_times(name: str, recording: Recording, source: bytes) -> None:
    assert recording.samples is not None
    for perturbation in perturbations(name):
        file = perturbed(recording, perturbation, source=source)
        back = read_recording(file)
        duration_s = probe(file).duration_s
        longest = 1 / perturbation.level if name == "frame_rate" else 1e-3
        assert duration_s == pytest.approx(len(recording.frames) / 25, abs=longest)
        if name != "frame_rate":
            assert len(back.frames) == len(recording.frames)
        assert back.samples is not None
        assert abs(lag(recording.samples, back.samples[: len(recording.samples)])) <= 2, perturbation.severity


@pytest.mark.parametrize("name", ALL)
def test_it_does_without_sound(name: str, recording: Recording) -> None:
    silent = replace(recording, samples=None)
    for perturbation in perturbations(name)[:1]:
        file = perturbed(silent, perturbation)
        assert packets(file, "audio") == []
        assert len(packets(file, "video")) >= len(recording.frames) // 2


@pytest.mark.parametrize("name", WORSE)
def test_the_picture_gets_worse_along_the_severities(name: str, recording: Recording, source: bytes) -> None:
    written = [read_recording(perturbed(recording, step, source=source)).frames for step in perturbations(name)]
    ratios = [psnr_db(recording.frames, frames) for frames in written]
    assert all(milder > worse + 0.2 for milder, worse in pairwise(ratios)), ratios


@pytest.mark.parametrize("name", ["h264", "h265", "vp9", "av1", "double_compression"])
def test_a_higher_crf_takes_fewer_bytes(name: str, recording: Recording) -> None:
    sizes = [_bytes(perturbed(recording, step), "video") for step in perturbations(name)]
    assert all(milder > 1.1 * worse for milder, worse in pairwise(sizes)), sizes


@pytest.mark.parametrize("name", RATED)
def test_a_lower_bit_rate_takes_fewer_bytes(name: str, recording: Recording, source: bytes) -> None:
    sizes = [_bytes(perturbed(recording, step, source=source), "audio") for step in perturbations(name)]
    assert all(milder > 1.1 * worse for milder, worse in pairwise(sizes)), sizes


@pytest.mark.parametrize("name", WORSE_SOUND)
def test_the_sound_gets_worse_along_the_severities(name: str, recording: Recording) -> None:
    clean = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    function = plugins.load(PACKAGE, name)
    sounds = [function(replace(recording, samples=clean), step.level).samples for step in perturbations(name)]
    ratios = [snr_db(clean, sound) for sound in sounds]
    assert all(milder > worse + 1 for milder, worse in pairwise(ratios)), ratios


@pytest.mark.parametrize("level", [30.0, 10.0])
def test_the_noise_of_sound_lies_where_it_is_told(level: float, recording: Recording) -> None:
    noisy = plugins.load(PACKAGE, "audio_noise")(recording, level)
    assert recording.samples is not None
    assert snr_db(recording.samples, noisy.samples) == pytest.approx(level, abs=0.1)


def test_two_clips_share_no_noise(recording: Recording) -> None:
    grey = [replace(recording, frames=np.full((2, 64, 64, 3), value, np.uint8)) for value in (100, 101)]
    first, second = (plugins.load(PACKAGE, "noise")(clip, 8.0).frames.astype(float) for clip in grey)
    assert first.std() == pytest.approx(8, rel=0.05)
    assert abs(np.corrcoef(first[0].ravel(), second[0].ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1]) < 0.1


def test_dropped_frames_show_the_one_before(recording: Recording) -> None:
    frames = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    shown = plugins.load(PACKAGE, "frame_drop")(replace(recording, frames=frames), 0.3).frames[:, 0, 0, 0].astype(int)
    assert shown[0] == 0
    assert np.sum(shown != np.arange(100)) == 30
    assert set(np.diff(shown)) >= {0, 1}
    assert all(index == shown[index] or shown[index] == shown[index - 1] for index in range(1, 100))


@pytest.mark.parametrize(("fps", "expected"), [(12.5, [0, 2, 4, 6]), (30.0, [0, 0, 1, 2, 3, 4, 5, 5, 6, 7])])
def test_another_frame_rate_shows_what_was_there(fps: float, expected: list[int], recording: Recording) -> None:
    frames = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    changed = plugins.load(PACKAGE, "frame_rate")(replace(recording, frames=frames), fps)
    assert changed.fps == fps
    assert changed.frames[:, 0, 0, 0].tolist() == expected


def test_resampled_sound_has_nothing_above_half_its_rate(recording: Recording) -> None:
    time_s = np.arange(16_000) / 16_000
    low, high = np.sin(2 * np.pi * 3000 * time_s), np.sin(2 * np.pi * 5000 * time_s)
    both = replace(recording, samples=(0.3 * low + 0.3 * high).astype(np.float32))
    np.testing.assert_allclose(plugins.load(PACKAGE, "resample_audio")(both, 8000).samples, 0.3 * low, atol=1e-5)


@pytest.mark.parametrize("name", SIZED)
def test_a_service_makes_the_picture_no_larger(name: str, recording: Recording) -> None:
    for perturbation in perturbations(name):
        delivered = plugins.load(PACKAGE, name)(recording, perturbation.level)
        lines = min(perturbation.level.width, perturbation.level.height, 720)
        assert delivered.frames.shape[1] == round(recording.frames.shape[1] * lines / 720 / 2) * 2


def test_flipping_twice_is_nothing(recording: Recording) -> None:
    flip: Perturbation = perturbations("flip")[0]
    function = plugins.load(PACKAGE, "flip")
    once = function(recording, flip.level)
    assert not np.array_equal(once.frames, recording.frames)
    np.testing.assert_array_equal(function(once, flip.level).frames, recording.frames)
    np.testing.assert_array_equal(once.frames[:, :, 0], recording.frames[:, :, -1])


def _bytes(file: bytes, kind: str) -> int:
    return sum(len(packet) for packet, _, _ in packets(file, kind))
