"""Quality beside detectability: rank correlation against scipy's, and clips that are joined by name or stem."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evaluate.detection.assemble import find
from evaluate.detection.findings import ALL
from evaluate.detection.quality import joined, spearman
from tests.evaluate.detection.made_scores import made_scores


def test_rank_correlation_is_scipys_with_ties_and_with_clips_drawn_twice() -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(0, 5, 30).astype(float), random.normal(size=30)
    weights = random.integers(0, 3, (4, 30)).astype(float)
    expected = [
        stats.spearmanr(np.repeat(x, often.astype(int)), np.repeat(y, often.astype(int))).statistic for often in weights
    ]
    np.testing.assert_allclose(spearman(x, y, weights), expected, atol=1e-12)
    assert np.isnan(spearman(np.ones(30), y, np.ones(30)))


def test_clips_are_joined_by_file_name_and_else_by_stem() -> None:
    fakes = pd.DataFrame({"set": ["A", "A", "B", "B"], "clip": ["one.mp4", "two.mov", "one.mp4", "none.mp4"]})
    quality = pd.DataFrame(
        {"system": ["A", "A", "B"], "name": ["one.mp4", "two.mp4", "one.mp4"], "sharpness": [1.0, 2.0, 3.0]}
    )
    assert joined(fakes, quality).sharpness.tolist() == pytest.approx([1.0, 2.0, 3.0, float("nan")], nan_ok=True)


def test_a_generator_that_is_blurred_and_easy_to_catch_makes_no_link_by_itself() -> None:
    table = made_scores(strengths={"d": 1.0}, people=6, clips_each=2, conditions={})
    fakes = table[table.is_fake & (table.condition == "matched")]
    table.loc[table.set == "EMO", "score"] = table.score * 0.1
    quality = fakes.rename(columns={"set": "system", "clip": "name"})[["system", "name"]].assign(
        sharpness=fakes.score.where(fakes.set == "VASA", 100 + np.arange(len(fakes)) % 7), failures=""
    )
    found = find(table, quality=quality, draws=60).quality
    links = {link.generator: link for link in found}
    assert set(links) == {ALL, "EMO", "VASA"}
    assert links["VASA"].rho.value == pytest.approx(1.0)
    assert links["VASA"].rho.low == pytest.approx(1.0)
    assert links[ALL].n == 24
    assert 0.2 < (links[ALL].rho.value or 0.0) < 0.9
