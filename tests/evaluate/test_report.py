"""The evaluation page: the right clips and curves, warnings where they are due, nothing that runs or is fetched."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from evaluate.artefacts import write_artefacts
from evaluate.intervals import Interval
from evaluate.measure import Measured
from evaluate.report import write_report
from evaluate.report_clips import PREVIEW_BYTES, clips_section, clips_to_show, preview_tasks
from evaluate.report_drawings import Curve, Line, Mark, curve_plot, interval_plot, shortened
from evaluate.report_drift import drift
from evaluate.report_failures import ROWS, by_reason, failures_section, failures_table
from evaluate.report_leaderboard import BEST, counts_table, leaderboard_table, warnings
from evaluate.report_protocols import protocols_section
from evaluate.results import Baseline, Count, Coverage, Result
from evaluate.system import REFERENCE, System
from tests.curate.test_report import Tags
from tests.evaluate.clips import sets

HOSTILE = "</title><script>alert('x')</script><img src=http://nowhere.invalid/a.png onerror=alert(1)>"


def thumbnail(grey: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(buffer, format="JPEG")
    return buffer.getvalue()


def clip(name: str, *, frames: int = 100, rate: float = 1.0) -> Measured:
    """A clip of which the sharpness goes with time by `rate` a second, and the mouth with the sound."""
    times = np.arange(frames) / 25
    series = {
        "mouth_aperture": np.abs(np.sin(4 * times)),
        "envelope_db": 40 * np.abs(np.sin(4 * times)) - 50,
        "sharpness": 100 * rate ** (times // 1),
        "luminance": np.full(frames, 120.0),
    }
    arrays = {name: values.astype(np.float32) for name, values in series.items()}
    return Measured(name=name, stem=Path(name).stem, series=arrays, n_frames=8, thumbnail=thumbnail())


def lip_sync(generated: dict[str, float], *, total: int, reference: float = 0.6, failed: Sequence[str] = ()) -> Result:
    values = list(generated.values())
    mean = float(np.mean(values)) if values else None
    count = Count(frames=100 * len(values), clips=len(values))
    return Result(
        name="sync_correlation",
        title="Lip sync",
        value=mean,
        absent=None if values else "no generated clip has speech",
        higher_is_better=True,
        protocol={"metric": "sync_correlation", "weights": {"face_mesh": "0" * 64}},
        generated_n=count,
        reference_n=count,
        interval=None if mean is None else Interval(low=mean - 0.05, high=mean + 0.05, level=0.95, how="by hand"),
        reference_value=Baseline(value=reference, how="the reference clips' mean", n=(count,)),
        reference_interval=Interval(low=reference - 0.1, high=reference + 0.1, level=0.95, how="by hand"),
        generated_coverage=Coverage(
            measured=len(values), total=total, failed=dict.fromkeys(failed, "no_face: none can be followed")
        ),
        reference_coverage=Coverage(measured=2, total=2),
        per_clip={"sync_correlation_peak": generated},
    )


def frame_distance(value: float, *, clips: int, floor: float = 3.0) -> Result:
    count = Count(frames=8 * clips, clips=clips)
    return Result(
        name="fd",
        title="Frame distance",
        value=value,
        higher_is_better=False,
        protocol={"metric": "fd"},
        generated_n=count,
        reference_n=count,
        floor=Baseline(value=floor, how="halves", n=(count, count)),
        generated_coverage=Coverage(measured=clips, total=clips),
    )


def a_system(name: str, peaks: dict[str, float], *, failed: Sequence[str] = (), distance: float = 4.0) -> System:
    """A system beside two real clips, `one` and `two`; its failed clips have neither peak nor picture."""
    generated = [clip(each, rate=0.9) for each in peaks]
    generated += [Measured(name=each, stem=Path(each).stem) for each in failed]
    results = (
        frame_distance(distance, clips=len(peaks)),
        lip_sync(peaks, total=len(peaks) + len(failed), failed=failed),
    )
    return System(name=name, sets=sets([clip("one.mp4"), clip("two.mp4")], generated), results=results)


def two_systems() -> list[System]:
    good = {f"{name}.mp4": 0.7 + n / 100 for n, name in enumerate(["one", "two", "three", "four", "five"])}
    bad = {f"{name}.mp4": 0.2 + n / 100 for n, name in enumerate(["one", "two", "three"])}
    return [a_system("good", good), a_system("bad <b>one", bad, failed=["broken.mp4"], distance=9.0)]


def inputs_of(systems: Sequence[System]) -> dict[str, object]:
    places = {name: {"place": f"/{name}", "split": None, "sha256": "0" * 16} for name in (REFERENCE, "good")}
    return {**places, "portraits": None}


def page_of(systems: Sequence[System], folder: Path, *, previews: dict[tuple[str, str], bytes] | None = None) -> str:
    places = {clip: Path("/videos") / clip[1] for clip in clips_to_show(systems)}
    page = write_report(folder, systems, inputs=inputs_of(systems), places=places, previews=previews)
    return page.read_text(encoding="utf-8")


def test_the_leaderboard_marks_the_sure_best_beside_what_real_clips_give() -> None:
    table = leaderboard_table(two_systems())
    assert list(table.columns) == ["metric", "to read against", "good", "bad <b>one", "clips", "frames", "coverage"]
    distance, sync = ([cell.replace("\xa0", " ") for cell in row] for row in table.itertuples(index=False, name=None))
    read_against = "real vs real 3 (5 / 5 clips) / real vs real 3 (3 / 3 clips)"
    assert distance == ["Frame distance ↓", read_against, "4", "9", "3 to 5", "24 to 40", "100%"]
    shown = ["reference 0.6 [0.5, 0.7]", f"{BEST}0.72 [0.67, 0.77]", "0.21 [0.16, 0.26]"]
    assert sync == ["Lip sync ↑", *shown, "3 to 5", "300 to 500", "75 to 100%"]
    counts = counts_table(two_systems())
    assert counts["bad <b>one"].tolist() == ["3 of 3; 24 frames", "3 of 4; 300 frames"]


def test_doubts_are_said_where_they_are_due_and_only_there() -> None:
    few, uneven, uncovered = warnings(two_systems())
    assert few.startswith("Too few clips to tell systems apart: only 3 behind")
    assert uneven.endswith("Frame distance.")
    assert "bad <b>one (3 of 4 in Lip sync)" in uncovered
    many = {f"{n}.mp4": 0.5 for n in range(30)}
    assert warnings([a_system("a", many), a_system("b", many)]) == []


def test_an_absent_metric_has_its_reason_on_the_page(tmp_path: Path) -> None:
    page = page_of([a_system("silent", {}, failed=["a.mp4"]), two_systems()[0]], tmp_path)
    assert "no generated clip has speech" in page
    assert "Without a ranked clip: silent." in page


def test_the_ends_of_the_ranking_are_shown_with_their_reference() -> None:
    systems = two_systems()
    assert clips_to_show(systems) == [
        ("good", "five.mp4"),
        ("good", "four.mp4"),
        ("good", "two.mp4"),
        (REFERENCE, "two.mp4"),
        ("good", "one.mp4"),
        (REFERENCE, "one.mp4"),
        ("bad <b>one", "three.mp4"),
        ("bad <b>one", "two.mp4"),
        ("bad <b>one", "one.mp4"),
    ]
    tasks = preview_tasks(systems, {("good", "one.mp4"): Path("/g/one.mp4"), ("good", "unranked.mp4"): Path("/g/u")})
    assert [(key, task.source, task.start_s) for key, task in tasks.items()] == [
        (("good", "one.mp4"), Path("/g/one.mp4"), 0.0)
    ]


def test_many_systems_show_one_clip_from_either_end() -> None:
    peaks = {f"{n}.mp4": n / 10 for n in range(6)}
    systems = [a_system(f"s{n}", peaks) for n in range(10)]
    assert clips_to_show(systems)[:2] == [("s0", "5.mp4"), ("s0", "0.mp4")]
    assert len(clips_to_show(systems)) == 20


def test_previews_beyond_the_bound_are_left_out_and_say_so() -> None:
    systems = two_systems()
    big = b"x" * (PREVIEW_BYTES // 3)
    previews = dict.fromkeys(clips_to_show(systems)[:4], big)
    (section,) = clips_section(systems, places={}, previews=previews)
    videos = [video for part in section.parts for video in part.videos]
    assert [video.source is not None for video in videos][:4] == [True, True, True, False]
    assert videos[3].absent == "left out: the page is full"
    assert "lies in a corpus" in videos[4].absent


def test_drift_is_against_the_first_second_while_half_of_the_clips_last() -> None:
    clips = [clip("a", frames=100, rate=0.5), clip("b", frames=100, rate=0.5), clip("c", frames=50, rate=1.0)]
    curve = drift(clips, "sharpness")
    assert curve is not None
    assert curve.n == 3
    np.testing.assert_allclose(curve.median, np.repeat([1.0, 0.5, 0.25, 0.125], 5), rtol=1e-6)
    still = drift(clips, "luminance")
    assert still is not None
    np.testing.assert_array_equal(still.median, np.ones(20))
    assert drift([clip("short", frames=25)], "sharpness") is None
    assert drift([], "sharpness") is None


def test_failures_are_counted_by_reason_and_cut_where_they_are_many() -> None:
    system = a_system("s", {"one.mp4": 0.5}, failed=[f"{n}.mp4" for n in range(ROWS + 50)])
    failures = failures_table([system])
    assert len(failures) == ROWS + 50
    assert by_reason(failures)[["set", "kind", "clips"]].to_numpy().tolist() == [["s", "no_face", ROWS + 50]]
    (section,) = failures_section([system])
    assert section.parts[1].table is not None
    assert len(section.parts[1].table) == ROWS
    assert failures_section([a_system("s", {"one.mp4": 0.5})]) == []


def centres(svg: str, kind: str) -> list[float]:
    circles = ElementTree.fromstring(svg).iter("circle")  # noqa: S314 - drawn by ourselves
    return [float(circle.get("cx", "nan")) for circle in circles if circle.get("class") == kind]


def test_values_lie_on_one_scale() -> None:
    marks = [
        Mark(label="a", value=0.0, text="0", clips=[("x", 10.0)]),
        Mark(label="b", value=5.0, text="5", real=Line(value=2.5)),
    ]
    svg = interval_plot(marks, title="t").svg
    assert centres(svg, "kept") == [5.0, 150.0]
    assert centres(svg, "dropped") == [295.0]
    alone = interval_plot([Mark(label="a", value=1.0, text="1")], title="t").svg
    assert centres(alone, "kept") == [150.0]


def test_a_curve_leaves_out_what_is_no_number() -> None:
    values: NDArray[np.float64] = np.array([0.0, 1.0, np.nan, 1.0])
    svg = curve_plot([Curve(words="w", values=values, colour="accent")], seconds=3, title="t").svg
    assert 'd="M0.0,112.0L100.0,16.0L300.0,16.0"' in svg


def test_names_keep_both_their_ends() -> None:
    assert shortened("short.mp4", 18) == "short.mp4"
    assert shortened("a_very_long_name_of_a_clip_17.mp4", 18) == "a_very_long…17.mp4"


def test_the_page_needs_nothing_and_runs_nothing(tmp_path: Path) -> None:
    name = f"{HOSTILE}.mp4"
    peaks = {name: 0.5, "one.mp4": 0.6}
    real = [clip("one.mp4"), clip(name)]
    system = a_system(HOSTILE, peaks, failed=[f"{HOSTILE}\udcff.mp4"])
    system = System(name=system.name, sets=sets(real, list(system.sets.generated)), results=system.results)
    page = page_of([system], tmp_path, previews={(HOSTILE, name): b"mp4"})
    tags = Tags(page)
    assert not {"script", "iframe", "object", "embed"} & tags.names
    assert not [attribute for attribute in tags.attributes if attribute.startswith("on")]
    assert tags.addresses
    assert all(address.startswith(("data:", "#s")) for address in tags.addresses)
    assert page.count("&lt;script&gt;") >= 5


def test_the_same_numbers_give_the_same_page(tmp_path: Path) -> None:
    assert page_of(two_systems(), tmp_path) == page_of(two_systems(), tmp_path)


def test_the_page_does_not_grow_with_the_number_of_clips(tmp_path: Path) -> None:
    some, many = ({f"clip_{n:05d}.mp4": n / 5000 for n in range(count)} for count in (300, 3000))
    sizes = [len(page_of([a_system("s", peaks, failed=list(peaks))], tmp_path)) for peaks in (some, many)]
    assert sizes[1] < 1.02 * sizes[0]


def test_a_protocol_hides_none_of_its_parts() -> None:
    result = lip_sync({"one.mp4": 0.5}, total=1)
    nested = replace(result, protocol={"name": "outer", "features": {"name": "inner"}})
    section = protocols_section([System(name="s", sets=sets([], []), results=(nested,))])
    assert section.table is not None
    assert section.table.protocol.tolist() == ["name: outer; features.name: inner"]


def test_the_papers_table_is_marked_as_not_comparable(tmp_path: Path) -> None:
    page = page_of(two_systems(), tmp_path)
    assert "Table 1 of the EMO paper (not comparable)" in page
    assert "<td>67.66 / 192.77</td>" in page


def test_the_notebook_reads_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    systems = two_systems()
    write_artefacts(tmp_path, systems, inputs={})
    notebook = Path(__file__).parents[2] / "notebooks" / "read_evaluation.ipynb"
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    code = "\n".join("".join(cell["source"]) for cell in cells)
    names: dict[str, object] = {}
    exec(compile(code.replace('"../evaluation"', repr(str(tmp_path))), notebook.name, "exec"), names)  # noqa: S102
    figure = names["figure"]
    assert len(figure.axes) == 2  # type: ignore[attr-defined]
    assert len(names["clips"]) == 2 + 5 + 4  # type: ignore[arg-type]
