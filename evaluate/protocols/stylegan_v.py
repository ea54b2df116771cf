"""FVD as StyleGAN-V computes it (fvd2048_16f)."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="stylegan-v",
    title="StyleGAN-V FVD",
    metrics=("fvd_stylegan_v",),
    max_frames=None,
    about="fvd2048_16f of StyleGAN-V: 2048 clips a side of 16 consecutive frames, 400 logits of I3D Kinetics-400.",
    off=(
        "Frames are decoded on a grid of 25 fps, whatever rate the data set was prepared at.",
        "Real videos begin at frame 0 as generated ones do; StyleGAN-V draws a random start, so its number moves.",
        "Pictures go from their own size to 224 px; StyleGAN-V resizes data sets to 128 or 256 px before.",
        "A set of fewer than 2048 videos gives fewer clips, and FVD grows as clips get fewer: mind the floor.",
        "A video of fewer than 16 frames counts as failed; StyleGAN-V drops it without a word.",
    ),
)
