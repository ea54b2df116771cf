"""Previews are small and play; a source that is damaged, gone or hangs costs its own preview and nothing else."""

import os
import time
from pathlib import Path

from curate.media import probe, read_audio
from curate.previews import LONGEST_S, SIDE_PX, PreviewTask, local_file
from pipelines.previews import make_previews


def a_task(name: str, source: Path, *, start_s: float = 0.0, end_s: float = 4.0) -> PreviewTask:
    return PreviewTask(clip_id=name, source=source, start_s=start_s, end_s=end_s)


def test_hostile_sources_cost_only_their_own_preview(tmp_path: Path, face_video: Path) -> None:
    damaged, hanging = tmp_path / "damaged.mp4", tmp_path / "hanging.mp4"
    damaged.write_bytes(face_video.read_bytes()[:2000])
    os.mkfifo(hanging)  # whoever opens it waits for a writer that never comes
    tasks = [
        a_task("hanging", hanging),
        a_task("damaged", damaged),
        a_task("gone", tmp_path / "gone.mp4"),
        a_task("beyond", face_video, start_s=50.0, end_s=55.0),
        a_task("whole", face_video),
        a_task("part", face_video, start_s=1.0, end_s=2.0),
    ]
    previews = make_previews(tasks, log_file=tmp_path / "log.txt")
    assert set(previews) == {"whole", "part"}
    for name, seconds in (("whole", LONGEST_S), ("part", 1.0)):
        info = probe(previews[name])
        assert (max(info.width, info.height), info.codec, info.has_audio) == (SIDE_PX, "h264", True)
        assert abs((info.duration_s or 0) - seconds) < 0.05
        assert abs(read_audio(previews[name])).max() > 0.1


def test_the_report_waits_no_longer_than_it_is_told(tmp_path: Path) -> None:
    tasks = []
    for number in range(40):
        os.mkfifo(tmp_path / f"{number}.mp4")
        tasks.append(a_task(str(number), tmp_path / f"{number}.mp4"))
    begun = time.monotonic()
    assert make_previews(tasks, log_file=tmp_path / "log.txt", all_s=0.5) == {}
    # each of them hangs until it is stopped and a new worker starts: 20 s of budgets alone, were they waited for
    assert time.monotonic() - begun < 8


def test_only_files_of_this_machine_are_previewed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert local_file(str(tmp_path / "a.mp4")) == tmp_path / "a.mp4"
    for uri in (str(tmp_path / "b.mp4"), str(tmp_path), str(tmp_path / "pipe.mp4"), "https://host.invalid/a.mp4"):
        assert local_file(uri) is None
    assert local_file("s3://bucket/a.mp4") is None
    assert local_file("/" + "x" * 5000) is None
