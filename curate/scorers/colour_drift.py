"""Whether the picture's colours wander as the clip goes on."""

from typing import TypedDict

import numpy as np

from curate.clip_media import ClipMedia

MIN_DURATION_S = 2.0  # the first and the last second must not be the same
GREY = 0.5  # of CIELAB's chroma: under it a picture has no colour to lose


class ColourDrift(TypedDict):
    """`last_to_first`: colour difference (CIELAB, CIE 1976) between the means of the last and the first second: 0 is
    none, 2 is just seen, 10 is another picture. `per_min`: length of the colour's trend a minute, by least squares, in
    the same unit. `chroma_ratio`: the last second's chroma over the first's, above 1 grows gaudy; None in grey."""

    last_to_first: float | None
    per_min: float | None
    chroma_ratio: float | None


def colour_drift(media: ClipMedia) -> ColourDrift:
    """Compare the mean colour of the clip's square over time; a head that moves in it changes it a little (0.5 to 2).

    None under 2 s.
    """
    series = media.picture_series
    if len(series.colour) < MIN_DURATION_S * series.fps:
        return {"last_to_first": None, "per_min": None, "chroma_ratio": None}
    first, last = series.colour[: series.fps].mean(axis=0), series.colour[-series.fps :].mean(axis=0)
    times_s = np.arange(len(series.colour)) / series.fps
    slope = np.polyfit(times_s, series.colour, 1)[0]
    before, after = (float(np.hypot(*colour[1:])) for colour in (first, last))
    return {
        "last_to_first": float(np.linalg.norm(last - first)),
        "per_min": 60 * float(np.linalg.norm(slope)),
        "chroma_ratio": after / before if before > GREY else None,
    }
