"""How much the mouth opens and moves."""

from typing import TypedDict

from curate.clip_media import ClipMedia


class MouthAperture(TypedDict):
    """The gap between the inner lips over the face's height: its mean (0 to about 0.3) and standard deviation."""

    mean: float
    std: float


def mouth_aperture(media: ClipMedia) -> MouthAperture:
    """Return mean and spread over time; a still mouth has a spread under about 0.005."""
    series = media.track.mouth_aperture
    return {"mean": float(series.mean()), "std": float(series.std())}
