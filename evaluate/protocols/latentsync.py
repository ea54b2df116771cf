"""FVD as LatentSync's evaluation computes it: for its own tables only."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="latentsync",
    title="LatentSync FVD",
    metrics=("fvd_latentsync",),
    max_frames=None,
    about="The FVD column of LatentSync's tables, and no other FVD.",
    off=(
        "As in the original, pictures go in as [0, 1] with rescale=False, where the network was trained on [-1, 1].",
        "As in the original, only frames 20 to 35 of a video count, each cut to its own unsmoothed face box.",
        "Boxes are BlazeFace's; LatentSync's are MediaPipe's, some pixels off these.",
        "A video without a face in one of these frames, or with fewer than 36, counts as failed.",
    ),
)
