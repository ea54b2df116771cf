"""The report's numbers sum, its borderline clips are the nearest, and its page needs nothing and runs nothing."""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from curate import corpus_statistics, outcomes
from curate.borderline import CLIPS_A_REASON, borderline_drops
from curate.corpus import open_corpus
from curate.curation import ended
from curate.records import Outcome, SourceEntry, Threshold
from curate.report import GALLERY_BYTES, GALLERY_CLIPS, funnel, read_clips, write_report
from curate.report_pictures import Bound, heat_map, histogram
from curate.report_scores import cascade
from curate.score_notes import score_notes
from curate.scoring import decide, score_names, sum_up
from curate.shards import outcome_schema
from curate.store import Place, open_store

SCORERS = ("duration_s", "face_size", "speech_ratio", "snr")
SPEECH = {
    "duration_s": Threshold(min=3.0),
    "face_size": Threshold(min=100.0, max=400.0),
    "speech_ratio": Threshold(min=0.3),
}
KEEP = {"speech": SPEECH, "singing": SPEECH | {"speech_ratio": Threshold(min=0.1)}}
HOSTILE = "</title><script>alert('x')</script><img src=http://nowhere.invalid/a.png onerror=alert(1)>"


def a_clip(number: int, *, uri: str, video: bytes = b"mp4", **values: Any) -> dict[str, Any]:
    scores: dict[str, Any] = {"duration_s": 4.0, "face_size": 200.0, "speech_ratio": 0.8, "snr": 20.0} | values
    decision = decide({name: scores[name] for name in SPEECH}, KEEP[values.get("domain", "speech")])
    media = {"video": {"bytes": video, "path": "v.mp4"}, "audio": {"bytes": b"flac", "path": "a.flac"}}
    lists = {"yaw_deg": [float(number), 0.0], "pitch_deg": [1.0, 2.0], "rotation_speed_deg": [0.5, number / 100]}
    row = {"clip_id": f"{number:016x}", "source_id": uri, "uri": uri, "start_s": 1.0, "end_s": 5.0, "n_frames": 100}
    dropped = {"dropped_by": decision.dropped_by, "dropped_detail": decision.detail, "domain": "speech"}
    return row | dropped | scores | (media | lists if decision.dropped_by is None else {})


def make_run(place: Place, sources: Sequence[tuple[str, list[dict[str, Any]] | str]]) -> Place:
    """Write a run of sources with their clips, or with the reason for which they are quarantined."""
    names = [name for scorer in SCORERS for name in score_names(scorer)]
    entries = [SourceEntry(uri=uri) for uri, _ in sources]
    tasks = outcomes.plan(place, entries, partition_size=max(1, len(entries)))
    for task, (uri, clips) in zip(tasks, sources, strict=True):
        outcome = ended(uri, "quarantined", reason="crashed", error=str(clips), score_names=names)
        if not isinstance(clips, str):
            table = pa.Table.from_pylist(clips, outcome_schema(names))
            outcome = Outcome(source_id=uri, uri=uri, clips=table, **sum_up(clips))
        outcomes.write_outcome(place, task, outcome)
    list(outcomes.Commits(place, tasks, score_names=names, shard_bytes=1 << 30).commit_ready())
    outcomes.write_tables(place, names)
    return place


def many_clips(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Clips of which each threshold drops some, some without a speech ratio, some singing."""
    random = np.random.default_rng(seed)
    return [
        a_clip(
            number,
            uri=f"/videos/{number % 7}.mp4",
            domain="singing" if number % 5 == 0 else "speech",
            duration_s=float(random.uniform(2, 12)),
            face_size=float(random.uniform(60, 500)),
            speech_ratio=None if number % 11 == 0 else float(random.uniform(0, 1)),
        )
        for number in range(count)
    ]


def by_source(clips: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]] | str]]:
    uris = dict.fromkeys(clip["uri"] for clip in clips)
    return [(uri, [clip for clip in clips if clip["uri"] == uri]) for uri in uris]


def report_of(run: Place, page: Path, *, previews: dict[str, bytes] | None = None) -> str:
    write_report(run, page, keep=KEEP, scorers=SCORERS, title="Corpus", previews=previews)
    return page.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """What a page is made of, as a browser's parser would take it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_funnel_and_cascade_account_for_every_source_and_clip(tmp_path: Path) -> None:
    clips = many_clips(300)
    make_run(tmp_path, [*by_source(clips), ("/videos/broken.mp4", "SIGSEGV")])
    table = pd.read_parquet(tmp_path / "outcomes.parquet")
    parts = funnel(table)
    kept = sum(clip["dropped_by"] is None for clip in clips)
    assert parts.sources.tolist()[-1] == parts.sources[:-1].sum() == 8
    assert parts.clips.tolist()[-1] == parts.clips[:-1].sum() == kept

    steps = cascade(read_clips(tmp_path), KEEP, SCORERS)
    assert steps.threshold.tolist() == ["all clips found", "duration_s", "face_size", "speech_ratio"]
    assert steps.left.tolist()[0] == 300
    assert steps.left.tolist()[-1] == kept
    assert (steps.left.shift(1).dropna() - steps.dropped[1:] == steps.left[1:]).all()
    dropped = [clip["dropped_by"] for clip in clips]
    assert steps.dropped.tolist()[1:] == [dropped.count(name) for name in SPEECH]
    unmeasured = [c for c in clips if c["dropped_by"] == "speech_ratio" and c["speech_ratio"] is None]
    assert steps["of them can't be measured"].tolist()[1:] == [0, 0, len(unmeasured)]


def test_a_reason_that_is_no_threshold_still_counts() -> None:
    clips = pd.DataFrame(
        {"dropped_by": ["not_scored", None], "dropped_detail": ["", ""], "duration_s": [3.0, 4.0], "domain": "speech"}
    )
    steps = cascade(clips, KEEP, SCORERS)
    assert steps.threshold.tolist()[-1] == "not_scored"
    assert steps.left.tolist()[-1] == 1
    assert borderline_drops(clips, KEEP).empty


def test_borderline_drops_are_the_nearest_to_their_domains_threshold() -> None:
    clips = pd.DataFrame(many_clips(400))
    found = borderline_drops(clips, KEEP)
    assert set(found.dropped_by) == {"duration_s", "face_size", "speech_ratio"}
    for reason, rows in found.groupby("dropped_by"):
        distances = sorted(
            max((bound.min or -np.inf) - clip[reason], clip[reason] - (bound.max or np.inf))
            for clip in clips.to_dict("records")
            if clip["dropped_by"] == reason and not np.isnan(clip[reason])
            for bound in [KEEP[clip["domain"]][str(reason)]]
        )
        assert rows.distance.tolist() == pytest.approx(distances[:3])


def test_borderline_drops_are_of_the_reasons_that_dropped_most() -> None:
    names = [f"score_{count:02d}" for count in range(1, 11)]
    reasons = [name for count, name in enumerate(names, start=1) for _ in range(count)]
    clips = pd.DataFrame({"dropped_by": reasons, "domain": "speech"} | dict.fromkeys(names, 0.5))
    found = borderline_drops(clips, {"speech": dict.fromkeys(names, Threshold(min=1.0))})
    assert list(found.dropped_by.unique()) == names[:1:-1]
    assert set(found.dropped_by.value_counts()) == {CLIPS_A_REASON}


def test_what_strangers_wrote_is_text_and_nothing_is_fetched(tmp_path: Path) -> None:
    uri = f"/videos/{HOSTILE}/{HOSTILE.replace('/', '')} ünïcode 日本.mp4"
    clips = [a_clip(0, uri=uri), a_clip(1, uri=uri, face_size=99.0)]
    clips[0] |= {"licence": HOSTILE, "attribution": HOSTILE, "rights": HOSTILE, "extra": '{"language": "<script>"}'}
    clips[1]["dropped_detail"] = HOSTILE
    page = report_of(
        make_run(tmp_path, [(uri, clips), ("https://host.invalid/" + HOSTILE, HOSTILE)]),
        tmp_path / "report.html",
        previews={clips[1]["clip_id"]: b"mp4"},
    )
    tags = Tags(page)
    assert not tags.names & {"script", "iframe", "object", "embed", "base", "form"}
    assert not any(name.startswith("on") for name in tags.attributes)
    assert {address.split(":")[0].split("s")[0] for address in tags.addresses} == {"data", "#"}
    assert page.count("data:video/mp4") == 2
    assert "&lt;script&gt;" in page
    assert "日本" in page
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize(
    "sources",
    [
        [],
        [("/videos/broken.mp4", "no media")],
        [("/videos/a.mp4", [a_clip(0, uri="/videos/a.mp4", face_size=10.0)])],
        [("/videos/a.mp4", [a_clip(0, uri="/videos/a.mp4")])],
        [("/videos/a.mp4", [a_clip(n, uri="/videos/a.mp4", snr=snr) for n, snr in enumerate((float("nan"), None))])],
        [("/videos/a.mp4", [a_clip(0, uri="/videos/a.mp4", snr=float("inf"), speech_ratio=1e30)])],
    ],
    ids=["no source", "no clip", "none kept", "one clip", "a score of nothing", "scores out of all bounds"],
)
def test_a_small_or_empty_run_has_a_report(
    tmp_path: Path, sources: Sequence[tuple[str, list[dict[str, Any]] | str]]
) -> None:
    make_run(tmp_path, sources)
    page = report_of(tmp_path, tmp_path / "report.html")
    found = [clip for _, clips in sources if not isinstance(clips, str) for clip in clips]
    kept = [clip for clip in found if clip["dropped_by"] is None]
    assert f"<b>{len(sources)}</b><span>sources in</span>" in page
    assert f"<b>{len(kept)}</b><span>clips kept</span>" in page
    assert page.count("<video") == len(kept)
    assert ("No clip was kept." in page) == (not kept)
    assert ("emoforge split" in page) == bool(kept)
    unmeasured = re.search(r"Measured on no clip: ([\w, ]+)\.", page)
    assert ("snr" in (unmeasured[1] if unmeasured else "")) == (not any(np.isfinite(c["snr"] or np.nan) for c in found))


@pytest.fixture
def bucket() -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://corpora/one"
    files.store.clear()


def test_a_run_in_an_object_store_has_the_same_report(tmp_path: Path, bucket: str) -> None:
    sources = by_source(many_clips(40))
    pages = []
    for place in (tmp_path, bucket):
        page = report_of(make_run(place, sources), tmp_path / "report.html")
        pages.append(page.replace(open_store(place).uri(), "PLACE"))
    assert pages[0] == pages[1]


def test_a_page_of_large_clips_stays_small_and_spread(tmp_path: Path) -> None:
    clips = [a_clip(number, uri=f"/videos/{number}.mp4", video=bytes(1 << 20)) for number in range(40)]
    page = report_of(make_run(tmp_path, by_source(clips)), tmp_path / "report.html")
    shown = [int(number) for number in re.findall(r"<figcaption>(\d+)\.mp4:", page)]
    assert len(shown) == GALLERY_BYTES >> 20 < GALLERY_CLIPS
    assert (shown[0], shown[-1]) == (0, 39)
    assert len(page) < 15e6


def test_a_source_that_has_gone_is_named_as_such(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.write_bytes(b"")
    clips = [a_clip(n, uri=uri, face_size=99.0) for n, uri in enumerate([str(there), "https://host.invalid/gone.mp4"])]
    page = report_of(make_run(tmp_path / "run", by_source(clips)), tmp_path / "report.html")
    assert page.count("no preview could be made") == 1
    assert page.count("the source is not on this machine any more") == 1


def test_splits_are_counted_where_they_are_there(tmp_path: Path) -> None:
    clips = [a_clip(number, uri=f"/videos/{number}.mp4", duration_s=60.0 * (1 + number)) for number in range(4)]
    make_run(tmp_path, by_source(clips))
    assert f"emoforge split {tmp_path}" in report_of(tmp_path, tmp_path / "report.html")
    splits = pd.DataFrame(
        {
            "clip_id": [clip["clip_id"] for clip in clips],
            "source_id": [clip["source_id"] for clip in clips],
            "split": ["test", "train", "train", "val"],
            "identity_cluster": ["a", "b", "b", "c"],
            "duplicate_of": [None, "x", None, None],
        }
    )
    table = corpus_statistics.people_and_splits(splits, read_clips(tmp_path))
    assert table.split.tolist() == ["train", "val", "test", "all"]
    assert table.clips.tolist() == [2, 1, 1, 4]
    assert table.people.tolist() == [1, 1, 1, 3]
    assert table.time.tolist() == ["5.0 min", "4.0 min", "1.0 min", "10.0 min"]
    assert table["near-duplicates of another"].tolist() == [1, 0, 0, 1]
    splits.to_parquet(tmp_path / "splits.parquet")
    assert "emoforge split" not in report_of(tmp_path, tmp_path / "report.html")


def test_provenance_and_languages_share_out_all_clips(tmp_path: Path) -> None:
    uris = ["/a/1.mp4", "/a/2.mp4", "https://host.invalid/x/3.mp4", "s3://bucket/4.mp4"]
    clips = [a_clip(number, uri=uri) for number, uri in enumerate(uris)]
    clips[0] |= {"licence": "CC-BY-4.0", "consent_ref": "C1", "extra": '{"language": "de"}'}
    clips[1] |= {"licence": "CC-BY-4.0", "attribution": "A. Person", "extra": '{"lang": "de"}'}
    clips[2] |= {"rights": "noai", "extra": '{"other": "x"}'}
    kept = read_clips(make_run(tmp_path, by_source(clips)))
    table = corpus_statistics.provenance(kept).set_index(["licence", "origin"])
    assert table.clips.to_dict() == {
        ("CC-BY-4.0", "/a"): 2,
        ("none given", "host.invalid"): 1,
        ("none given", "s3://bucket"): 1,
    }
    assert table["with consent_ref"].to_dict()["CC-BY-4.0", "/a"] == "50%"
    assert table["robots and rights signals"].to_dict()["none given", "host.invalid"] == "noai"
    languages = corpus_statistics.time_by(kept, corpus_statistics.languages(kept), "language")
    assert dict(zip(languages.language, languages.clips, strict=True)) == {"de": 2, "not known": 2}


@pytest.mark.parametrize("count", [3, 700])
def test_sampled_frames_are_those_of_clips_spread_over_the_corpus(tmp_path: Path, count: int) -> None:
    clips = [a_clip(number, uri=f"/videos/{number % 3}.mp4") for number in range(count)]
    corpus = open_corpus(make_run(tmp_path, by_source(clips)))
    frames = corpus_statistics.sampled_frames(corpus, ["yaw_deg", "pitch_deg"])
    numbers = frames["yaw_deg"][::2].astype(int)  # each clip's first frame holds its number
    assert len(frames["pitch_deg"]) == 2 * len(numbers)
    assert len(set(numbers.tolist())) == len(numbers) == min(count, corpus_statistics.SAMPLED_CLIPS)
    places = [place for place, ref in enumerate(corpus.clips) if int(ref.clip_id, 16) in set(numbers.tolist())]
    assert max(np.diff(places)) < 16
    assert {places[0], places[-1]} == {0, count - 1}


def test_a_histogram_counts_every_value_and_no_bar_straddles_a_threshold() -> None:
    random = np.random.default_rng(1)
    values = np.concatenate([random.normal(5, 1, 500), [1e6, np.nan]])
    kept, dropped = values[values >= 4.1], values[~(values >= 4.1)]
    drawn = histogram(kept, dropped, title="score", bounds=[Bound(value=4.1, side="min")])
    bars = {
        bar: (int(bar[2].replace(",", "")), int(bar[3].replace(",", "")))
        for bar in re.findall(r"(\S+) to (\S+): ([\d,]+) kept, ([\d,]+) dropped", drawn.svg)
    }
    assert sum(counts[0] for counts in bars.values()) == len(kept)
    assert sum(counts[1] for counts in bars.values()) == np.isfinite(dropped).sum()
    assert all(0 in counts for counts in bars.values())
    assert "≥ 4.1" in drawn.svg


def test_notes_say_the_unit() -> None:
    notes = score_notes(["duration_s", "face_size", "camera_stillness", "head_pose", "sync_ridge", "loudness"])
    assert notes["duration_s"] == "Seconds, above 0"
    assert "px" in notes["face_size"]
    assert "(0, 1]" in notes["camera_stillness"]
    assert notes["head_pose_yaw_deg"].startswith("Degrees")
    assert "above 0 where the sound comes late" in notes["sync_ridge_offset_s"]
    assert notes["loudness"].count("(") == notes["loudness"].count(")")


def test_repairs_count_kept_clips_once_each() -> None:
    nan = float("nan")
    clips = pd.DataFrame(
        {
            "audio_shift_s": [0.0, 0.2, -0.12, 0.0, nan],
            "sync_offset_before_s": [0.04, 0.2, -0.12, nan, nan],
            "sync_ridge_offset_s": [0.04, 0.0, 0.0, nan, nan],
        }
    )
    table = corpus_statistics.repairs(clips)
    assert table.clips.tolist() == [4, 3, 2]
    assert table.share.tolist() == ["80.0%", "60.0%", "40.0%"]
    assert corpus_statistics.offset_after(clips) == "sync_ridge_offset_s"
    assert corpus_statistics.repairs(pd.DataFrame({"clip_id": ["a"]})).empty


def test_a_heat_map_shows_every_frame_where_it_is() -> None:
    yaw, pitch = np.array([-45.0, 15.0, 15.0, 999.0]), np.array([55.0, -15.0, -15.0, 5.0])
    drawn = heat_map(yaw, pitch, reach_x=60.0, reach_y=60.0, cells=12, title="pose", note="")
    cells = re.findall(r'x="([\d.]+)" y="([\d.]+)"[^>]*opacity="([\d.]+)"><title>([\d.]+)%', drawn.svg)
    assert {float(share) for *_, share in cells} == {25.0, 50.0}
    places = {(round((float(x) - 30) / 22), round(float(y) / 22)): float(share) for x, y, _, share in cells}
    assert places == {(1, 0): 25.0, (7, 7): 50.0, (11, 5): 25.0}
