"""Tells media containers from everything else by their first bytes, whatever a name or a header claims."""

from curate.fetchers.contract import FetchError

HEAD_BYTES = 512

# ISO base media and QuickTime begin with a box: 4 bytes of size, then one of these
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_STARTS = {
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"OggS": "Ogg",
    b"FLV\x01": "Flash video",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "ASF",
    b"\x00\x00\x01\xba": "MPEG program stream",
    b"\x00\x00\x01\xb3": "MPEG video",
    b"\x06\x0e\x2b\x34": "MXF",
    b".RMF": "RealMedia",
    b"DKIF": "IVF",
    b"ID3": "MP3",
    b"fLaC": "FLAC",
}
_RIFF = {b"AVI ": "AVI", b"WAVE": "WAVE"}
_OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "gzip data",
    b"Rar!": "a rar archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PAR1": "a Parquet file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#EXTM3U": "a playlist",
    b"#!": "a script",
    b"ffconcat": "a playlist",
    b"<?xml": "XML",
    b"<mpd": "a playlist",
    b"<!doctype html": "HTML",
    b"<html": "HTML",
    b"{": "JSON",
    b"[": "JSON",
}


def container_of(head: bytes) -> str | None:
    """Name the media container that a file's first bytes (512 are enough) open; None when they open none."""
    if head[4:8] in _BOXES:
        return "ISO media"
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    # Packets of 188 bytes begin with 0x47; in M2TS each has 4 bytes of time before it.
    if head[0:1] == head[188:189] == head[376:377] == b"G" or head[4:5] == head[196:197] == head[388:389] == b"G":
        return "MPEG transport stream"
    return next((name for start, name in _STARTS.items() if head.startswith(start)), None)


def check_media(head: bytes) -> None:
    """FetchError `empty` or `not_media`, which says what it is instead, unless the bytes open a media container."""
    if not head:
        raise FetchError("empty", "nothing arrived (0 bytes)")
    if container_of(head) is None:
        raise FetchError("not_media", f"what arrived is {_other(head)}, no media")


def _other(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for start, name in _OTHERS.items():
        if head.startswith(start) or text[:16].lower().startswith(start.lower()):
            return name
    return f"text ({text[:40].decode('ascii')!r})" if _is_text(head) else f"unknown data ({head[:8].hex(' ')})"


def _is_text(head: bytes) -> bool:
    return head.isascii() and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
