"""Files of scored clips: what was written is read back to the bit, and what can't be read is scored anew."""

from pathlib import Path

import numpy as np
import pytest

from evaluate.detection.components import Marks
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.detection.scored_files import load_scored, load_seen, save_scored
from evaluate.detection.scoring import Answer, ClipScores

SEEN = np.array([0.1, -3e-30, 7.25], np.float32)


@pytest.fixture
def clip() -> ClipScores:
    identity = np.random.default_rng(0).normal(size=128).astype(np.float32)
    return ClipScores(
        answers=(
            Answer(detector="finished", condition=ORIGINAL, given=0.1 + 0.2),
            Answer(detector="fitted", condition=ORIGINAL, abstained="no_face: “none”"),
            Answer(detector="finished", condition=MATCHED, given=1.0),
            Answer(detector="fitted", condition=MATCHED, given=SEEN),
            Answer(detector="fitted", condition="noise", severity="sd 8", severity_rank=2, given=SEEN * 2),
            Answer(detector="other", condition=MATCHED, given=np.zeros((2, 0), np.float32)),
        ),
        trivial={ORIGINAL: {"fps": 29.97, "container": "mov"}, MATCHED: {}},
        marks=Marks(
            source="src/é",
            duration_s=1.1,
            identity=identity,
            frame_hashes=[-(2**63), 2**63 - 1, 0],
            audio_fingerprint=[-(2**31), 2**31 - 1],
        ),
        video=b"\0mp4",
    )


def test_a_clip_comes_back_to_the_bit(clip: ClipScores, tmp_path: Path) -> None:
    path = tmp_path / "000001.npz"
    save_scored(clip, path)
    back = load_scored(path)
    assert back is not None
    for before, after in zip(clip.answers, back.answers, strict=True):
        assert {k: v for k, v in vars(after).items() if k != "given"} == {
            k: v for k, v in vars(before).items() if k != "given"
        }
        assert type(after.given) is type(before.given)
        np.testing.assert_array_equal(after.given, before.given)
    assert back.trivial == clip.trivial
    assert (back.marks.source, back.marks.duration_s) == (clip.marks.source, clip.marks.duration_s)
    assert (back.marks.identity == clip.marks.identity).all()
    assert list(back.marks.frame_hashes) == list(clip.marks.frame_hashes)
    assert list(back.marks.audio_fingerprint) == list(clip.marks.audio_fingerprint)
    assert (back.video, path.with_suffix(".mp4").read_bytes()) == (None, b"\0mp4")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000001.mp4", "000001.npz"]


def test_what_a_fitted_detector_saw_is_its_own(clip: ClipScores, tmp_path: Path) -> None:
    save_scored(clip, tmp_path / "0.npz")
    seen = load_seen(tmp_path / "0.npz", "fitted")
    assert set(seen) == {(ORIGINAL, ""), (MATCHED, ""), ("noise", "sd 8")}
    assert seen[ORIGINAL, ""] == "no_face: “none”"
    assert np.array_equal(seen[MATCHED, ""], SEEN)
    assert np.array_equal(seen["noise", "sd 8"], SEEN * 2)
    assert load_seen(tmp_path / "0.npz", "nobody") == {}


def test_a_clip_that_could_not_be_matched_has_no_video(tmp_path: Path) -> None:
    save_scored(ClipScores(answers=(), marks=Marks(source="s")), tmp_path / "0.npz")
    back = load_scored(tmp_path / "0.npz")
    assert back is not None
    assert (len(back.answers), len(back.marks.frame_hashes), int(back.marks.identity.any())) == (0, 0, 0)
    assert [file.name for file in tmp_path.iterdir()] == ["0.npz"]


def test_every_cut_of_a_file_is_none(clip: ClipScores, tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    save_scored(clip, path)
    whole = path.read_bytes()
    for kept in range(0, len(whole), 7):
        path.write_bytes(whole[:kept])
        assert load_scored(path) is None, kept


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04" + bytes(40), b"\x93NUMPY\x01\x00"])
def test_what_is_no_scored_clip_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    path.write_bytes(content)
    assert load_scored(path) is None
    assert load_scored(tmp_path / "missing.npz") is None


@pytest.mark.parametrize("record", [b"not json", b"[]", b"{}", b'{"answers": [], "marks": {"source": ""}}'])
def test_a_record_of_another_kind_is_none(record: bytes, tmp_path: Path) -> None:
    none = np.zeros(0, np.int64)
    text = np.frombuffer(record, np.uint8)
    np.savez(tmp_path / "0.npz", record=text, identity=none, frame_hashes=none, audio_fingerprint=none)
    assert load_scored(tmp_path / "0.npz") is None


def test_flipped_bytes_never_raise(clip: ClipScores, tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    save_scored(clip, path)
    whole = bytearray(path.read_bytes())
    for at in range(0, len(whole), 5):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        load_scored(path)
