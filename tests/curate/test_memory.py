"""A worker's memory: hours of video cost a few numbers a frame, never their pictures."""

from pathlib import Path

import pytest

from benchmarks.memory import Use, analyse_only, repeat, use_of, write_minute

pytestmark = [pytest.mark.usefixtures("face_weights"), pytest.mark.slow, pytest.mark.timeout(900)]

SHORT_MIN, LONG_MIN = 2, 12
MOST_MB_AN_HOUR = 150  # a face's numbers take 21, and as much again while arrays are made of them
LIMIT_MB = 1536


def test_three_hours_with_a_face_fit_into_a_worker(tmp_path: Path) -> None:
    """What ten minutes more cost, eighteen times over, added to what is there at the start."""
    write_minute(tmp_path / "minute.mp4")
    short, long = (_use(tmp_path, minutes) for minutes in (SHORT_MIN, LONG_MIN))
    assert short.n_clips == long.n_clips == 1, "one face, followed from the beginning to the end"
    mb_an_hour = (long.peak_mb - short.peak_mb) * 60 / (LONG_MIN - SHORT_MIN)
    assert mb_an_hour < MOST_MB_AN_HOUR
    assert short.peak_mb + 3 * MOST_MB_AN_HOUR < LIMIT_MB


def _use(folder: Path, minutes: int) -> Use:
    video = folder / f"{minutes}.mp4"
    repeat(folder / "minute.mp4", video, minutes)
    return use_of(video, analyse_only)
