"""The chain that talking-head recipes run step by step, for benchmarks/curate_speed.py; runs in a Python that has
mediapipe, scenedetect, av and opencv (so that they need not be emoforge's dependencies).

Per video: resample to 25 fps into a file, PySceneDetect's adaptive detector on that file, MediaPipe's face landmarks on
every frame of it, and for each shot a 512 px crop around the face, encoded. Prints one JSON line.
"""

import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import av
import cv2
import mediapipe
import numpy as np
import scenedetect
from mediapipe.tasks.python import BaseOptions, vision

STEPS = ("resample", "shots", "landmarks", "crop_and_encode")
X264 = {"crf": "18", "preset": "veryfast", "x264-params": "keyint=25:scenecut=0"}


def main() -> None:
    """Arguments: model, number of processes, videos."""
    model, processes, *videos = sys.argv[1:]
    began = time.perf_counter()
    with multiprocessing.Pool(int(processes), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        done = pool.starmap(curate, [(video, model) for video in videos], chunksize=1)
    steps: Counter[str] = Counter()
    for seconds in done:
        steps.update(seconds)
    print(json.dumps({"wall_s": time.perf_counter() - began, "steps": dict(steps)}))


def curate(video: str, model: str) -> dict[str, float]:
    """Return the seconds of each step."""
    with tempfile.TemporaryDirectory() as folder:
        even = Path(folder) / "25fps.mp4"
        marks = [time.perf_counter()]
        resample(video, even)
        marks.append(time.perf_counter())
        shots = [(a.frame_num, b.frame_num) for a, b in scenedetect.detect(str(even), scenedetect.AdaptiveDetector())]
        marks.append(time.perf_counter())
        boxes = landmarks(even, model)
        marks.append(time.perf_counter())
        crop_and_encode(even, shots or [(0, len(boxes))], boxes, Path(folder))
        marks.append(time.perf_counter())
    return dict(zip(STEPS, np.diff(marks).tolist(), strict=True))


def resample(video: str, target: Path) -> None:
    """As `ffmpeg -r 25` does it: the fps filter, x264 and the sound at 16 kHz."""
    with av.open(video) as source, av.open(str(target), "w") as out:
        stream = source.streams.video[0]
        stream.thread_count = 1
        graph = av.filter.Graph()
        graph.link_nodes(graph.add_buffer(template=stream), graph.add("fps", "25"), graph.add("buffersink")).configure()
        to = out.add_stream("libx264", rate=25, options=X264)
        to.width, to.height, to.pix_fmt = stream.width // 2 * 2, stream.height // 2 * 2, "yuv420p"
        to.codec_context.thread_count = 1
        for frame in [*source.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    even = graph.vpull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                even.pict_type = 0
                out.mux(to.encode(even))
        out.mux(to.encode(None))


def landmarks(video: Path, model: str) -> list[tuple[float, float, float, float] | None]:
    """Return the box of the first face of every frame."""
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=model), running_mode=vision.RunningMode.VIDEO, num_faces=2
    )
    boxes = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for number, frame in enumerate(frames(video)):
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            faces = landmarker.detect_for_video(image, number * 40).face_landmarks
            points = np.array([[p.x * rgb.shape[1], p.y * rgb.shape[0]] for p in faces[0]]) if faces else None
            boxes.append(None if points is None else (*points.min(axis=0), *points.max(axis=0)))
    return boxes


def crop_and_encode(video: Path, shots: list[tuple[int, int]], boxes: list, folder: Path) -> None:
    """Write a 512 px crop around the face's median box for each shot that has one."""
    images = enumerate(frames(video))
    for begin, end in shots:
        seen = [box for box in boxes[begin:end] if box is not None]
        if not seen:
            continue
        left, top, right, bottom = np.median(seen, axis=0)
        with av.open(str(folder / f"{begin}.mp4"), "w") as out:
            stream = out.add_stream("libx264", rate=25, options=X264)
            stream.width = stream.height = 512
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for number, image in images:
                if number < begin:
                    continue
                half = int(0.9 * max(right - left, bottom - top))
                x, y = int(left + right) // 2, int(top + bottom) // 2
                square = image[max(0, y - half) : y + half, max(0, x - half) : x + half]
                picture = av.VideoFrame.from_ndarray(cv2.resize(square, (512, 512)), format="bgr24")
                out.mux(stream.encode(picture.reformat(format="yuv420p", threads=1)))
                if number + 1 >= end:
                    break
            out.mux(stream.encode(None))


def frames(video: Path):
    """Yield BGR frames, as OpenCV gives them."""
    capture = cv2.VideoCapture(str(video))
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield frame


if __name__ == "__main__":
    main()
