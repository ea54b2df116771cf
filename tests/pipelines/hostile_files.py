"""Makes the hostile set: files that lie, break off, explode, loop or name others, each with how it may end."""

import os
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from curate.media_writing import encode_flac, write_video
from tests.conftest import pan, pulsed_tone

FAILURES = frozenset(["internal_error", "crashed", "out_of_memory", "timed_out"])
ANY = "any"  # any end that a decoder may come to, but none of FAILURES
Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A source, how it may end (`kept` or reasons), and whether a folder's listing finds it by itself."""

    file: Path
    ends: frozenset[str]
    listed: bool = True

    def may_end(self, outcome: str, reason: str) -> bool:
        """Whether this is an end that was foreseen."""
        end = "kept" if outcome == "kept" else reason
        return end in self.ends or (ANY in self.ends and end not in FAILURES)


Made = Iterator[tuple[str, str]]  # the name of a file that was made, and its ends, parted by blanks


def make_hostile_files(folder: Path, portrait: Picture, *, secret: Path, url: str) -> list[Hostile]:
    """Write them all into a folder; playlists name `secret` and addresses below `url`."""
    folder.mkdir()
    face = folder / "good.mp4"
    write_video(face, pan(portrait, 80), audio=pulsed_tone(3.2))
    plain = folder / "plain.mp4"
    write_video(plain, _noise(50), audio=pulsed_tone(2.0))
    made = [("good.mp4", "kept"), ("plain.mp4", "no_face_in_keyframes duplicate")]
    for maker in (_no_media, _wrong_names, _cut_off, _flipped, _lying_headers, _other_streams, _odd_clocks, _bombs):
        made += maker(folder, face, plain)
    made += _playlists(folder, secret=secret, url=url)
    listed = [Hostile(file=folder / name, ends=frozenset(ends.split())) for name, ends in made]
    return listed + [
        Hostile(file=folder / name, ends=frozenset(ends.split()), listed=False)
        for name, ends in _no_plain_files(folder, face)
    ]


def _noise(n: int, *, size: int = 96) -> Iterator[Picture]:
    generator = np.random.default_rng(0)
    for _ in range(n):
        yield generator.integers(0, 255, (size // 8, size // 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def _no_media(folder: Path, face: Path, plain: Path) -> Made:
    good = plain.read_bytes()
    head = good[: good.index(b"moov") - 4]
    contents = {
        "empty.mp4": (b"", "empty"),
        "one_byte.mp4": (b"\0", "not_media"),
        "header_only.mp4": (head, "truncated"),
        "no_index.mp4": (head + good[good.index(b"mdat") - 4 :], "truncated"),
        "half_an_index.mp4": (good[: good.index(b"moov") + 300], "truncated damaged no_video_stream"),
        "text.mp4": (b"I am no video, whatever my name says.\n" * 90, "not_media"),
        "page.mp4": (b"<!doctype html><html><body>404 not found</body></html>", "not_media"),
        "program.mp4": (b"\x7fELF\x02\x01\x01" + bytes(9) + random.Random(0).randbytes(9000), "not_media"),
        "noise.mp4": (random.Random(1).randbytes(300_000), "not_media no_video_stream damaged no_frames"),
        "nulls.mp4": (bytes(1_000_000), "not_media no_video_stream damaged"),
        "picture.mp4": (_png(64, 64), "not_media"),
        "xml_entities.mp4": (_BILLION_LAUGHS, "not_media"),
    }
    for name, (content, ends) in contents.items():
        (folder / name).write_bytes(content)
        yield name, ends
    with zipfile.ZipFile(folder / "archive.mp4", "w") as archive:
        archive.write(plain, "plain.mp4")
    yield "archive.mp4", "not_media"


_BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><MPD>&d;</MPD>"""


def _wrong_names(folder: Path, face: Path, plain: Path) -> Made:
    """Media under names that FFmpeg, a shell or a format string could take for something else."""
    good = plain.read_bytes()
    for name in (
        "matroska inside.avi",
        "-i.mp4",
        "%d.mp4",
        "concat:good.mp4|plain.mp4",
        "http:__x.mp4",
        "ümläut\u202e.mp4",
    ):
        (folder / name).write_bytes(_other_container(plain, "matroska") if name.endswith("avi") else good)
        yield name, "no_face_in_keyframes duplicate"


def _other_container(file: Path, container: str) -> bytes:
    scratch = file.with_name(f".{container}")
    _remux(file, scratch, container=container)
    content = scratch.read_bytes()
    scratch.unlink()
    return content


def _remux(
    file: Path,
    to: Path,
    *,
    container: str | None = None,
    copies: int = 1,
    shift_s: Callable[[str, int], int] = lambda kind, number: 0,
) -> None:
    """Copy the packets into another container, `copies` times side by side, moved by what `shift_s` says."""
    with av.open(str(file)) as source, av.open(str(to), "w", format=container) as written:
        streams = {s.index: [written.add_stream_from_template(s) for _ in range(copies)] for s in source.streams}
        for number, packet in enumerate(source.demux()):
            if packet.dts is None:
                continue
            shift = round(shift_s(packet.stream.type, number) / packet.time_base)
            for stream in streams[packet.stream.index]:
                copy = av.Packet(bytes(packet))
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                copy.pts, copy.dts, copy.stream = packet.pts + shift, packet.dts + shift, stream
                written.mux(copy)


def _cut_off(folder: Path, face: Path, plain: Path) -> Made:
    for suffix, container in ((".mp4", "mp4"), (".mkv", "matroska"), (".ts", "mpegts")):
        content = face.read_bytes() if suffix == ".mp4" else _other_container(face, container)
        for percent in (10, 50, 90):
            name = f"cut_at_{percent}{suffix}"
            (folder / name).write_bytes(content[: len(content) * percent // 100])
            yield name, "truncated damaged no_frames no_face duration_s kept"
        middle = bytearray(content)
        begin = len(middle) // 2
        middle[begin : begin + len(middle) // 6] = random.Random(2).randbytes(len(middle) // 6)
        (folder / f"noise_within{suffix}").write_bytes(middle)
        yield f"noise_within{suffix}", ANY


def _flipped(folder: Path, face: Path, plain: Path) -> Made:
    """Bits flipped all over, in the index too; and in the first kilobyte, where the headers are."""
    kinds = {
        ".mp4": face.read_bytes(),
        ".mkv": _other_container(face, "matroska"),
        ".ts": _other_container(face, "mpegts"),
    }
    for seed in range(12):
        suffix = list(kinds)[seed % len(kinds)]
        chance, content = random.Random(seed), bytearray(kinds[suffix])
        reach = len(content) if seed % 2 else 3000
        for _ in range(3 + reach // 2000):
            content[chance.randrange(reach)] ^= 1 << chance.randrange(8)
        name = f"flipped_{seed}{suffix}"
        (folder / name).write_bytes(content)
        yield name, ANY


def _box(content: bytes, kind: bytes) -> int:
    """Where an MP4 box' content begins."""
    return content.index(kind) + 4


def _patched(content: bytes, *patches: tuple[int, bytes]) -> bytes:
    changed = bytearray(content)
    for at, value in patches:
        changed[at : at + len(value)] = value
    return bytes(changed)


def _lying_headers(folder: Path, face: Path, plain: Path) -> Made:
    good = plain.read_bytes()
    mvhd, tkhd, mdhd, elst = (_box(good, kind) for kind in (b"mvhd", b"tkhd", b"mdhd", b"elst"))
    stts, stsz, stsc, stco, avc1, mp4a = (
        _box(good, kind) for kind in (b"stts", b"stsz", b"stsc", b"stco", b"avc1\0", b"mp4a")
    )
    million_hours = struct.pack(">I", 0xFFFF_FF00)
    lies = {
        "endless.mp4": ([(mvhd + 16, million_hours), (tkhd + 20, million_hours), (mdhd + 16, million_hours)], ANY),
        "endless_movie.mp4": ([(mvhd + 12, struct.pack(">II", 1, 3_600_000_000))], ANY),
        "timescale_0.mp4": ([(mvhd + 12, bytes(4)), (mdhd + 12, bytes(4))], "any timed_out"),
        "no_time_between_pictures.mp4": ([(stts + 12, bytes(4))], ANY),
        "an_age_between_pictures.mp4": ([(stts + 12, b"\x00\x80\x00\x00")], ANY),
        "a_sample_of_2_gb.mp4": ([(stsz + 12, b"\x7f\xff\xff\xff")], ANY),
        "2_billion_samples.mp4": ([(stsz + 8, b"\x7f\xff\xff\xff"), (stts + 8, b"\x7f\xff\xff\xff")], ANY),
        "samples_nowhere.mp4": ([(stco + 8, b"\xff\xff\xff\xf0")], ANY),
        "chunks_of_nothing.mp4": ([(stsc + 12, bytes(4))], ANY),
        "unknown_picture_codec.mp4": ([(avc1 - 4, b"zzzz"), (_box(good, b"avcC") - 4, b"zzzz")], "no_decoder"),
        "unknown_sound_codec.mp4": ([(mp4a - 4, b"zzzz"), (_box(good, b"esds") - 4, b"zzzz")], "no_face_in_keyframes"),
        "encrypted.mp4": ([(avc1 - 4, b"encv")], ANY),
        "no_parameters.mp4": ([(_box(good, b"avcC"), bytes(20))], ANY),
        "65535_px.mp4": ([(avc1 + 24, b"\xff\xff\xff\xff")], ANY),
        "65535_channels_at_0_hz.mp4": ([(mp4a + 16, b"\xff\xff"), (mp4a + 24, bytes(4))], ANY),
        "edit_list_beyond_the_end.mp4": ([(elst + 8, b"\x00\x00\xff\xff\x7f\xff\xff\xff")], ANY),
        "edit_list_of_4_billion.mp4": ([(elst + 4, b"\xff\xff\xff\xff")], ANY),
        "no_matrix.mp4": ([(tkhd + 40, bytes(36))], "no_face_in_keyframes no_face damaged"),
    }  # fmt: skip
    for name, (patches, ends) in lies.items():
        (folder / name).write_bytes(_patched(good, *patches))
        yield name, ends
    matroska = _other_container(plain, "matroska")
    duration = matroska.index(b"\x44\x89\x88") + 3
    (folder / "a_million_hours.mkv").write_bytes(_patched(matroska, (duration, struct.pack(">d", 3.6e12))))
    yield "a_million_hours.mkv", "too_long"
    deep = b""
    for _ in range(5000):
        deep = struct.pack(">I4s", len(deep) + 8, b"moov") + deep
    (folder / "boxes_in_boxes.mp4").write_bytes(good[: good.index(b"moov") - 4] + deep)
    yield "boxes_in_boxes.mp4", "truncated not_media damaged no_video_stream no_frames"


def _other_streams(folder: Path, face: Path, plain: Path) -> Made:
    (folder / "sound_only.mp4").write_bytes(encode_flac(pulsed_tone(2.0)))
    yield "sound_only.mp4", "no_video_stream"
    _song_with_cover(folder / "cover.mp4", "mp3")
    yield "cover.mp4", "no_video_stream"
    _subtitles(folder / "subtitles_only.mkv")
    yield "subtitles_only.mkv", "no_video_stream"
    _remux(plain, folder / "a_hundred_streams.mkv", copies=50)
    yield "a_hundred_streams.mkv", "no_face_in_keyframes duplicate"
    with av.open(str(folder / "giant_metadata.mkv"), "w") as container:
        container.metadata.update({f"KEY{i}": "x" * 2000 for i in range(5000)})
        _encode(container, list(_noise(10)), codec="libx264")
    yield "giant_metadata.mkv", "no_audio no_face_in_keyframes no_face"
    content = (folder / "giant_metadata.mkv").read_bytes()
    (folder / "metadata_in_no_code.mkv").write_bytes(content.replace(b"xxxxxxxx", b"\xff\xfe\xe9\x80xxxx"))
    yield "metadata_in_no_code.mkv", "no_audio no_face_in_keyframes no_face"
    small, big = folder / ".small.ts", folder / ".big.ts"
    for file, size in ((small, 64), (big, 160), (small, 64)):
        with av.open(str(file), "w", format="mpegts") as container:
            _encode(container, list(_noise(30, size=size)), codec="libx264")
    (folder / "changes_its_size.ts").write_bytes(small.read_bytes() + big.read_bytes() + small.read_bytes())
    yield "changes_its_size.ts", "no_audio no_face_in_keyframes no_face damaged truncated"
    small.unlink()
    big.unlink()


def _encode(
    container: av.container.OutputContainer, pictures: list[Picture], *, codec: str, fps: int = 25, **options: str
) -> None:
    stream = container.add_stream(codec, rate=fps, options=options)
    stream.height, stream.width = pictures[0].shape[:2]
    stream.pix_fmt = {"png": "rgb24", "ffv1": "bgr0"}.get(codec, "yuv420p")
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = index, Fraction(1, fps)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _song_with_cover(file: Path, container: str) -> None:
    with av.open(str(file), "w", format=container) as written:
        sound = written.add_stream("libmp3lame", rate=16_000, layout="mono")
        cover = written.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(next(_noise(1)), format="rgb24").reformat(format="yuvj420p")
        picture.pts, picture.time_base = 0, Fraction(1, 1)
        written.mux(cover.encode(picture))
        written.mux(cover.encode(None))
        block = av.AudioFrame.from_ndarray(pulsed_tone(2.0)[None], format="fltp", layout="mono")
        block.sample_rate, block.pts = 16_000, 0
        written.mux(sound.encode(av.AudioResampler(format="s16p", frame_size=576).resample(block)[0]))
        written.mux(sound.encode(None))


def _subtitles(file: Path) -> None:
    """A Matroska file by hand: one track, of text."""

    def element(identity: str, *parts: bytes) -> bytes:
        content = b"".join(parts)
        return bytes.fromhex(identity) + struct.pack(">Q", 1 << 56 | len(content)) + content

    track = element(
        "ae", element("d7", b"\1"), element("73c5", b"\1"), element("83", b"\x11"), element("86", b"S_TEXT/UTF8")
    )
    info = element("1549a966", element("2ad7b1", b"\x0f\x42\x40"))
    cluster = element("1f43b675", element("e7", b"\0"), element("a3", b"\x81\0\0\x80hello"))
    file.write_bytes(
        element("1a45dfa3", element("4282", b"matroska"), element("4287", b"\4"), element("4285", b"\2"))
        + element("18538067", info, element("1654ae6b", track), cluster)
    )  # fmt: skip


def _odd_clocks(folder: Path, face: Path, plain: Path) -> Made:
    billion_s = 1_000_000_000
    jumps: dict[str, tuple[Callable[[str, int], int], str]] = {
        "picture_jumps.mkv": (
            lambda kind, n: billion_s if kind == "video" and n > 60 else 0,
            "too_long truncated damaged",
        ),
        "all_far_away.mkv": (lambda kind, n: billion_s, ANY),
        "sound_far_away.mkv": (lambda kind, n: billion_s if kind == "audio" else 0, "too_long"),
        "sound_jumps.mkv": (lambda kind, n: 1_000_000 if kind == "audio" and n > 60 else 0, ANY),
        "picture_far_away.mkv": (lambda kind, n: 1_000_000 if kind == "video" else 0, ANY),
    }
    for name, (shift_s, ends) in jumps.items():
        _remux(face, folder / name, shift_s=shift_s)
        yield name, ends
    stream = _other_container(face, "mpegts")
    (folder / "goes_back.ts").write_bytes(stream * 3)
    yield "goes_back.ts", ANY
    for name, fps, seconds, every, ends in (
        ("four_hours.mp4", 1, 4 * 3600 - 5, 10, "no_face_in_keyframes timed_out"),
        ("four_hours_one_keyframe.mp4", 1, 4 * 3600 - 5, 100_000, "timed_out no_face"),
        ("five_hours.mp4", 1, 5 * 3600, 10, "too_long"),
        ("five_hours_undeclared.ts", 1, 5 * 3600, 10, "too_long"),
    ):
        with av.open(str(folder / name), "w") as container:
            _encode(
                container, [np.full((64, 64, 3), 90, np.uint8)] * (fps * seconds), codec="libx264", fps=fps,
                preset="ultrafast", g=str(every), sc_threshold="0",
            )  # fmt: skip
        yield name, ends


def _bombs(folder: Path, face: Path, plain: Path) -> Made:
    """Little that unpacks to much, or says so."""
    for name, (width, height), ends in (
        ("100000_px.mov", (100_000, 100_000), "too_large damaged no_frames"),
        ("20000_px.mov", (20_000, 20_000), "too_large damaged no_frames"),
        ("no_px.mov", (0, 0), ANY),
        ("one_px.mov", (1, 1), "too_small damaged"),
        ("a_line.mov", (30_000, 16), "no_audio no_face_in_keyframes no_face too_small damaged"),
        ("32_megapixels_each.mov", (8000, 4000), "no_face_in_keyframes out_of_memory"),
    ):
        _png_movie(folder / name, _png(width, height))
        yield name, ends
    with av.open(str(folder / "65500_px.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuvj420p"
        for picture in _noise(5):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p"))
            )
        container.mux(stream.encode(None))
    content = (folder / "65500_px.avi").read_bytes()
    (folder / "65500_px.avi").write_bytes(content.replace(b"\x08\x00\x60\x00\x60\x03", b"\x08\xff\xdc\xff\xdc\x03"))
    yield "65500_px.avi", "too_large damaged no_frames"
    rate = content.index(b"vids") + 16
    (folder / "0_fps.avi").write_bytes(_patched(content, (rate, bytes(12))))
    yield "0_fps.avi", ANY


def _png(width: int, height: int) -> bytes:
    """A black picture; beyond 40 megapixels only its first lines are there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    lines = min(height, 40_000_000 // max(width, 1))
    packer, packed = zlib.compressobj(1), b""
    for _ in range(lines):
        packed += packer.compress(bytes(1 + 3 * width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed + packer.flush()) + chunk(b"IEND", b"")


def _png_movie(file: Path, png: bytes, *, n: int = 10) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        for index in range(n):
            packet = av.Packet(png)
            packet.pts = packet.dts = index
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
            container.mux(packet)


def _playlists(folder: Path, *, secret: Path, url: str) -> Made:
    """Scripts that name another file or address: none of them may be followed."""
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    contents = {
        "hls_file.mp4": hls.format(secret),
        "hls_url.mp4": hls.format(f"{url}/hls.ts"),
        "hls_key.m2ts": hls.format(secret).replace("#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"\n#EXTINF'),
        "hls_nested.ts": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}/nested.m3u8\n",
        "concat_file.mp4": f"ffconcat version 1.0\nfile '{secret}'\n",
        "concat_url.mkv": f"ffconcat version 1.0\nfile '{url}/concat.mp4'\n",
        "dash.mp4": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f"<BaseURL>{url}/</BaseURL><AdaptationSet><Representation><BaseURL>dash.mp4</BaseURL></Representation>"
        "</AdaptationSet></Period></MPD>",
        "session.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"a=control:{url}/rtsp\nm=video 9 RTP/AVP 96\n",
        "smil.mp4": f'<smil><body><video src="{url}/smil.mp4"/><video src="{secret}"/></body></smil>',
        "asx.wmv": f'<asx version="3"><entry><ref href="{url}/asx.wmv"/></entry></asx>',
        "reference.avi": f"[Reference]\r\nRef1={url}/reference.avi\r\n",
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(content)
        yield name, "not_media"
    moov = (folder / "plain.mp4").read_bytes()
    outside = f"file://{secret}".encode()
    entry = moov.index(b"url \0\0\0\1")
    (folder / "data_elsewhere.mov").write_bytes(_patched(moov, (entry + 4, bytes(4))) + outside)
    yield "data_elsewhere.mov", ANY


def _no_plain_files(folder: Path, face: Path) -> Made:
    """What a folder's listing passes over, but a manifest may name."""
    (folder / "a_folder.mp4").mkdir()
    yield "a_folder.mp4", "unreadable"
    (folder / "loop.mp4").symlink_to("loop.mp4")
    yield "loop.mp4", "unreadable"
    (folder / "dangling.mp4").symlink_to("nowhere.mp4")
    yield "dangling.mp4", "unreadable"
    (folder / "forbidden.mp4").write_bytes((folder / "plain.mp4").read_bytes())
    (folder / "forbidden.mp4").chmod(0)
    yield "forbidden.mp4", "unreadable no_face_in_keyframes duplicate"
    (folder / "to_a_text.mp4").symlink_to("text.mp4")
    yield "to_a_text.mp4", "not_media duplicate"
    os.mkfifo(folder / "pipe.mp4")
    yield "pipe.mp4", "timed_out unreadable"
    yield "missing.mp4", "unreadable"
    yield "../" * 40 + "dev/zero", "timed_out unreadable"
    (folder / "video.txt").write_bytes(face.read_bytes())
    yield "video.txt", "duplicate kept"
    yield "x" * 300 + ".mp4", "unreadable"
