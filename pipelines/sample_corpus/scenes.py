"""The sample corpus as data: who says what in which video, what is wrong with it, and what curate should decide."""

from dataclasses import dataclass
from typing import Literal

from pipelines.sample_corpus.person import FaceShape, Person, Tone
from pipelines.sample_corpus.speech import Voice

Treatment = Literal[
    "plain", "late_sound", "silent", "no_sound", "no_face", "two_faces", "tiny_face", "caption", "short", "truncated",
    "text", "duplicate",
]  # fmt: skip
Outcome = Literal["kept", "rejected", "quarantined"]

LATE_S = 0.4  # the sound of `late_sound`
SHORT_S = 1.2  # the length of `short`
CAPTION = "GOOD MORNING, EVERYONE"

PEOPLE = {
    person.name: person
    for person in (
        Person(name="ada"),
        Person(
            name="bea",
            mirrored=True,
            hair=Tone(light=0.45, red=-1, yellow=-8),
            skin=Tone(light=0.97, yellow=4),
            suit_hue=100,
            background=((60, 80, 110), (120, 140, 160)),
            shape=FaceShape(eyes=1.12, nose=0.9, jaw=0.92, mouth=0.95),
        ),
        Person(
            name="cal",
            beard=True,
            hair=Tone(light=0.35, red=2, yellow=-10),
            skin=Tone(light=0.85, red=2, yellow=5),
            suit_hue=60,
            background=((150, 140, 120), (200, 190, 170)),
            shape=FaceShape(jaw=1.1, nose=1.15, eyes=0.93, length=1.05),
        ),
        Person(
            name="dot",
            glasses=True,
            hair=Tone(light=1.3, red=-3, yellow=-22),
            skin=Tone(light=1.03, red=3),
            suit_hue=130,
            background=((40, 60, 50), (80, 110, 90)),
            shape=FaceShape(length=0.94, jaw=1.05, eye_gap=1.08),
        ),
        Person(
            name="eve",
            mirrored=True,
            hair=Tone(light=0.28, red=-2, yellow=-18),
            skin=Tone(light=0.6, red=5, yellow=9),
            suit_hue=15,
            background=((180, 190, 200), (210, 215, 220)),
            shape=FaceShape(nose=1.2, mouth=1.1, eyes=1.05),
        ),
        Person(
            name="fay",
            mirrored=True,
            glasses=True,
            hair=Tone(light=0.75, red=22, yellow=14),
            suit_hue=75,
            background=((120, 90, 100), (60, 50, 70)),
            shape=FaceShape(jaw=0.88, length=1.06, eyes=1.08, eye_gap=0.95),
        ),
    )
}

VOICES = {
    "ada": Voice(voice="en-us+f2", pitch=52, speed_wpm=150),
    "bea": Voice(voice="en-us+Annie", pitch=55, speed_wpm=160),
    "cal": Voice(voice="en-us+m7", pitch=35, speed_wpm=145),
    "dot": Voice(voice="en-gb-x-rp+f5", pitch=42, speed_wpm=140),
    "eve": Voice(voice="en-us+Alicia", pitch=48, speed_wpm=165),
    "fay": Voice(voice="en-us+f4", pitch=60, speed_wpm=170),
}


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One person saying one thing; `seed` sets the head's motion and the blinks."""

    person: str
    text: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One file of the corpus and the truth about it; `reason` is curate's word for a rejection or quarantine."""

    file: str
    what: str
    shots: tuple[Shot, ...] = ()
    treatment: Treatment = "plain"
    copy_of: str = ""
    outcome: Outcome = "kept"
    reason: str = ""
    clips: int = 1
    sync_offset_s: float = 0.0
    note: str = ""


def _rejected(file: str, what: str, treatment: Treatment, reason: str, *shots: Shot, note: str = "") -> Scene:
    return Scene(
        file=file, what=what, shots=shots, treatment=treatment, outcome="rejected", reason=reason, clips=0,
        note=note,
    )  # fmt: skip


_ADA = Shot(
    person="ada",
    seed=1,
    text="Good morning. My name is Ada, and today I would like to talk about the weather in the mountains.",
)
_BEA = Shot(
    person="bea", seed=2, text="The train to the coast leaves at half past nine, and it arrives in the early afternoon."
)
_CAL = Shot(
    person="cal", seed=3, text="When the bread has cooled down, cut it into slices, and serve it with butter and honey."
)
_DOT = Shot(
    person="dot",
    seed=4,
    text="A library is a quiet place, where anyone may read about anything in the whole wide world.",
)
_EVE = Shot(
    person="eve",
    seed=5,
    text="Every evening we walk along the river, and we watch the boats go by until the lamps are lit.",
)
_FAY = Shot(
    person="fay",
    seed=6,
    text="Please remember to water the plants on Monday, feed the cat, and close all of the windows.",
)
_CUT_1 = Shot(
    person="dot", seed=7, text="This is the first half of the film, and I am the first of two people who speak in it."
)
_CUT_2 = Shot(
    person="cal", seed=8, text="And after a hard cut, here is the second half, with another face and another voice."
)
_LATE = Shot(
    person="bea",
    seed=9,
    text="The sound of this film comes far too late. You see me talk, and only then do you hear it. Stop. Go on.",
)
_OTHER = Shot(
    person="eve",
    seed=10,
    text="I could tell you a story about an old lighthouse, a storm at sea, and a lamp that never went out.",
)
_PLAIN = Shot(
    person="fay",
    seed=11,
    text="Seven small boats sailed slowly past the harbour, and the children waved at all of them.",
)

SCENES: tuple[Scene, ...] = (
    Scene(file="01_sync_ada.mp4", what="one person, in sync", shots=(_ADA,)),
    Scene(file="02_sync_bea.mp4", what="one person, in sync", shots=(_BEA,)),
    Scene(file="03_sync_cal.mp4", what="one person with a beard, in sync", shots=(_CAL,)),
    Scene(file="04_sync_dot.mp4", what="one person with glasses, in sync", shots=(_DOT,)),
    Scene(file="05_sync_eve.mp4", what="one person, dark skin, in sync", shots=(_EVE,)),
    Scene(file="06_sync_fay.mp4", what="one person with glasses, in sync", shots=(_FAY,)),
    Scene(file="07_hard_cut.mp4", what="two people, a hard cut between them", shots=(_CUT_1, _CUT_2), clips=2),
    _rejected(
        "08_caption.mp4", "in sync, a caption burned into the picture", "caption", "overlay_text_area", _OTHER
    ),
    Scene(
        file="09_late_sound.mp4", what=f"sound {LATE_S} s late", shots=(_LATE,), treatment="late_sound",
        sync_offset_s=LATE_S, note="kept, its sound moved by what it was late",
    ),
    _rejected("10_silent.mp4", "a sound track without sound", "silent", "speech_ratio", _PLAIN),
    _rejected("11_no_sound.mp4", "no sound track", "no_sound", "no_audio", _PLAIN),
    _rejected("12_no_face.mp4", "a cup of coffee, with speech", "no_face", "no_face_in_keyframes", _OTHER),
    _rejected("13_two_faces.mp4", "two people side by side, one speaks", "two_faces", "faces_per_frame", _ADA, _CAL),
    _rejected("14_short.mp4", f"{SHORT_S} s long", "short", "duration_s", _DOT),
    _rejected("15_tiny_face.mp4", "a face about 40 px high", "tiny_face", "face_size", _EVE),
    Scene(
        file="16_truncated.mp4", what="a file that ends in the middle", shots=(_BEA,), treatment="truncated",
        outcome="quarantined", reason="truncated", clips=0,
    ),
    Scene(
        file="17_text.mp4", what="a text with the name of a video", treatment="text",
        outcome="quarantined", reason="not_media", clips=0,
    ),
    Scene(
        file="18_the_same_again.mp4", what="the bytes of 01_sync_ada.mp4 once more", treatment="duplicate",
        copy_of="01_sync_ada.mp4", outcome="rejected", reason="duplicate", clips=0,
    ),
)  # fmt: skip

DRIVING = Shot(person="ada", seed=12, text="Hello there. I have never said these words before.")
