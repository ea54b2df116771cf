"""New colours, a new background, glasses and a beard for the photograph."""

import cv2
import numpy as np

from pipelines.sample_corpus.person import Colour, Person, Tone
from pipelines.sample_corpus.photograph import SIZE_PX, Mask, Photograph, outlined, soft
from pipelines.sample_corpus.warp import Image, Points

RIGHT_EYE, LEFT_EYE = [33, 133], [362, 263]
JAW = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
CHEEKS = [280, 425, 426, 391, 164, 165, 206, 205, 50]
LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
BEARD_STARTS = 14  # px under the cheeks' points
OVERSAMPLE = 4  # glasses are drawn this much larger, for smooth lines


def disguise(photo: Photograph, person: Person) -> Image:
    """Return the photograph with the person's colours, background, beard and glasses; (512, 512, 3) RGB."""
    picture = _blend(photo.image, _toned(photo.image, person.skin), photo.skin)
    picture = _blend(picture, _toned(picture, person.hair), photo.hair)
    if person.suit_hue:
        picture = _blend(picture, _dyed(picture, person.suit_hue), photo.suit)
    if person.background is not None:
        picture = _blend(_studio(*person.background), picture, photo.person)
    if person.beard:
        picture = _with_beard(picture, photo.points)
    return _with_glasses(picture, photo.points) if person.glasses else picture


def _blend(below: Image, above: Image, mask: Mask) -> Image:
    weight = mask[..., None]
    return np.asarray((below * (1.0 - weight) + above * weight).round(), np.uint8)


def _toned(image: Image, tone: Tone) -> Image:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB) * np.array([tone.light, 1.0, 1.0])
    shifted = np.clip(lab + np.array([0.0, tone.red, tone.yellow]), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(shifted, cv2.COLOR_LAB2RGB), np.uint8)


def _dyed(image: Image, hue: int) -> Image:
    """Turn the hue, and make the colour a little duller: the suit's orange is glaring in green."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + hue) % 180
    hsv[..., 1:] *= (0.7, 0.85)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)


def _studio(top: Colour, bottom: Colour) -> Image:
    """A backdrop: a gradient with soft stains, like painted canvas."""
    ramp = np.linspace(0.0, 1.0, SIZE_PX)[:, None, None]
    noise = np.random.default_rng(7).normal(0, 9, (12, 12)).astype(np.float32)
    stains = cv2.resize(noise, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)[..., None]
    canvas = np.array(top) * (1.0 - ramp) + np.array(bottom) * ramp + stains
    return np.asarray(np.clip(canvas, 0, 255), np.uint8)


def _with_beard(image: Image, points: Points) -> Image:
    flat = points[:, :2]
    area = outlined(np.concatenate([flat[JAW], flat[CHEEKS] + np.array([0, BEARD_STARTS])]))
    lips = np.asarray(cv2.dilate(outlined(flat[LIPS]), np.ones((5, 5))), np.float32)
    noise = np.random.default_rng(3).normal(0, 1, image.shape[:2]).astype(np.float32)
    strands = cv2.GaussianBlur(noise, (0, 0), 0.9, sigmaY=1.8)
    shade = np.clip(0.42 + 0.45 * strands, 0.15, 0.9)[..., None] * np.array([1.0, 0.92, 0.86])
    return _blend(image, (image * shade).astype(np.uint8), 0.85 * soft(area, 9.0) * (1.0 - soft(lips, 2.0)))


def _with_glasses(image: Image, points: Points) -> Image:
    flat = points[:, :2].astype(np.float64)
    across = flat[LEFT_EYE[1]] - flat[RIGHT_EYE[0]]
    angle_deg, radius = float(np.degrees(np.arctan2(across[1], across[0]))), float(np.linalg.norm(across)) * 0.27
    right, left = (flat[eye].mean(axis=0) + np.array([0, 0.1 * radius]) for eye in (RIGHT_EYE, LEFT_EYE))
    side = np.array([radius, 0])
    layer = np.zeros((SIZE_PX * OVERSAMPLE, SIZE_PX * OVERSAMPLE), np.uint8)
    for centre in (right, left):
        axes = (int(radius * OVERSAMPLE), int(radius * 0.82 * OVERSAMPLE))
        cv2.ellipse(layer, _large(centre), axes, angle_deg, 0, 360, (255,), 11, cv2.LINE_AA)
    for start, end in ((right + side, left - side), (right - side, flat[234]), (left + side, flat[454])):
        cv2.line(layer, _large(start), _large(end), (255,), 10, cv2.LINE_AA)
    mask = cv2.resize(layer, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    return _blend(image, np.full_like(image, (32, 24, 28)), np.asarray(mask, np.float32))


def _large(point: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, int]:
    return int(point[0] * OVERSAMPLE), int(point[1] * OVERSAMPLE)
