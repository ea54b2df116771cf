"""FID and KID as torch-fidelity 0.4.0 computes them, which is as TensorFlow did."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="torch-fidelity",
    title="torch-fidelity 0.4.0",
    metrics=("fid_torch_fidelity", "kid_inception_2015"),
    max_frames=None,
    about="FID of the original TensorFlow code, of torch-fidelity, and of torchmetrics with antialias=False.",
    off=(
        "Frames are decoded on a grid of 25 fps; frames dumped at another rate, or as JPEG, give another number.",
        "The root is exact; torch-fidelity's (eigenvalues of a product) is not with fewer than 2048 frames a side.",
        "Means are taken in float64, torch-fidelity's in float32.",
        "KID is of up to 10,000 vectors a side at once; torch-fidelity averages 100 drawn subsets of 1000.",
    ),
)
