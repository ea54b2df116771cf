"""A curated clip as scorers see it: per-frame numbers from its row, sound and pictures only when they are asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curate.clip_media import ClipMedia
from curate.clip_pictures import ClipPictures
from curate.corpus import ClipRef, Corpus
from curate.crop import CropBox
from curate.face_crops import face_crops
from curate.media import CORPUS_FPS, CORPUS_RATE_HZ, read_frames
from curate.media_writing import squares
from curate.picture_series import SIZE_PX, PictureSeries, picture_series
from curate.tracks import Track

_LISTS = ("yaw_deg", "pitch_deg", "roll_deg", "rotation_speed_deg", "mouth_aperture", "mouth_width", "eye_openness")
COLUMNS = ("face_box", "face_points", "expression", "width", *_LISTS)


@dataclass(frozen=True, kw_only=True, eq=False)
class CorpusClipMedia(ClipMedia):
    """Media of one clip of a corpus; lengths are in px of its crop. What only the source told is nan: sharpness,
    luminance, completeness, camera speed; one face a frame is taken for granted."""

    corpus: Corpus
    ref: ClipRef

    def audio_around(self, margin_s: float) -> NDArray[np.float32] | None:
        """Return the clip's own sound, with silence before and after: no more of it was kept."""
        if self.ref.audio_offset < 0:
            return None
        return np.pad(self.corpus.audio(self.ref), round(margin_s * CORPUS_RATE_HZ))

    @cached_property
    def pictures(self) -> ClipPictures:
        """The clip's pictures."""
        frames = tuple(frame.decoded for frame in read_frames(self.corpus.video(self.ref)))
        return ClipPictures(box=CropBox(left=0, top=0, side=self.size_px), frames=frames)

    @cached_property
    def picture_series(self) -> PictureSeries:
        """Numbers of every picture."""
        decoded = (frame.decoded for frame in read_frames(self.corpus.video(self.ref)))
        return picture_series(squares(decoded, SIZE_PX), fps=self.fps)

    @cached_property
    def face_crops(self) -> NDArray[np.uint8]:
        """(F, 224, 224, 3) RGB crops of the lower face, as SyncNet and LR-ASD want them."""
        return face_crops(self.corpus.video(self.ref), self.track)


def corpus_clip_media(corpus: Corpus, ref: ClipRef) -> CorpusClipMedia:
    """Return the media of a clip; only its per-frame lists are read now."""
    row = corpus.row(ref, COLUMNS)
    n, size_px = ref.n_frames, int(row["width"])
    lists = {name: np.asarray(row[name], np.float32) for name in _LISTS}
    unknown = np.full(n, np.nan, np.float32)
    track = Track(
        first=0,
        fps=CORPUS_FPS,
        boxes=np.asarray(row["face_box"], np.float32).reshape(n, 4),
        points=np.asarray(row["face_points"], np.float32).reshape(n, 5, 2),
        pose_deg=np.stack([lists["yaw_deg"], lists["pitch_deg"], lists["roll_deg"]], axis=1),
        rotation_speed_deg=lists["rotation_speed_deg"],
        mouth_aperture=lists["mouth_aperture"],
        mouth_width=lists["mouth_width"],
        eye_openness=lists["eye_openness"],
        expression=np.asarray(row["expression"], np.float32).reshape(n, -1),
        confidence=np.ones(n, np.float32),
        sharpness=unknown,
        luminance=unknown,
        completeness=unknown,
    )
    return CorpusClipMedia(
        source=b"",
        track=track,
        faces_per_frame=np.ones(n, np.int16),
        camera_speed=unknown,
        width=size_px,
        height=size_px,
        size_px=size_px,
        corpus=corpus,
        ref=ref,
    )
