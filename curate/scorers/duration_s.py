"""How long the clip is."""

from curate.clip_media import ClipMedia


def duration_s(media: ClipMedia) -> float:
    """Seconds, above 0."""
    return media.duration_s
