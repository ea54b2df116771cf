"""The mp4 index says what a demuxer says."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import MediaError
from curate.media_writing import encode_flac, write_video
from curate.mp4_index import picture_index


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """60 frames with sound, so that pictures and sound lie interleaved."""
    random = np.random.default_rng(0)
    ground = random.integers(0, 255, (96, 400, 3)).astype(np.uint8)
    frames = [ground[:, 3 * i : 3 * i + 128] for i in range(60)]
    path = tmp_path_factory.mktemp("mp4") / "clip.mp4"
    write_video(path, frames, audio=random.uniform(-0.5, 0.5, 60 * 640).astype(np.float32))
    return path.read_bytes()


def test_every_picture_lies_where_a_demuxer_finds_it(mp4: bytes) -> None:
    index = picture_index(mp4)
    with av.open(io.BytesIO(mp4), "r") as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert index.parameters == stream.codec_context.extradata
    assert [packet.pos for packet in packets] == index.begins.tolist()
    assert [packet.size for packet in packets] == (index.ends - index.begins).tolist()
    assert [packet.is_keyframe for packet in packets] == index.is_key.tolist()
    assert np.argsort(np.argsort([packet.pts or 0 for packet in packets])).tolist() == index.shown_at.tolist()
    assert np.flatnonzero(index.is_key).tolist() == [0, 25, 50]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_broken_index_is_a_media_error_or_an_index_inside_the_file(mp4: bytes, data: st.DataObject) -> None:
    head = mp4.index(b"mdat")
    broken = bytearray(mp4)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, head - 1))] = data.draw(st.integers(0, 255))
    try:
        index = picture_index(bytes(broken))
    except MediaError:
        return
    assert ((index.begins >= 0) & (index.ends <= len(broken))).all()
    assert sorted(index.shown_at.tolist()) == list(range(len(index.ends)))


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0, 0.99))
def test_a_file_that_is_cut_off_says_so(mp4: bytes, share: float) -> None:
    with pytest.raises(MediaError) as raised:
        picture_index(mp4[: int(share * picture_index(mp4).ends.max())])
    assert raised.value.reason == "truncated"


@pytest.mark.parametrize("content", [b"", b"not a film", encode_flac(np.zeros(4000, np.float32))])
def test_what_is_no_mp4_is_a_media_error(content: bytes) -> None:
    with pytest.raises(MediaError):
        picture_index(content)


def test_an_mp4_without_pictures_is_a_media_error(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16_000
        container.mux([*stream.encode(silence), *stream.encode(None)])
    with pytest.raises(MediaError):
        picture_index((tmp_path / "sound.mp4").read_bytes())
