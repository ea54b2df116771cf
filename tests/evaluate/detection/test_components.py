"""Clips belong together by whom they show, where they come from, or what they share, and through others."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.detection.components import Marks, components_of
from evaluate.detection.matching import Matching, match
from evaluate.observation import Observation

RANDOM = np.random.default_rng(0)


def _person() -> NDArray[np.float32]:
    vector = RANDOM.normal(size=128)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _hashes(n: int = 40) -> list[int]:
    return [int(word) for word in RANDOM.integers(-(2**63), 2**63 - 1, n)]


def _marks(source: str, *, identity: NDArray[np.float32] | None = None, frame_hashes: list[int] | None = None) -> Marks:
    return Marks(
        source=source,
        duration_s=8.0,
        identity=_person() if identity is None else identity,
        frame_hashes=_hashes() if frame_hashes is None else frame_hashes,
    )


def test_strangers_of_sources_of_their_own_stay_apart() -> None:
    assert components_of([_marks("a"), _marks("b"), _marks("c")]).tolist() == ["a", "b", "c"]


def test_person_source_and_copy_each_join_and_a_chain_of_them_does() -> None:
    one, copied = _person(), _hashes()
    clips = [
        _marks("a", identity=one),
        _marks("b", identity=one, frame_hashes=copied),
        _marks("c", frame_hashes=copied),
        _marks("c"),
        _marks("d"),
    ]
    assert components_of(clips).tolist() == ["a", "a", "a", "a", "d"]


def test_clips_of_which_nothing_is_known_are_not_one_person() -> None:
    """Those that couldn't be matched have an identity of zeros and no hashes."""
    assert components_of([Marks(source="a"), Marks(source="b"), _marks("c")]).tolist() == ["a", "b", "c"]
    assert components_of([Marks(source="a")]).tolist() == ["a"]


def test_who_belongs_together_does_not_depend_on_the_order() -> None:
    one = _person()
    clips = [_marks("a", identity=one), _marks("b"), _marks("c", identity=one), _marks("d")]
    forward, backward = components_of(clips), components_of(clips[::-1])[::-1]
    assert forward.tolist() == backward.tolist() == ["a", "b", "a", "d"]


@pytest.mark.slow
def test_people_of_real_and_generated_clips_are_told_apart(media_folder: Path, face_weights: None) -> None:
    """Two VASA-1 portraits, a HDTF speaker and a senator are four people; a clip and its copy are one."""
    files = ("aoc_hdtf.mp4", "senator_office.mp4", "vasa_3.mp4", "vasa_9.mp4", "vasa_9.mp4")
    clips = []
    for place, name in enumerate(files):
        matched = match(Observation(media=media_folder / name, max_frames=8), Matching(max_s=3.0))
        clips.append(
            Marks(
                source=f"{place}",
                duration_s=matched.duration_s,
                identity=matched.identity,
                frame_hashes=matched.frame_hashes,
                audio_fingerprint=matched.audio_fingerprint,
            )
        )
    assert components_of(clips).tolist() == ["0", "1", "2", "3", "3"]
