"""The clips that detectors are wrong about: what somebody should look at."""

from __future__ import annotations

import pandas as pd

from evaluate.detection.findings import HardClip

MOST_FAKE, MOST_REAL = 12, 6


def hard_clips(clean: pd.DataFrame) -> tuple[HardClip, ...]:
    """Generated clips that fooled every detector that answered, the most convincing first; then real clips that at
    least half of the detectors accused, the most suspect first."""
    answered = clean[clean.score.notna() & clean.threshold.notna()]
    answered = answered.assign(wrong=answered.called_fake != answered.is_fake)
    clips = answered.groupby(["set", "clip", "is_fake"], as_index=False).agg(
        wrong=("wrong", "sum"), answered=("wrong", "size"), score=("score", "mean")
    )
    fooled = clips[clips.is_fake & (clips.wrong == clips.answered)].sort_values(["score", "set", "clip"])
    accused = clips[~clips.is_fake & (clips.wrong * 2 >= clips.answered)].assign(
        share=lambda all: all.wrong / all.answered
    )
    accused = accused.sort_values(["share", "score", "clip"], ascending=[False, False, True])
    shown = pd.concat([fooled.head(MOST_FAKE), accused.head(MOST_REAL)])
    return tuple(
        HardClip(set=name, clip=clip, is_fake=is_fake, wrong=wrong, answered=answered, score=score)
        for name, clip, is_fake, wrong, answered, score in zip(
            *(shown[column].tolist() for column in ("set", "clip", "is_fake", "wrong", "answered", "score")),
            strict=True,
        )
    )
