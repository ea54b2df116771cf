"""FID as pytorch-fid 0.3.0 computes it."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="pytorch-fid",
    title="pytorch-fid 0.3.0",
    metrics=("fid_pytorch_fid",),
    max_frames=None,
    about="Papers that dump every frame as a picture and run pytorch-fid, as most on talking heads do.",
    off=(
        "Frames are decoded on a grid of 25 fps; frames dumped at another rate, or as JPEG, give another number.",
        "The root is exact; pytorch-fid's (scipy.linalg.sqrtm) is not with fewer than 2048 frames a side.",
    ),
)
