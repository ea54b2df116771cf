"""The default: every number that the embedded weights allow, and the better ones where their weights are there."""

from evaluate.protocols.contract import Protocol

SETTINGS = Protocol(
    name="emo",
    title="emoforge's own",
    metrics=(
        *("fd_efficientnet_lite0", "kid_efficientnet_lite0", "fid_torch_fidelity", "kid_inception_2015"),
        *("fd_motion_efficientnet_lite0", "fvd_kinetics400"),
        *("fd_expression_mesh", "fd_expression_blendshape_52", "efid_deep3d_64"),
        *(
            "lse_c",
            "lse_d",
            "sync_offset",
            "sync_in_place",
            "sync_lag",
            "sync_correlation",
            "active_speaker",
            "mouth_in_silence",
        ),
        *("identity_similarity", "mouth_correlation", "landmark_distance", "lpips", "ssim", "psnr"),
        *("sharpness_drift", "colour_drift", "seam_score", "frozen_frames", "face_lost", "duration_error"),
        *("head_motion", "head_speed", "blink_rate", "expression_diversity"),
    ),
    max_frames=32,
    about="Systems measured with emoforge, on the same reference and under the same fingerprint; no printed table.",
)
