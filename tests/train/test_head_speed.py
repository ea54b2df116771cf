"""The head's speed over time: a number, points with straight lines between them, or a file of them."""

import os
from pathlib import Path

import numpy as np
import pytest

from curate.errors import ConfigError
from train.head_speed import read_speed, speed_curve


def curve(text: str, n_frames: int = 101) -> list[float]:
    return list(speed_curve(read_speed(text), n_frames=n_frames, fps=25))


def test_a_number_is_constant() -> None:
    assert np.allclose(curve("0.7"), 0.7)


def test_points_are_joined_by_lines_and_held_at_the_ends(tmp_path: Path) -> None:
    points = curve("1:0,2:1,3:0.5")
    assert np.allclose([points[i] for i in (0, 25, 30, 50, 75, 100)], [0, 0, 0.2, 1, 0.5, 0.5])
    (tmp_path / "speed.csv").write_text("second,degrees\n1,0\n2,1\n3,0.5\n", encoding="utf-8")
    assert curve(str(tmp_path / "speed.csv")) == points


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-1", "0-90 degrees"),
        ("nan", "neither a number"),
        ("fast", "neither a number"),
        ("0:1,0:2", "seconds must rise"),
        ("0:1,1:x", "'1:x' is not a second"),
        ("0:1:2", "'0:1:2' is not"),
        ("0:1e9", "0-90 degrees"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_speed(text)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no second,degrees"),
        (b"second,degrees\n", "holds no second,degrees"),
        (b"\xff\xfe\x00", "can't be read as CSV"),
        (b"1,2\n1,3\n", "seconds must rise"),
        (b"1;2\n2;3\n", "is not a second"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as raised:
        read_speed(str(tmp_path / "s.csv"))
    assert "s.csv" in str(raised.value)


def test_many_points_are_no_file_name(tmp_path: Path) -> None:
    text = ",".join(f"{second / 10}:0.5" for second in range(60))
    assert len(read_speed(text)) == 60
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is not a file"):
        read_speed(str(tmp_path / "pipe"))
