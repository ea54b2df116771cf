"""The evaluate command end to end on made videos: artefacts, determinism, failures that stand aside, bad input."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from curate import weights
from curate.errors import WeightsError
from curate.media_writing import write_video
from evaluate.evaluation import required_weights
from pipelines.__main__ import main
from tests.conftest import pan, pulsed_tone

Picture = NDArray[np.uint8]

METRICS = ("fd_efficientnet_lite0", "fd_expression_mesh", "sync_correlation", "identity_similarity")
ARGUMENTS = ["--metrics", f"[{','.join(METRICS)}]", "--max_frames", "4"]


def results(folder: Path) -> dict[str, Any]:
    """System -> metric -> what came out."""
    systems: dict[str, Any] = json.loads((folder / "results.json").read_text())["systems"]
    return systems


def evaluate(*arguments: str | Path) -> int:
    """One worker: on small clips its start (torch, OpenCV) costs more than the clips do."""
    return main(["evaluate", "--workers", "1", *map(str, arguments)])


@pytest.fixture(scope="module", autouse=True)
def all_weights() -> None:
    try:
        for name in required_weights(METRICS):
            weights.path(name)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, portrait: Picture) -> Path:
    """Four clips of the portrait: pans, a mirror image, and one without sound."""
    folder = tmp_path_factory.mktemp("real")
    for index, picture in enumerate([portrait, portrait[:, ::-1], np.rot90(portrait, 4), portrait // 2 + 60]):
        audio = pulsed_tone(2.24, pulse_hz=2 + index) if index else None
        write_video(folder / f"clip_{index}.mp4", pan(np.ascontiguousarray(picture), 56, size=256), audio=audio)
    return folder


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory, portrait: Picture) -> Path:
    """Two dark clips of the portrait, one named like a reference clip, a text and a cut-off file."""
    folder = tmp_path_factory.mktemp("generated")
    dark = portrait // 2
    write_video(folder / "clip_1.mp4", pan(dark, 56, size=256), audio=pulsed_tone(2.24))
    write_video(
        folder / "<b>other.mp4", pan(np.ascontiguousarray(dark[:, ::-1]), 56, size=256), audio=pulsed_tone(2.24)
    )
    (folder / "text.mp4").write_text("no video at all")
    (folder / "cut.mp4").write_bytes((folder / "clip_1.mp4").read_bytes()[:5000])
    return folder


@pytest.fixture(scope="module")
def done(real: Path, generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done") / "e"
    assert evaluate("--reference", real, "--generated", f"ours={generated}", "--out", out, *ARGUMENTS) == 0
    return out


def test_every_metric_has_its_number_counts_and_fingerprint(done: Path) -> None:
    metrics = results(done)["ours"]
    assert set(metrics) == set(METRICS)
    for metric in metrics.values():
        assert metric["value"] is not None
        assert len(metric["fingerprint"]) == 16
        assert metric["generated_n"]["clips"] == 2
        assert metric["generated_coverage"]["total"] == 4
        assert set(metric["generated_coverage"]["failed"]) == {"text.mp4", "cut.mp4"}
    for name in ("fd_efficientnet_lite0", "fd_expression_mesh"):
        assert [half["clips"] for half in metrics[name]["floor"]["n"]] == [2, 2]
    assert metrics["sync_correlation"]["reference_coverage"]["measured"] == 3
    assert metrics["identity_similarity"]["detail"]["clips_against_reference"] == 1


def test_clips_has_a_row_for_every_clip_with_its_failures(done: Path) -> None:
    clips = pd.read_parquet(done / "clips.parquet").set_index(["system", "name"])
    assert len(clips) == 8
    assert clips.loc[("ours", "text.mp4"), "failures"].count("not_media") == 1
    assert "sync_correlation: not_measurable" in clips.loc[("reference", "clip_0.mp4"), "failures"]
    assert clips.loc[("ours", "clip_1.mp4"), "identity_anchor"] == "reference"


def test_the_report_escapes_names_and_stands_alone(done: Path) -> None:
    page = (done / "report.html").read_text()
    assert "<b>other" not in page
    assert "&lt;b&gt;other.mp4" in page
    assert 'src="http' not in page


def test_twice_the_same_command_is_the_same_json(done: Path, real: Path, generated: Path, tmp_path: Path) -> None:
    """With another number of workers; a third time does nothing."""
    arguments = ["--reference", real, "--generated", f"ours={generated}", "--out", tmp_path / "e", *ARGUMENTS]
    assert main(["evaluate", "--workers", "2", *map(str, arguments)]) == 0
    assert (tmp_path / "e" / "results.json").read_bytes() == (done / "results.json").read_bytes()
    before = (tmp_path / "e" / "results.json").stat().st_mtime_ns
    assert evaluate(*arguments) == 0
    assert (tmp_path / "e" / "results.json").stat().st_mtime_ns == before


def test_an_interrupted_run_goes_on_with_what_it_has_measured(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "e"
    arguments = [
        "--reference",
        generated,
        "--generated",
        generated / "clip_1.mp4",
        "--out",
        out,
        "--metrics",
        "[sync_correlation]",
    ]
    with monkeypatch.context() as patched:
        patched.setattr("evaluate.artefacts.write_artefacts", _interrupt)
        assert evaluate(*arguments) == 130
    measured = {file: file.stat().st_mtime_ns for file in (out / "work").rglob("*.npz")}
    assert len(measured) == 5
    removed = out / "work" / "reference" / "000000.npz"
    removed.unlink()
    with monkeypatch.context() as patched:
        patched.setattr("evaluate.artefacts.write_artefacts", _interrupt)
        assert evaluate(*arguments) == 130
    again = {file: file.stat().st_mtime_ns for file in (out / "work").rglob("*.npz")}
    assert {file for file in again if again[file] != measured[file]} == {removed}
    assert evaluate(*arguments) == 0
    assert (out / "results.json").is_file()
    assert not (out / "work").exists()


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_other_videos_in_the_same_folder_are_not_the_same_run(
    real: Path, generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = tmp_path / "some"
    some.mkdir()
    shutil.copy(generated / "clip_1.mp4", some)
    arguments = ["--reference", some, "--generated", some, "--out", tmp_path / "e", "--metrics", "[sync_correlation]"]
    assert evaluate(*arguments) == 0
    shutil.copy(real / "clip_2.mp4", some)
    assert evaluate(*arguments) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_portraits_are_the_anchor(generated: Path, portrait: Picture, tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    faces.mkdir()
    Image.fromarray(portrait).save(faces / "clip_1.png")
    out = tmp_path / "e"
    arguments = ["--metrics", "[identity_similarity]", "--portraits", faces, "--out", out, "--max_frames", "4"]
    assert evaluate("--reference", generated / "clip_1.mp4", "--generated", generated, *arguments) == 0
    metric = results(out)["generated0"]["identity_similarity"]
    assert metric["detail"]["clips_against_portrait"] == 1
    assert metric["value"] > 0.9
    assert metric["generated_coverage"]["failed"]["<b>other.mp4"].startswith("no_portrait")


def test_a_metric_without_weights_is_absent_and_the_others_stand(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("blazeface_full_range_sparse", "face_mesh"):
        shutil.copy(weights.path(name), folder)
    monkeypatch.setenv("EMOFORGE_WEIGHTS", str(folder))
    monkeypatch.setenv("EMOFORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "fetch", _no_network)
    arguments = ["--metrics", "[fd_expression_mesh, identity_similarity]", "--max_frames", "4"]
    before = weights.folders()
    try:
        assert evaluate("--reference", generated, "--generated", generated, "--out", tmp_path / "e", *arguments) == 0
    finally:
        weights.use_folders(before[0], cache=before[1])
    metrics = results(tmp_path / "e")["generated0"]
    assert metrics["fd_expression_mesh"]["value"] == 0.0
    assert metrics["identity_similarity"]["value"] is None
    assert "emoforge weights fetch dlib_face_recognition" in metrics["identity_similarity"]["absent"]


def _no_network(name: str) -> Path:
    raise WeightsError(f"can't fetch {name}")


@pytest.mark.parametrize("wrong", ["missing", "empty", "unreadable", "metric", "frames", "portraits"])
def test_bad_input_is_one_clear_message(
    wrong: str, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: tmp_path / name for name in ("empty", "unreadable")}
    for place in places.values():
        place.mkdir()
    (places["unreadable"] / "text.mp4").write_text("no video at all")
    given = places.get(wrong, tmp_path / "nowhere" if wrong == "missing" else real)
    extra, says = {
        "missing": ([], "does not exist"),
        "empty": ([], "holds no video"),
        "unreadable": (["--metrics", "[sync_correlation]"], "none of the 1 generated videos can be read"),
        "metric": (["--metrics", "[sync_corelation]"], "did you mean 'sync_correlation'"),
        "frames": (["--max_frames", "1"], "2 or more"),
        "portraits": (["--portraits", str(tmp_path / "nowhere")], "portraits"),
    }[wrong]
    assert evaluate("--reference", real, "--generated", given, "--out", tmp_path / "e", *extra) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_two_systems_stand_side_by_side(real: Path, generated: Path, tmp_path: Path) -> None:
    out = tmp_path / "e"
    sides = ["--generated", f"ours={generated}", "--generated", f"real_again={real}"]
    assert evaluate("--reference", real, *sides, "--out", out, *ARGUMENTS) == 0
    systems = results(out)
    assert set(systems) == {"ours", "real_again"}
    assert systems["real_again"]["fd_efficientnet_lite0"]["value"] == pytest.approx(0, abs=1e-6)
    assert systems["ours"]["fd_efficientnet_lite0"]["value"] > 1
    table = pd.read_parquet(out / "results.parquet")
    assert len(table) == 2 * len(METRICS)
    assert set(pd.read_parquet(out / "clips.parquet").system) == {"reference", "ours", "real_again"}
    assert (out / "table.md").read_text().startswith("| metric")
    assert "toprule" in (out / "table.tex").read_text()
    assert "<video" in (out / "report.html").read_text()


def test_stored_statistics_stand_for_the_reference(real: Path, done: Path, generated: Path, tmp_path: Path) -> None:
    assert evaluate("--reference", real, "--save-statistics", "--out", tmp_path / "s", *ARGUMENTS) == 0
    stored = tmp_path / "s" / "statistics.npz"
    out = tmp_path / "e"
    assert evaluate("--reference", stored, "--generated", f"ours={generated}", "--out", out, *ARGUMENTS) == 0
    now, before = results(out)["ours"], results(done)["ours"]
    for name in ("fd_efficientnet_lite0", "fd_expression_mesh"):
        assert now[name]["value"] == pytest.approx(before[name]["value"], rel=1e-8)
        assert now[name]["floor"]["value"] == pytest.approx(before[name]["floor"]["value"], rel=1e-8)
    assert now["sync_correlation"]["value"] == before["sync_correlation"]["value"]
    stored.write_bytes(b"no archive")
    bad = ["--reference", stored, "--generated", generated, "--out", tmp_path / "f"]
    assert evaluate(*bad, *ARGUMENTS) == 2


@pytest.mark.ray
def test_ray_gives_the_same(done: Path, real: Path, generated: Path, tmp_path: Path) -> None:
    arguments = ["--reference", real, "--generated", f"ours={generated}", "--out", tmp_path / "e", *ARGUMENTS]
    try:
        assert evaluate(*arguments, "--executor", "ray") == 0
    finally:
        pytest.importorskip("ray").shutdown()
    assert (tmp_path / "e" / "results.json").read_bytes() == (done / "results.json").read_bytes()


def test_what_this_machine_can_prove_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--accept") == 0
    said = capsys.readouterr().out
    assert said.count("proven      Fréchet") >= 5
    assert "failed" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--reference", "r"], "--out is needed"),
        (["--reference", "r", "--out", "e"], "give --generated DIR, or --save-statistics"),
        (["--reference", "r", "--generated", "g", "--save-statistics", "--out", "e"], "give --generated DIR, or"),
        (["--reference", "{real}", "--generated", "reference={real}", "--out", "{out}"], "can't share a name"),
        (["--reference", "{real}", "--generated", "{real}", "--out", "{out}", "--protocol", "fid"], "known: clean-fid"),
    ],
)
def test_what_does_not_fit_together_is_said_at_once(
    arguments: list[str], says: str, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*(text.format(real=real, out=tmp_path / "e") for text in arguments)) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "e").exists()
