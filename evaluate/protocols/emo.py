"""The default: every number that the embedded weights allow, and the better ones where their weights are there."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="emo",
    title="emoforge's own",
    metrics=(
        *("fd_efficientnet_lite0", "kid_efficientnet_lite0", "fd_motion_efficientnet_lite0"),
        *("fd_expression_mesh", "fd_expression_blendshape_52"),
        *("sync_correlation", "identity_similarity"),
        *("fid_torch_fidelity", "kid_inception_2015"),
    ),
    max_frames=32,
    about="Systems measured with emoforge, on the same reference and under the same fingerprint; no printed table.",
)
