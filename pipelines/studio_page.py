"""The page: its parts, how they look, and what pressing the button does."""

import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from curate.errors import EmoforgeError
from pipelines import studio_html as html
from pipelines.studio_request import Wish
from pipelines.studio_style import COLOURS, CSS, MONOSPACED_FONTS, SYSTEM_FONTS
from pipelines.studio_work import OnFrame, Progress, Worker

if TYPE_CHECKING:
    from pipelines.studio_scores import Score

PICTURE_PX = 280
LOOK_AT_VIDEO = "() => { document.querySelector('#status').scrollIntoView({behavior: 'smooth', block: 'nearest'}); }"
VISITORS = 8  # that wait for their video at once; the worker makes one after the other
ON_THE_PAGE = {"--box": "Settings, Face box:", "--consent-ref": "the consent reference"}
FORGET_AFTER_S = 3600  # a visitor's files
AUDIO_GUIDANCE = "How strongly the voice is followed; 1 is none, and faster."
REFERENCE_GUIDANCE = "The same for the portrait; 1 unless the model was trained for it."
UNLEARNED_SPEED = "Not for this model: it has not been trained on stage speed."


@dataclass(frozen=True, kw_only=True)
class Made:
    """A video, what to say about it, and how long it took."""

    video: Path
    n_frames: int
    seconds: float
    statement: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What the model can do, and the values that the controls begin with."""

    model: str
    start: Wish
    schedulers: tuple[str, ...]
    has_speed: bool
    can_say: bool


Make = Callable[[Wish, Path, OnFrame], Made]  # into a folder
Measure = Callable[[Path, Path], "tuple[Score, ...]"]  # a video, against its portrait
Shown = dict[Any, Any]  # part of the page -> its new value


def build_page(offer: Offer, *, make: Make, score: Measure, worker: Worker) -> gr.Blocks:
    """Return the page; it makes and scores one video at a time."""
    page = gr.Blocks(title="emoforge studio", analytics_enabled=False, delete_cache=(600, FORGET_AFTER_S))
    with page:
        gr.HTML(html.header(offer.model), padding=False)
        with gr.Row(elem_id="desk"):
            with gr.Column(min_width=300):
                asked, begin, stop = _questions(offer)
            with gr.Column(min_width=300):
                answers = _answers()
        _connect(asked, begin, stop, answers, _Maker(make=make, score=score, worker=worker, shown=answers))
    page.queue(max_size=VISITORS)
    return page


def launch_settings() -> dict[str, Any]:
    """How the page is served: no share link, no history, no outside fonts, small uploads."""
    return {
        "theme": gr.themes.Base(font=SYSTEM_FONTS, font_mono=MONOSPACED_FONTS).set(**COLOURS),
        "css": CSS,
        "share": False,
        "quiet": True,
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": True,
        "max_file_size": "100mb",
        "enable_monitoring": False,
        "mcp_server": False,
    }


def _questions(offer: Offer) -> tuple[dict[str, Any], gr.Button, gr.Button]:
    asked: dict[str, Any] = {
        "portrait": _portrait(),
        "voice": gr.Audio(
            label="Voice",
            sources=["upload"],
            type="filepath",
            editable=False,
            buttons=[],
            elem_id="voice",
        ),
        "words": gr.Textbox(
            label="… or words to say",
            max_lines=6,
            visible=offer.can_say,
            placeholder="Spoken by this machine's speech program",
            elem_id="words",
        ),
        "consent": gr.Textbox(
            label="Consent reference",
            max_lines=1,
            info="Where it is recorded that this person agreed; it is written into the video.",
            elem_id="consent",
        ),
    }
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        asked |= _settings(offer)
    with gr.Row(elem_id="buttons"):
        begin = gr.Button("Make the video", variant="primary", scale=3, min_width=140, elem_id="go")
        stop = gr.Button("Stop", scale=1, min_width=80, interactive=False, elem_id="stop")
    return asked, begin, stop


def _portrait() -> gr.Image:
    """An image that gives its file on as it is: reading it, and saying what is wrong with it, is the sampler's."""
    image = gr.Image(
        label="Portrait", sources=["upload"], type="filepath", height=PICTURE_PX, buttons=[], elem_id="portrait"
    )
    vars(image)["preprocess"] = lambda payload: payload.path if payload else None  # gradio's own would open it
    return image


def _settings(offer: Offer) -> dict[str, Any]:
    start = offer.start
    speed = "Degrees a frame; 0.5 is a calm speaker's." if offer.has_speed else UNLEARNED_SPEED
    with gr.Row():
        steps = _slider(1, 100, start.steps, step=1, label="Steps", info="More is slower and finer.")
        scheduler = gr.Dropdown(
            list(offer.schedulers), value=start.scheduler, label="Scheduler", info="How the steps are taken."
        )
    with gr.Row():
        audio = _slider(0, 10, start.audio_guidance, step=0.1, label="Audio guidance", info=AUDIO_GUIDANCE)
        reference = _slider(
            0, 10, start.reference_guidance, step=0.1, label="Reference guidance", info=REFERENCE_GUIDANCE
        )
    with gr.Row():
        speed_deg = _slider(0, 5, start.speed_deg, step=0.1, label="Head speed", info=speed, elem_id="speed")
        speed_deg.interactive = offer.has_speed
        seed = gr.Number(start.seed, precision=0, minimum=0, label="Seed", info="Same seed, same video.")
    face_box = gr.Textbox(
        label="Face box",
        max_lines=1,
        placeholder="left, top, right, bottom in px",
        info="Only for a drawn or painted face that is not found.",
        elem_id="face_box",
    )
    paste_back = gr.Checkbox(label="Put the face back into the whole picture", elem_id="paste_back")
    return {
        "steps": steps,
        "scheduler": scheduler,
        "audio_guidance": audio,
        "reference_guidance": reference,
        "speed_deg": speed_deg,
        "seed": seed,
        "face_box": face_box,
        "paste_back": paste_back,
    }


def _slider(lowest: float, highest: float, value: float | None, **more: Any) -> gr.Slider:
    """A slider that reaches the value that it begins with."""
    return gr.Slider(lowest, max(highest, value or 0), value, **more)


@dataclass(frozen=True, kw_only=True)
class _Answers:
    video: Any
    status: Any
    download: Any
    statement: Any
    scores: Any

    def cleared(self, status: str) -> Shown:
        """Show nothing but a status."""
        hidden = gr.update(visible=False)
        return {self.video: None, self.status: status, self.download: hidden, self.statement: "", self.scores: ""}

    def made(self, made: Made) -> Shown:
        """Show a video and what it is."""
        video = str(made.video)
        return {
            self.video: video,
            self.download: gr.update(value=video, visible=True),
            self.statement: html.statement(made.statement),
        }


def _answers() -> _Answers:
    video = gr.Video(label="Video", height=PICTURE_PX, buttons=[], interactive=False, elem_id="video")
    status = gr.HTML(html.idle(), padding=False, elem_id="status")
    download = gr.DownloadButton("Download the video", visible=False, elem_id="download")
    statement = gr.HTML(padding=False, elem_id="statement")
    scores = gr.HTML(padding=False, elem_id="scores")
    return _Answers(video=video, status=status, download=download, statement=statement, scores=scores)


def _connect(asked: dict[str, Any], begin: gr.Button, stop: gr.Button, answers: _Answers, maker: "_Maker") -> None:
    """Make the buttons work: one begins, the other ends what was begun."""

    def working(now: bool) -> Shown:
        return {begin: gr.update(interactive=not now), stop: gr.update(interactive=now)}

    def go(*values: Any) -> Iterator[Shown]:
        wish = Wish(**dict(zip(asked, values, strict=True)))
        yield answers.cleared(html.busy("Making the video")) | working(True)
        yield from maker.answers(wish)
        yield working(False)

    def ended() -> Shown:
        return {answers.status: html.idle("Stopped.")} | working(False)

    outputs = [*vars(answers).values(), begin, stop]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    going = begin.click(go, list(asked.values()), outputs, concurrency_limit=VISITORS, **quiet)
    begin.click(None, js=LOOK_AT_VIDEO, **quiet)
    stop.click(ended, None, outputs, cancels=[going], queue=False, **quiet)


@dataclass(frozen=True, kw_only=True)
class _Maker:
    """Makes a wish's video and scores it, telling the page how far it is."""

    make: Make
    score: Measure
    worker: Worker
    shown: _Answers

    def answers(self, wish: Wish) -> Iterator[Shown]:
        """Yield what to show: the progress, then the video, then its scores, or an error."""
        with tempfile.TemporaryDirectory(prefix="emoforge-studio-", ignore_cleanup_errors=True) as folder:
            try:
                made = yield from self._making(wish, Path(folder))
            except EmoforgeError as error:
                yield self.shown.cleared(html.failed("No video was made.", _own_words(error, wish)))
                return
            yield self.shown.made(made)
            try:
                scores = yield from self._scoring(made.video, Path(str(wish.portrait)))
            except EmoforgeError as error:
                yield {self.shown.status: html.failed("The video was made but not measured.", _own_words(error, wish))}
                return
            yield {self.shown.status: html.done(made.n_frames, made.seconds), self.shown.scores: html.scores(scores)}

    def _making(self, wish: Wish, folder: Path) -> Generator[Shown, None, Made]:
        return self.worker.watch(
            lambda on_frame: self.make(wish, folder, on_frame), lambda at: self._busy("Making the video", at)
        )

    def _scoring(self, video: Path, portrait: Path) -> "Generator[Shown, None, tuple[Score, ...]]":
        return self.worker.watch(
            lambda _: self.score(video, portrait), lambda at: self._busy("Measuring the video", at)
        )

    def _busy(self, what: str, at: Progress | None) -> Shown:
        return {self.shown.status: html.busy(what, at)}


def _own_words(error: EmoforgeError, wish: Wish) -> str:
    """The error in the page's words: its own parts for flags, and files by the visitor's names for them."""
    said = str(error)
    for flag, part in ON_THE_PAGE.items():
        said = said.replace(flag, part)
    for file in (wish.portrait, wish.voice):
        if file:
            said = said.replace(file, Path(file).name)
    return said
