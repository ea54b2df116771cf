"""Deep3DFaceRecon (Deng et al. 2019): a ResNet-50 that reads a 3-D face model's 257 coefficients off an aligned face.

Key names are those of sicxu/Deep3DFaceRecon_pytorch, whose checkpoint epoch_20.pth holds them under `net_recon`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat
from torch import Tensor, nn
from torchvision.models import resnet50

from curate import weights
from curate.errors import MediaError, WeightsError

WEIGHTS, POINTS_WEIGHTS = "deep3d_recon", "deep3d_points"
INPUT_PX = 224
FACE_SCALE = 102.0  # rescale_factor of the reference: px to one unit of the standard points
MAX_RESIZED_PX = 1 << 26

HEADS = (80, 64, 80, 3, 27, 2, 1)  # identity, expression, texture, angles, light, place across, depth
EXPRESSION = slice(80, 144)


class Deep3D(nn.Module):
    """Aligned faces (n, 3, 224, 224), RGB in [0, 1] -> coefficients (n, 257), in the order of HEADS."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = resnet50()
        features: int = self.backbone.fc.in_features
        self.backbone.fc = nn.Identity()
        self.final_layers = nn.ModuleList(nn.Conv2d(features, size, 1) for size in HEADS)

    def forward(self, faces: Tensor) -> Tensor:
        features = self.backbone(faces)[:, :, None, None]
        return torch.cat([head(features) for head in self.final_layers], dim=1).flatten(1)


def align(
    image: NDArray[np.uint8], five_points: NDArray[np.float32], standard: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Cut a face (224, 224, 3) out of an (H, W, 3) RGB picture: resized by PIL's bicubic, black beyond the edge.

    `five_points` (5, 2) px and `standard` (5, 3): the eyes' middles, nose tip and mouth corners, the subject's right
    first. Roundings and the unturned crop are the reference's (align_img of its util/preprocess.py).
    """
    height, width = image.shape[:2]
    upward = np.stack([five_points[:, 0], height - 1 - five_points[:, 1]], axis=1).astype(np.float64)
    (x, y), px_per_unit = _pose(upward, standard)
    scale = FACE_SCALE / px_per_unit
    size = int(width * scale), int(height * scale)
    if not 0 < size[0] * size[1] <= MAX_RESIZED_PX:
        raise MediaError(
            "face_too_small", f"at {px_per_unit:.1f} px a unit the face can't be scaled to {FACE_SCALE:.0f}"
        )
    left = int(size[0] / 2 - INPUT_PX / 2 + (x - width / 2) * scale)
    top = int(size[1] / 2 - INPUT_PX / 2 + (height / 2 - y) * scale)
    resized = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + INPUT_PX, top + INPUT_PX)), np.uint8)


@cache
def standard_points() -> NDArray[np.float64]:
    """The (5, 3) points of a standard face, y up, from the 68 of the reference's BFM/similarity_Lm3D_all.mat."""
    points = np.asarray(loadmat(weights.path(POINTS_WEIGHTS), variable_names=["lm"])["lm"], np.float64)
    nose, right_eye, left_eye, mouth = points[30], points[[36, 39]], points[[42, 45]], points[[48, 54]]
    return np.stack([right_eye.mean(axis=0), left_eye.mean(axis=0), nose, *mouth])


@cache
def load_deep3d() -> Deep3D:
    """The network with the published checkpoint; WeightsError for another kind of file."""
    return read_checkpoint(torch.load(weights.path(WEIGHTS), weights_only=True, map_location="cpu"))


def read_checkpoint(checkpoint: object) -> Deep3D:
    """The network with the tensors of a checkpoint's `net_recon`, every one of them used."""
    if not isinstance(checkpoint, dict) or "net_recon" not in checkpoint:
        raise WeightsError("the file is no checkpoint of Deep3DFaceRecon: it has no net_recon")
    network = Deep3D()
    try:
        network.load_state_dict(checkpoint["net_recon"], strict=True)
    except RuntimeError as error:
        raise WeightsError(f"the checkpoint is not of Deep3DFaceRecon's ResNet-50: {error}") from error
    return network.eval().requires_grad_(False)


def _pose(points: NDArray[np.float64], standard: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Where the standard face's origin (2,) lies and its scale, px a unit, by an affine fit of (n, 3) to (n, 2).

    The scale is the mean length of the fit's two rows (the reference's POS).
    """
    homogeneous = np.column_stack([standard, np.ones(len(standard))])
    fit = np.linalg.lstsq(homogeneous, points, rcond=None)[0]
    return fit[3], float(np.linalg.norm(fit[:3], axis=0).mean())
