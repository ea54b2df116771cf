"""How many faces share the picture."""

from curate.clip_media import ClipMedia


def faces_per_frame(media: ClipMedia) -> float:
    """Mean number of faces a frame; 1 is the clip's own face alone, less where it was lost for a moment."""
    return float(media.faces_per_frame.mean())
