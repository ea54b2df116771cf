"""FID as clean-fid 0.1.35 computes it in its mode `clean`."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="clean-fid",
    title="clean-fid 0.1.35",
    metrics=("fid_clean_fid",),
    max_frames=None,
    about="clean-fid in its mode `clean`, on frames dumped as PNG.",
    off=(
        "Frames are decoded on a grid of 25 fps; frames dumped at another rate, or as JPEG, give another number.",
        "The network is torch-fidelity's port of the graph that clean-fid runs as NVIDIA's TorchScript.",
        "The root is exact; clean-fid's (scipy.linalg.sqrtm) is not with fewer than 2048 frames a side.",
    ),
)
