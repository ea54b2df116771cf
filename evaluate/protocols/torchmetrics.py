"""FID as torchmetrics 1.9 computes it by default."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="torchmetrics",
    title="torchmetrics 1.9",
    metrics=("fid_torchmetrics",),
    max_frames=None,
    about="torchmetrics 1.8 and later at the default antialias=True; with antialias=False, see torch-fidelity.",
    off=(
        "Frames are decoded on a grid of 25 fps; frames dumped at another rate, or as JPEG, give another number.",
        "The root is exact; torchmetrics' (eigenvalues of a product) is not with fewer than 2048 frames a side.",
        "The number is float64, torchmetrics' is rounded to float32.",
    ),
)
