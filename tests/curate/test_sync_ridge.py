"""The sync model: on lips that obey it, on shifted real clips, and fitted anew."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.analysis import analyse
from curate.clip_media import clip_media
from curate.errors import EmoforgeError, WeightsError
from curate.scorers.sync_ridge import sync_ridge
from curate.scoring import score
from curate.sync_fit import Example, fit_sync, summary
from curate.sync_ridge import MAX_LAG_S, estimate, lag_curve, load_model, mel_context, model_in_use, save_model

RATE_HZ = 16_000
REACH_S = 2 * MAX_LAG_S


def babble(seconds: float, seed: int) -> NDArray[np.float32]:
    """Noise in syllables: bursts whose pitch, length and loudness vary."""
    random = np.random.default_rng(seed)
    pieces, length = [], 0
    while length < seconds * RATE_HZ:
        n = int(random.uniform(0.06, 0.25) * RATE_HZ)
        tone = np.sin(2 * np.pi * random.uniform(150, 2500) * np.arange(n) / RATE_HZ) + random.normal(size=n) * 0.3
        pieces.append(tone * np.hanning(n) * random.choice([0.0, 0.2, 0.6]))
        length += n
    return np.concatenate(pieces)[: round(seconds * RATE_HZ)].astype(np.float32)


def obedient_lips(audio: NDArray[np.float32], n: int, *, noise: float, seed: int) -> NDArray[np.float64]:
    """Lips that do what one fixed linear rule says of the sound, and some more."""
    rule = np.random.default_rng(7).normal(size=(546, 2)) * np.repeat(np.hanning(23)[1:-1], 26)[:, None]
    lips = mel_context(audio, n) @ rule
    return np.asarray(lips / lips.std(axis=0) + noise * np.random.default_rng(seed).normal(size=(n, 2)))


def example(seed: int, seconds: float = 9.0) -> Example:
    audio = babble(seconds, seed)
    return Example(lips=obedient_lips(audio, round(seconds * 50), noise=0.7, seed=seed), audio=audio, group=str(seed))


@pytest.fixture(scope="module")
def fitted() -> object:
    return fit_sync([example(seed) for seed in range(8)])


def test_a_fit_finds_injected_offsets_and_knows_when(fitted: object) -> None:
    table = summary(fitted.trials)  # type: ignore[attr-defined]
    long = table[table.length_s >= 6]
    assert (long.claimed_within_2_frames >= 0.95).all()
    assert (long.coverage >= 0.5).all()
    assert not fitted.trials[fitted.trials.length_s < 4].claimed.any(), "nothing is claimed of 3 s"  # type: ignore[attr-defined]


@pytest.mark.parametrize("shift_s", [-0.6, -0.2, 0.0, 0.3])
def test_the_sign_of_an_offset(fitted: object, shift_s: float) -> None:
    """Above zero the sound comes late: what is heard at t was said at t - offset."""
    audio = babble(8 + 4 * REACH_S, 99)
    begin = round(2 * REACH_S * RATE_HZ)
    lips = obedient_lips(audio[begin:], 400, noise=0.5, seed=1)
    heard_from = begin - round((shift_s + MAX_LAG_S) * RATE_HZ)
    heard = audio[heard_from : heard_from + round((8 + 2 * MAX_LAG_S) * RATE_HZ)]
    found = estimate(fitted.model, lips, heard)  # type: ignore[attr-defined]
    assert found.lag_s == pytest.approx(shift_s, abs=0.041)
    assert found.confidence > 0.9


def test_unrelated_sound_is_not_believed(fitted: object) -> None:
    lips = obedient_lips(babble(8, 1), 400, noise=0.5, seed=1)
    heard = [babble(8 + 2 * MAX_LAG_S, seed) for seed in range(100, 110)]
    assert sum(estimate(fitted.model, lips, sound).confidence >= 0.95 for sound in heard) <= 1  # type: ignore[attr-defined]


def test_a_lag_curve_is_a_correlation() -> None:
    audio = babble(6 + 2 * MAX_LAG_S, 3)
    lips = np.random.default_rng(0).normal(size=(300, 2))
    curve = lag_curve(np.random.default_rng(1).normal(size=(546, 2)), lips, audio)
    assert curve.shape == (81,)
    assert (np.abs(curve) <= 1).all()


def test_too_few_clips_are_no_basis() -> None:
    with pytest.raises(EmoforgeError, match="too few to fit"):
        fit_sync([example(0), example(1)])


def test_a_model_survives_its_file_and_what_is_none_is_refused(fitted: object, tmp_path: Path) -> None:
    save_model(fitted.model, tmp_path / "m.npz")  # type: ignore[attr-defined]
    again = load_model(tmp_path / "m.npz")
    np.testing.assert_allclose(again.coefficients, fitted.model.coefficients, rtol=2e-3, atol=1e-5)  # type: ignore[attr-defined]
    assert (tmp_path / "m.npz").stat().st_size < 4000
    for name, content in {"text": b"no", "pickle": b"\x80\x04\x95", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match="not a fitted sync model"):
            load_model(tmp_path / name)
    np.savez(tmp_path / "other.npz", coefficients=np.zeros((3, 2)), calibration=np.zeros(4))
    with pytest.raises(WeightsError, match="arrays are"):
        load_model(tmp_path / "other.npz")


@pytest.mark.usefixtures("face_weights")
def test_a_late_sound_is_found_and_mended(media_folder: Path) -> None:
    """A real clip, its sound shifted by eight frames, comes back to where it was."""
    file = media_folder / "garden_woman_1080p.mp4"
    found = analyse(file, end_s=8.0)
    media = clip_media(file, found, found.tracks[0])
    shifted = clip_media(file, found, found.tracks[0])
    object.__setattr__(shifted, "audio_shift_s", -0.32)  # heard 0.32 s too early in the file: late by as much
    told = sync_ridge(shifted)
    assert told["offset_s"] == pytest.approx(0.32, abs=0.081)
    scored = score(shifted, scorers=["sync_ridge"], keep={}, repair_by="sync_ridge")
    assert scored.scores["sync_offset_before_s"] == told["offset_s"]
    assert abs(scored.scores["sync_ridge_offset_s"] or 0.0) <= 0.081
    assert scored.media.audio is not None
    unmoved = score(media, scorers=["sync_ridge"], keep={}, repair_by="sync_ridge")
    assert unmoved.scores["audio_shift_s"] == 0.0
    assert unmoved.media is media


def test_the_shipped_model_loads() -> None:
    model, file = model_in_use()
    assert file.stat().st_size < 4000
    assert np.isfinite(model.coefficients).all()
