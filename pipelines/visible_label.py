"""A few words drawn small into a corner of every picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from curate.errors import ConfigError

MAX_CHARACTERS = 60
HEIGHT = 0.035  # of the picture's shorter side, and never under 9 px, below which it can't be read
MARGIN = 0.5  # of the letters' height
INK, GROUND, OPACITY = (255, 255, 255), (0, 0, 0), 0.6


@dataclass(frozen=True, kw_only=True)
class Label:
    """The drawn words, to be laid over the lower right corner."""

    drawn: NDArray[np.float32]  # (h, w, 3) RGB, 0-255

    def over(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a copy of (H, W, 3) RGB with the label on it."""
        height, width = self.drawn.shape[:2]
        marked = picture.copy()
        corner = marked[-height:, -width:]
        corner[:] = np.rint(OPACITY * self.drawn + (1 - OPACITY) * corner)
        return marked


def draw_label(text: str, *, width: int, height: int) -> Label:
    """Draw `text` for pictures of that size, smaller where it would not fit."""
    check_label(text)
    letters_px = max(9.0, HEIGHT * min(width, height))
    font = ImageFont.load_default(letters_px)
    font = ImageFont.load_default(letters_px * min(1.0, (width - 2 * MARGIN * letters_px) / font.getlength(text)))
    left, top, right, bottom = font.getbbox(text)
    margin = MARGIN * letters_px
    size = (min(width, round(right - left + 2 * margin)), min(height, round(bottom - top + 2 * margin)))
    image = Image.new("RGB", size, GROUND)
    ImageDraw.Draw(image).text((margin - left, margin - top), text, font=font, fill=INK)
    return Label(drawn=np.asarray(image, np.float32))


def check_label(text: str) -> None:
    """Raise ConfigError for words that the font has no letters for, or too many."""
    if not text.strip() or len(text) > MAX_CHARACTERS or not text.isprintable() or any(ord(c) > 0xFF for c in text):
        raise ConfigError(
            f"provenance.label {text[:70]!r} must be 1-{MAX_CHARACTERS} Latin characters, such as 'AI-generated'"
        )
