"""The error tree: whatever a user can act on is an EmoforgeError.

EmoforgeError
├── ConfigError    a key, flag or value that can't be used
├── MediaError     a video, picture or sound that can't be used; carries a short reason
└── WeightsError   pretrained weights that are missing, can't be fetched, or differ from their sha256
"""


class EmoforgeError(Exception):
    """What is wrong, where, and what to do about it, in a sentence or two; printed without a traceback."""


class ConfigError(EmoforgeError):
    """A configuration key, flag or value that can't be used."""


class MediaError(EmoforgeError):
    """A media file that can't be used; `reason` is a short code such as `not_media` or `no_video_stream`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)  # both in args, so that it survives pickling between processes
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


class WeightsError(EmoforgeError):
    """Pretrained weights that are missing, can't be fetched, or differ from their sha256."""
