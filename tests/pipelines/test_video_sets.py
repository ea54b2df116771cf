"""Sets of videos by name: each its own name, from the flag or from the folder."""

from pathlib import Path

import pytest

from curate.errors import EmoforgeError
from pipelines.video_sets import named_places


def test_names_are_given_or_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "clip.v2.mp4").touch()
    found = named_places(["A=folder", "folder/", "clip.v2.mp4", "B=a=b"], flag="--fake", taken=("real",))
    assert {name: place.path for name, place in found.items()} == {
        "A": tmp_path / "folder",
        "folder": tmp_path / "folder",
        "clip.v2": tmp_path / "clip.v2.mp4",
        "B": tmp_path / "a=b",
    }


@pytest.mark.parametrize(
    "texts", [["A=x", "A=y"], ["real=x"], ["=x"], ["/"], ["..=x"], ["a/b=x"], ["a\\b=x"], ["\0=x"]]
)
def test_names_that_cannot_be_a_folders_are_refused(texts: list[str]) -> None:
    with pytest.raises(EmoforgeError, match="say NAME=DIR"):
        named_places(texts, flag="--fake", taken=("real",))
