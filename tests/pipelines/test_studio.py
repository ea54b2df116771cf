"""The page: a visitor's wishes as requests, work that is watched and ended, and real clicks in a headless browser."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from curate.errors import EmoforgeError
from evaluate.protocol import plugin_module
from pipelines import studio_html as html
from pipelines.__main__ import main
from pipelines.sample_config import SampleConfig
from pipelines.sound_files import write_wav
from pipelines.studio_request import Wish, settings_of, to_request, wish_of
from pipelines.studio_scores import MEANINGS, Score, score
from pipelines.studio_work import OnFrame, Progress, Worker
from tests.conftest import pulsed_tone
from tests.pipelines.test_speak import program
from tests.train.drawn import write_corpus

if TYPE_CHECKING:
    from playwright.sync_api import Page

T = TypeVar("T")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def wish() -> Wish:
    return replace(wish_of(SampleConfig(), speed_deg=0.5), portrait="/in/face.png", voice="/in/voice.wav")


def test_what_the_page_begins_with_is_the_configuration() -> None:
    config = SampleConfig(steps=7, audio_guidance=2.5, seed=3)
    assert settings_of(wish_of(config, speed_deg=0.5), config) == config


def test_a_wish_becomes_a_request(wish: Wish, tmp_path: Path) -> None:
    asked = replace(wish, face_box=" 10, 20,30.5,40 ", seed=7.0, speed_deg=1.5, consent=" form 17 ", paste_back=True)
    request = to_request(asked, tmp_path, has_speed=True, speech_command=None)
    assert (request.portrait, request.audio) == (Path("/in/face.png"), Path("/in/voice.wav"))
    assert request.out.parent == tmp_path
    assert request.box == (10, 20, 30.5, 40)
    assert (request.seed, request.consent_ref, request.paste_back) == (7, "form 17", True)
    assert float(str(request.speed_deg)) == 1.5
    assert settings_of(replace(wish, steps=3, audio_guidance=2), SampleConfig()).steps == 3


def test_a_model_without_head_speed_is_asked_for_none(wish: Wish, tmp_path: Path) -> None:
    assert to_request(wish, tmp_path, has_speed=False, speech_command=None).speed_deg is None


def test_words_are_spoken_into_the_videos_own_folder(wish: Wish, tmp_path: Path) -> None:
    code = "import shutil, sys; shutil.copy(sys.argv[2], sys.argv[1])"
    write_wav(tmp_path / "as.wav", pulsed_tone(0.5)[None], 16_000)
    command = f"{program(tmp_path, code)} {{out}} {tmp_path / 'as.wav'}"
    asked = replace(wish, voice=None, words="hello")
    request = to_request(asked, tmp_path / "folder", has_speed=False, speech_command=command)
    assert request.audio.is_file()
    assert request.audio.parent == tmp_path / "folder"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"portrait": None}, "no portrait"),
        ({"voice": None}, "nothing to speak"),
        ({"voice": None, "words": "  "}, "nothing to speak"),
        ({"words": "hello"}, "both a voice and words"),
        ({"consent": "x" * 501}, "501 characters"),
        ({"face_box": "1,2,3"}, "four numbers"),
        ({"face_box": HOSTILE}, "four numbers"),
        ({"seed": None}, "seed is empty"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": -1}, "seed"),
        ({"seed": float("nan")}, "whole number"),
    ],
)
def test_a_wish_that_cannot_be_met_says_why(
    wish: Wish, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(EmoforgeError, match=complaint):
        to_request(replace(wish, **changes), tmp_path, has_speed=True, speech_command=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"steps": None}, {"steps": 2.5}, {"audio_guidance": None}])
def test_settings_that_cannot_be_are_refused(wish: Wish, changes: dict[str, object]) -> None:
    with pytest.raises(EmoforgeError, match=next(iter(changes)).replace("_", "[_ ]")):
        settings_of(replace(wish, **changes), SampleConfig())  # type: ignore[arg-type]


def test_work_tells_how_far_it_is_and_what_came_of_it() -> None:
    seen = threading.Event()

    def work(on_frame: OnFrame) -> str:
        on_frame(0, 50)
        on_frame(10, 50)
        seen.wait(20)
        return "made"

    told: list[Progress | None] = []
    watching = Worker().watch(work, told.append)
    while not told or told[-1] is None:
        next(watching)
    seen.set()
    assert returned(watching) == "made"
    last = told[-1]
    assert last is not None
    assert (last.done, last.total) == (10, 50)
    assert last.left_s is not None
    assert last.left_s > 0


def returned(watching: Generator[object, None, T]) -> T:
    while True:
        try:
            next(watching)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EmoforgeError("no face"), "^no face$"),
        (RuntimeError("CUDA out of memory\ndetails"), r"not foreseen \(RuntimeError: CUDA out of memory\)"),
        (MemoryError(), r"not foreseen \(MemoryError: "),
    ],
)
def test_whatever_goes_wrong_comes_as_one_sentence(error: BaseException, said: str) -> None:
    def work(on_frame: OnFrame) -> None:
        raise error

    with pytest.raises(EmoforgeError, match=said):
        list(Worker().watch(work, lambda progress: progress))


def test_work_that_nobody_waits_for_ends_at_its_next_frame() -> None:
    worker, frames = Worker(), iter(range(10_000))
    ended = threading.Event()

    def work(on_frame: OnFrame) -> None:
        try:
            for frame in frames:
                on_frame(frame, 10_000)
                time.sleep(0.01)
        finally:
            ended.set()

    watching = worker.watch(work, lambda progress: progress)
    next(watching)
    watching.close()
    assert ended.wait(20)
    assert next(frames) < 10_000
    assert list(worker.watch(lambda on_frame: None, lambda progress: progress)) in ([], [None])  # and the next begins


def test_a_closed_worker_ends_its_work() -> None:
    worker = Worker()

    def work(on_frame: OnFrame) -> None:
        while True:
            on_frame(1, 2)
            time.sleep(0.01)

    next(worker.watch(work, lambda progress: progress))
    worker.close()  # returns when the work has ended


def test_what_strangers_wrote_stays_text() -> None:
    row = Score(name=HOSTILE, title=HOSTILE, value=1.0, meaning=HOSTILE, higher_is_better=True)
    pieces = (
        html.header(HOSTILE),
        html.busy(HOSTILE),
        html.failed(HOSTILE, HOSTILE),
        html.statement([HOSTILE]),
        html.scores([row, replace(row, value=None, absent=HOSTILE)]),
    )
    assert all("<img" not in piece and "&lt;img" in piece for piece in pieces)


def test_a_videos_scores_are_those_of_evaluate(
    face_video: Path, portrait: NDArray[np.uint8], tmp_path: Path, face_weights: None
) -> None:
    Image.fromarray(portrait).save(tmp_path / "face.png")
    rows = {row.name: row for row in score(face_video, tmp_path / "face.png")}
    assert set(rows) == {*MEANINGS, "sharpness"}
    assert rows["identity_similarity"].value == pytest.approx(1.0, abs=0.02)
    assert rows["colour_drift"].higher_is_better is False
    shown = html.scores(rows.values())
    assert all(row.title in shown for row in rows.values())
    measured = [row for row in rows.values() if row.value is not None]
    assert shown.count("data-score") == len(measured) >= 6


def test_without_gradio_the_way_to_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "gradio" else real(name, *a))
    assert main(["studio", "--checkpoint", str(tmp_path), "--port", str(free_port())]) == 2
    assert "pip install 'emoforge[studio]'" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "70000", "taken"])
def test_a_port_that_cannot_be_is_refused_before_the_model_is_loaded(
    tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = str(other.getsockname()[1]) if port == "taken" else port
        assert main(["studio", "--checkpoint", str(tmp_path / "nowhere"), "--port", number]) == 2
    said = capsys.readouterr().err
    assert number in said
    assert "--port" in said


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def talking_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model after a step of stage video, which has not learned head speed."""
    folder = tmp_path_factory.mktemp("talking")
    corpus = write_corpus(folder / "corpus", clips=1, n_frames=40)
    argv = ["train", "--shards", corpus.place, "--stage", "video", "--out", str(folder / "model")]
    assert main([*argv, "--steps", "1", "--batch_size", "1"]) == 0
    return folder / "model"


@pytest.fixture(scope="module")
def studio(talking_model: Path, tmp_path_factory: pytest.TempPathFactory, face_weights: None) -> Iterator[str]:
    """The address of the command's page, in a process whose temporary files must be gone when it ends."""
    pytest.importorskip("gradio", reason="the page needs the extra emoforge[studio]")
    scratch = tmp_path_factory.mktemp("studio")
    port = free_port()
    command = [sys.executable, "-m", "pipelines", "studio", "--checkpoint", str(talking_model), "--port", str(port)]
    command += ["--steps", "1", "--audio_guidance", "1", "--size_px", "128"]
    environment = os.environ | {"TMPDIR": str(scratch)}
    with (scratch / "log.txt").open("w+") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            address = said_address(scratch / "log.txt", server)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
    assert not list(scratch.glob("emoforge-*")), "uploads and videos are cleared away"


def said_address(log: Path, server: "subprocess.Popen[bytes]") -> str:
    while server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"emoforge studio ended: {log.read_text()}")


@pytest.fixture(scope="module")
def asked_for() -> list[str]:
    """The addresses that the browser has asked for something."""
    return []


@pytest.fixture(scope="module")
def page(studio: str, asked_for: list[str]) -> Iterator["Page"]:
    """The page in a headless browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="clicking in a browser needs playwright")
    if BROWSER is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked_for.append(request.url))
        page.goto(studio)
        page.wait_for_selector("#go")
        yield page
        browser.close()


@pytest.fixture
def inputs(tmp_path: Path, portrait: NDArray[np.uint8]) -> Path:
    Image.fromarray(portrait).save(tmp_path / "face.png")
    Image.new("RGB", (300, 200), (80, 90, 100)).save(tmp_path / "wall.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "text.wav").write_text("no sound")
    write_wav(tmp_path / "voice.wav", pulsed_tone(1.0)[None], 16_000)
    return tmp_path


def make_video(page: "Page", portrait: Path | None, voice: Path) -> str:
    """Choose the files on a fresh page, press the button, and return the status that it ends with."""
    page.reload()
    page.wait_for_selector("#go")
    for part, file in (("#portrait", portrait), ("#voice", voice)):
        if file is not None:
            page.set_input_files(f"{part} input[type=file]", file)
            page.wait_for_selector(f"{part} [aria-label=Clear], {part} [aria-label='Remove Image']")
    page.fill("#consent textarea, #consent input", f"form 17 {HOSTILE}")
    page.click("#go")
    page.wait_for_selector("#status .done, #status .failed")
    page.wait_for_selector("#go:not([disabled])")
    return page.inner_text("#status")


@pytest.mark.slow
def test_a_portrait_and_a_voice_become_a_video_with_its_scores(
    page: "Page", inputs: Path, asked_for: list[str]
) -> None:
    assert "25 frames" in make_video(page, inputs / "face.png", inputs / "voice.wav")
    page.wait_for_function("document.querySelector('#video video')?.duration > 0")
    assert page.evaluate("document.querySelector('#video video').duration") == pytest.approx(1.0, abs=0.1)
    scores = page.inner_text("#scores")
    assert all(plugin_module("evaluate.metrics", name).TITLE in scores for name in MEANINGS)
    assert "AI-generated" in page.inner_text("#statement")
    assert f"form 17 {HOSTILE}" in page.inner_text("#statement")
    with page.expect_download() as download:
        page.click("#download")
    assert Path(download.value.path()).read_bytes()[4:8] == b"ftyp"
    outside = [url for url in asked_for if not url.startswith((page.url, "data:", "blob:"))]
    assert outside == [], "no font, script or statistics from elsewhere"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "sound", "complaint"),
    [
        ("wall.png", "voice.wav", "no face was found in the portrait wall.png"),
        ("text.png", "voice.wav", "text.png is not a picture"),
        ("face.png", "text.wav", "text.wav can't be used"),
        (None, "voice.wav", "there is no portrait"),
    ],
)
def test_what_cannot_be_used_is_said_on_the_page(
    page: "Page", inputs: Path, picture: str | None, sound: str, complaint: str
) -> None:
    said = make_video(page, inputs / picture if picture else None, inputs / sound)
    assert complaint.lower() in said.lower()
    assert "Traceback" not in said
    assert page.locator("#video video").count() == 0
    assert page.locator("#scores li").count() == 0


@pytest.mark.slow
def test_a_control_that_the_model_lacks_says_so_and_the_page_fits_a_telephone(page: "Page") -> None:
    page.click("#settings button")
    assert "has not been trained on stage speed" in page.inner_text("#speed")
    assert page.locator("#speed input[type=range]").is_disabled()
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
