"""The shape of the project: names, sizes and imports that the design promises."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("curate", "train", "evaluate", "pipelines")
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
BANNED = {"utils", "util", "helpers", "common", "misc", "base"}


TOUCH_PYAV = {
    "curate/clip_frames.py",
    "curate/container_facts.py",
    "curate/display.py",
    "curate/frame.py",
    "curate/media.py",
    "curate/sound.py",
    "curate/sound_stream.py",
    "curate/media_writing.py",
    "evaluate/detection/recording_files.py",
    "pipelines/doctor.py",
}
# torch networks of scorers that are not run unless asked for
NETWORKS = {
    "curate/lr_asd.py",
    "curate/one_thread.py",
    "curate/syncnet.py",
    "curate/scorers/active_speaker.py",
    "curate/scorers/syncnet.py",
}


@pytest.mark.parametrize("name", PACKAGES)
def test_our_packages_are_the_ones_imported(name: str) -> None:
    """`evaluate` is also a Hugging Face package: ours must not be shadowed."""
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).resolve().is_relative_to(ROOT)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_is_short_opens_with_a_sentence_and_has_a_real_name(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= 350
    assert file.stem not in BANNED
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_only_the_media_files_touch_pyav(file: Path) -> None:
    name = file.relative_to(ROOT).as_posix()
    imported = {
        module.split(".")[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [getattr(node, "module", "") or ""]
        )
    }
    assert "av" not in imported or name in TOUCH_PYAV
    if file.is_relative_to(ROOT / "curate") and name not in NETWORKS:
        assert not imported & {"torch", "diffusers"}, "a curation worker starts fast and small"


def test_top_level_is_what_was_asked_for() -> None:
    for name in (*PACKAGES, "notebooks", "tests"):
        assert (ROOT / name).is_dir(), name
    assert (ROOT / "pyproject.toml").is_file()
