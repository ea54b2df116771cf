"""The shortcut probe warns of what tells generated clips from real ones, and of nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluate.detection.findings import ALL, Shortcut
from evaluate.detection.matching import Matching, match
from evaluate.detection.score_table import MATCHED, ORIGINAL, REAL
from evaluate.detection.shortcuts import probe
from evaluate.detection.trivial_features import trivial_features
from evaluate.observation import Observation

N = 30


def _table(*, generators: tuple[str, ...] = ("G",), stage: str = ORIGINAL, n: int = N) -> pd.DataFrame:
    sets = [name for name in (REAL, *generators) for _ in range(n)]
    clips = [f"{name} {place}" for place, name in enumerate(sets)]
    return pd.DataFrame(
        {"set": sets, "clip": clips, "cluster": clips, "is_fake": [name != REAL for name in sets], "stage": stage}
    )


def _only(found: tuple[Shortcut, ...]) -> Shortcut:
    assert len(found) == 1
    return found[0]


def test_a_feature_that_tells_all_warns_in_whichever_direction() -> None:
    table = _table()
    for sign, higher in ((1.0, True), (-1.0, False)):
        found = _only(probe(table.assign(width=sign * table["is_fake"]), draws=100))
        assert (found.feature, found.generator, found.stage) == ("width", ALL, ORIGINAL)
        assert (found.auc.value, found.higher_is_fake, found.warns) == (1.0, higher, True)
        assert found.auc.low is not None
        assert found.auc.high is not None
        assert found.auc.low > 0.7
        assert found.auc.low <= 1.0 <= found.auc.high


def test_a_feature_that_tells_nothing_seldom_warns() -> None:
    random = np.random.default_rng(0)
    table = _table()
    noise = {f"noise {i}": random.normal(size=2 * N) for i in range(20)}
    assert sum(found.warns for found in probe(table.assign(**noise), draws=200)) <= 1


@pytest.mark.parametrize("words", [["mp4"], ["h264", "hevc"], ["a", "b", "c"]])
def test_words_that_do_not_depend_on_the_label_tell_nothing(words: list[str]) -> None:
    """A word's rate among other clips is lower for clips of its own class, and would tell them apart perfectly."""
    shared = [words[place % len(words)] for place in range(N)]
    found = _only(probe(_table().assign(container=[*shared, *shared]), draws=100))
    assert found.auc.value == pytest.approx(0.5)
    assert not found.warns


def test_a_word_of_one_class_tells_all_and_words_of_one_clip_each_tell_nothing() -> None:
    table = _table()
    told = _only(probe(table.assign(video_codec=np.where(table["is_fake"], "vp9", "h264")), draws=100))
    assert (told.auc.value, told.warns) == (1.0, True)
    unique = _only(probe(table.assign(video_codec=[f"codec {i}" for i in range(2 * N)]), draws=100))
    assert unique.auc.value == pytest.approx(0.5, abs=0.02)


def test_clips_that_lack_a_number_are_left_out_and_a_side_without_any_has_no_answer() -> None:
    table = _table()
    values = np.where(table["is_fake"], 1.0, 0.0)
    values[::3] = np.nan
    assert _only(probe(table.assign(loudness_db=values), draws=100)).auc.value == 1.0
    silent = _only(probe(table.assign(loudness_db=np.where(table["is_fake"], np.nan, 1.0)), draws=100))
    assert silent.auc.value is None
    assert silent.auc.absent
    assert not silent.warns


def test_a_shortcut_of_one_generator_is_found_under_its_name_and_stage() -> None:
    before = _table(generators=("G", "H"))
    after = _table(generators=("G", "H"), stage=MATCHED)
    random = np.random.default_rng(1)
    before = before.assign(tags=np.where(before["set"] == "H", 9.0, random.normal(size=3 * N)))
    table = pd.concat([before, after.assign(tags=random.normal(size=3 * N))], ignore_index=True)
    warned = {(found.generator, found.stage) for found in probe(table, draws=200) if found.warns}
    assert ("H", ORIGINAL) in warned
    assert not warned & {("G", ORIGINAL), ("G", MATCHED), ("H", MATCHED)}


@pytest.mark.slow
def test_insets_captions_and_16_khz_are_found_and_matching_takes_them_away(
    media_folder: Path, face_weights: None
) -> None:
    """VASA-1 files carry a reference picture in a corner, EMO's a caption; both have sound that ends by 8 kHz."""
    clips = {
        REAL: ("aoc_hdtf", "senator_office", "studio_man_blue", "phone_woman"),
        "VASA": ("vasa_3", "vasa_9", "vasa_l2"),
        "EMO": ("emo_talk_kara", "emo_talk_emotion", "emo_talk_mona"),
    }
    rows = []
    for name, stems in clips.items():
        for stem in stems:
            media = media_folder / f"{stem}.mp4"
            matched = match(Observation(media=media, max_frames=8), Matching()).video
            known = {"set": name, "clip": stem, "cluster": f"{name}/{stem}", "is_fake": name != REAL}
            rows += [{**known, "stage": ORIGINAL, **trivial_features(media)}]
            rows += [{**known, "stage": MATCHED, **trivial_features(matched)}]
    found = {(each.feature, each.generator, each.stage): each.auc.value for each in probe(pd.DataFrame(rows), draws=50)}
    assert (found["still_corner", "VASA", ORIGINAL] or 0) >= 0.9
    assert (found["text_area", "EMO", ORIGINAL] or 0) >= 0.9
    assert found["audio_rate_hz", ALL, ORIGINAL] == 0.875  # one of the four real clips has 16 kHz too
    for feature in ("audio_rate_hz", "audio_channels", "fps", "width", "height", "container", "video_codec"):
        assert found[feature, ALL, MATCHED] == pytest.approx(0.5), feature
    assert (found["text_area", "EMO", MATCHED] or 0) < (found["text_area", "EMO", ORIGINAL] or 0)
