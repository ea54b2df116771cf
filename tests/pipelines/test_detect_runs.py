"""`emoforge detect` on made videos: known answers, clips and detectors that fail, going on, and the same under Ray."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from curate.media_writing import write_video
from pipelines.__main__ import main
from tests.conftest import pan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("face_weights", "stand_ins")]

Picture = NDArray[np.uint8]

ROOT = Path(__file__).parents[2]
KNOWN = ("right", "wrong", "constant", "silent", "careful", "failing")
SMALL = ("--draws=100", "--matching.size_px=96", "--matching.max_s=1", "--answer_s=0.4")
FRAMES = 30
GREEN = np.array([0, 70, 0])


def stand_in(name: str) -> str:
    return f"{name}=py:tests.pipelines.detecting_stand_ins:{name}"


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[None]:
    """The tests' own modules can be imported by whoever is started: worker or Ray's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, portrait: Picture) -> Path:
    """Three real clips and a text, two green ones of A, one of B and one of A's without a face."""
    folder = tmp_path_factory.mktemp("sets")
    green = np.clip(portrait + GREEN, 0, 255).astype(np.uint8)
    for name, picture in (
        *(("real/a", portrait), ("real/b", portrait[16:]), ("real/c", portrait // 2 + 60)),
        *(("A/a", green), ("A/b", green[16:]), ("B/a", green // 2 + 60)),
        ("A/wall", np.zeros_like(portrait) + GREEN.astype(np.uint8)),
    ):
        write_video(folder / f"{name}.mp4", pan(picture, FRAMES, size=256))
    (folder / "real" / "text.mp4").write_text("no video at all")
    return folder


def detect(sets: Path, out: Path, *arguments: str, detectors: tuple[str, ...]) -> int:
    named = [word for text in detectors for word in ("--detectors", text)]
    places = ["--real", str(sets / "real"), "--fake", f"A={sets / 'A'}", "--fake", f"B={sets / 'B'}"]
    return main(["detect", *places, *named, "--out", str(out), "--workers", "2", *SMALL, *arguments])


STANDARD = (*map(stand_in, KNOWN), "hangs=cmd:tail -f {video}", "fails=cmd:false {video}", "spectrum", "ensemble")
PERTURB = ("--perturb", "jpeg:q 30,gain:-20 dB")


@pytest.fixture(scope="module")
def done(sets: Path, tmp_path_factory: pytest.TempPathFactory, face_weights: None, stand_ins: None) -> Path:
    out = tmp_path_factory.mktemp("done") / "d"
    assert detect(sets, out, *PERTURB, detectors=STANDARD) == 0
    return out


def cell(folder: Path, detector: str, condition: str = "matched", generator: str = "all") -> dict[str, Any]:
    wanted = (detector, condition, generator, "", "")
    keys = ("detector", "condition", "generator", "fitted_without", "subgroup")
    cells = json.loads((folder / "results.json").read_text())["cells"]
    (found,) = [each for each in cells if tuple(each[key] for key in keys) == wanted]
    return dict(found)


def value(found: dict[str, Any], name: str) -> float | None:
    number: float | None = found["numbers"][name]["value"]
    return number


@pytest.mark.parametrize("condition", ["original", "matched", "jpeg"])
@pytest.mark.parametrize(("detector", "auc"), [("right", 1.0), ("wrong", 0.0), ("constant", 0.5)])
def test_known_detectors_give_textbook_numbers(done: Path, detector: str, auc: float, condition: str) -> None:
    found = cell(done, detector, condition)
    assert value(found, "auc") == auc
    if condition == "matched":
        assert value(found, "equal_error_rate") == 1 - auc


def test_a_silent_detector_has_no_number_but_a_reason(done: Path) -> None:
    found = cell(done, "silent")
    assert value(found, "auc") is None
    assert found["numbers"]["auc"]["absent"]
    assert found["abstentions"]["abstained"] == 6
    assert (value(found, "auc_worst_case"), value(found, "auc_best_case")) == (0.0, 1.0)


def test_clips_that_cannot_be_scored_abstain_with_their_reason(done: Path) -> None:
    scores = pd.read_parquet(done / "scores.parquet")
    right = scores[(scores.detector == "right") & (scores.condition == "matched")].set_index(["set", "clip"])
    silent = right.abstained[right.score.isna()].str.split(":").str[0].to_dict()
    assert set(silent) == {("real", "text.mp4"), ("A", "wall.mp4")}
    assert silent["A", "wall.mp4"] == "no_face"
    found = cell(done, "right")
    assert (found["n_real"], found["n_fake"], found["abstained_real"], found["abstained_fake"]) == (4, 4, 1, 1)
    # 3 x 3 pairs are in order, of 4 x 4
    assert value(found, "auc_worst_case") == pytest.approx(9 / 16)
    assert value(found, "auc_best_case") == 1.0
    as_it_came = scores[
        (scores.detector == "right") & (scores.condition == "original") & (scores["clip"] == "wall.mp4")
    ]
    assert as_it_came.score.tolist() == [0.9]


def test_detectors_that_fail_abstain_and_the_others_go_on(done: Path) -> None:
    scores = pd.read_parquet(done / "scores.parquet")
    reasons = scores.assign(reason=scores.abstained.str.split(":").str[0])
    seen = reasons[(reasons.condition == "matched") & (reasons.set == "B") & (reasons.fitted_without == "")]
    by_detector = seen.set_index("detector").reason.to_dict()
    assert by_detector["hangs"] == "timeout"
    assert (by_detector["fails"], by_detector["failing"]) == ("failed", "failed")
    assert (by_detector["right"], by_detector["careful"]) == ("", "abstained")
    failing = scores[(scores.detector == "failing") & (scores.set == "B")].abstained
    assert failing.str.contains("can't read video.mp4").all()


def test_a_fitted_detector_says_that_one_person_is_too_few(done: Path) -> None:
    """All clips show one person, so no fold can be left out; nothing is judged by a model that saw it."""
    scores = pd.read_parquet(done / "scores.parquet")
    matched = scores[(scores.condition == "matched") & ~scores["clip"].isin(["text.mp4", "wall.mp4"])]
    assert matched.cluster.nunique() == 1
    fitted = matched[matched.detector.isin(["spectrum", "ensemble"])]
    assert len(fitted)
    assert fitted.score.isna().all()
    spectrum = fitted[(fitted.detector == "spectrum") & (fitted.set == "real")]
    assert spectrum.abstained.str.startswith("few_examples: ").all()


def test_what_a_perturbation_leaves_alone_is_answered_as_before(done: Path) -> None:
    """These clips have no sound: gain changes nothing that was seen."""
    assert value(cell(done, "right", "gain"), "auc") == 1.0
    scores = pd.read_parquet(done / "scores.parquet")
    counts = scores[scores.detector == "right"].groupby("condition").size().to_dict()
    assert counts == {"original": 8, "matched": 8, "jpeg": 8, "gain": 8}


def test_the_run_folder_holds_its_files_and_no_work(done: Path) -> None:
    files = {file.name for file in done.iterdir()}
    assert {"scores.parquet", "shortcuts.parquet", "results.json", "report.html", "model_card.md"} <= files
    assert "work" not in files
    shortcuts = pd.read_parquet(done / "shortcuts.parquet")
    assert shortcuts.groupby("stage").size().to_dict() == {"matched": 6, "original": 7}


def test_twice_does_nothing(sets: Path, done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.glob("[!.]*")}
    assert detect(sets, done, *PERTURB, detectors=STANDARD) == 0
    assert "done already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in done.glob("[!.]*")} == before


def test_other_detectors_need_another_folder(sets: Path, done: Path) -> None:
    assert detect(sets, done, *PERTURB, detectors=STANDARD[:2]) == 2


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    sets: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped before the report; then one clip's file is lost, one is cut, and one fit is lost."""

    def stop(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.detect._write", stop)
        assert detect(sets, tmp_path / "d", *PERTURB, detectors=STANDARD) == 130
    work = tmp_path / "d" / "work"
    (work / "real" / "000001.npz").unlink()
    cut = work / "A" / "000000.npz"
    cut.write_bytes(cut.read_bytes()[:100])
    kept = {path: path.stat().st_mtime_ns for path in (work / "B" / "000000.npz", work / "fits" / "000001.json")}
    (work / "fits" / "000000.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.detect._write", stop)
        assert detect(sets, tmp_path / "d", *PERTURB, detectors=STANDARD) == 130
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert detect(sets, tmp_path / "d", *PERTURB, detectors=STANDARD) == 0
    for name in ("scores.parquet", "shortcuts.parquet", "results.json"):
        assert (tmp_path / "d" / name).read_bytes() == (done / name).read_bytes(), name


def test_a_detector_that_kills_or_holds_its_worker_costs_its_clip_alone(sets: Path, tmp_path: Path) -> None:
    detectors = tuple(map(stand_in, ("right", "deadly")))
    assert detect(sets, tmp_path / "d", detectors=detectors) == 0
    assert detect(sets, tmp_path / "s", "--wall_s=30", detectors=(stand_in("stuck"),)) == 0
    ends = (("d", "right", "crashed", 4), ("d", "deadly", "crashed", 4), ("s", "stuck", "timed_out", 1))
    for folder, detector, reason, lost in ends:
        found = cell(tmp_path / folder, detector)
        assert (found["abstained_real"], found["abstained_fake"]) == (1, lost)
        assert found["abstentions"][reason] == lost


@pytest.mark.ray
def test_ray_gives_the_same_bytes(sets: Path, done: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    try:
        assert detect(sets, tmp_path / "d", *PERTURB, "--executor", "ray", detectors=STANDARD) == 0
    finally:
        ray.shutdown()
    for name in ("scores.parquet", "results.json"):
        assert (tmp_path / "d" / name).read_bytes() == (done / name).read_bytes(), name


def test_quality_of_the_same_clips_is_joined(sets: Path, tmp_path: Path) -> None:
    clips = pd.DataFrame({"system": "A", "name": ["a.mp4", "b.mp4"], "sync_correlation": [0.5, 0.7]})
    clips.to_parquet(tmp_path / "clips.parquet")
    shutil.copytree(sets, tmp_path / "sets")
    quality = ("--quality", str(tmp_path))
    assert detect(tmp_path / "sets", tmp_path / "d", *quality, detectors=(stand_in("right"),)) == 0
    record = json.loads((tmp_path / "d" / "run.json").read_text())
    assert record["inputs"]["quality"]["sha256"]
