"""What is changed of the one portrait to make a person of the corpus."""

from dataclasses import dataclass, field

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class FaceShape:
    """How features are scaled; 1 leaves them as they are."""

    eyes: float = 1.0
    eye_gap: float = 1.0
    nose: float = 1.0
    mouth: float = 1.0
    jaw: float = 1.0
    length: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Tone:
    """A change of colour: brightness times `light`, and shifts along CIE Lab's green-red and blue-yellow (of 255)."""

    light: float = 1.0
    red: float = 0.0
    yellow: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Person:
    """One identity; `suit_hue` turns the suit's hue (180 is once round), `background` is an RGB gradient, top first."""

    name: str
    shape: FaceShape = field(default_factory=FaceShape)
    skin: Tone = field(default_factory=Tone)
    hair: Tone = field(default_factory=Tone)
    suit_hue: int = 0
    background: tuple[Colour, Colour] | None = None
    mirrored: bool = False
    glasses: bool = False
    beard: bool = False
