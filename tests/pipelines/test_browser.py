"""Clips play in a real browser, the report shows all of its own without an error, and strangers' text stays text."""

import http.server
import os
import queue
import re
import shutil
import subprocess
import threading
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.media_writing import write_video
from curate.page import Section, Video, render
from evaluate.report_clips import clips_to_show
from tests.conftest import pan, pulsed_tone
from tests.curate.test_report import a_clip, make_run, report_of
from tests.evaluate.test_report import HOSTILE, a_system, page_of

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")

PLAY_AND_SAY = """
<script>
const video = document.querySelector("video");
const say = text => fetch("/said?" + encodeURIComponent(text));
video.muted = true;
video.addEventListener("error", () => say("error " + video.error.message));
video.addEventListener("ended", () => say(
  `ended ${video.videoWidth}x${video.videoHeight} ${video.duration.toFixed(1)} ${document.title}`));
video.play().catch(error => say("refused " + error));
</script>
"""

LISTEN = """
<script>
const errors = [];
window.addEventListener("error", event => errors.push(event.message || event.target.outerHTML.slice(0, 80)), true);
console.error = (...words) => errors.push(words.join(" "));
</script>
"""
LOOK_AND_SAY = """
<script>
const seen = video => new Promise(done => {
  video.preload = "auto";
  video.addEventListener("seeked", () => done(
    `${video.readyState >= 2 && video.duration > 0 && video.videoWidth > 0 ? "plays" : "dead"}`));
  video.addEventListener("error", () => done("dead"));
  const seek = () => { video.currentTime = video.duration / 2; };
  if (video.readyState >= 1) seek(); else video.addEventListener("loadedmetadata", seek);
});
addEventListener("load", async () => {
  const states = await Promise.all([...document.querySelectorAll("video")].map(seen));
  const outside = performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:"));
  const wide = document.documentElement.scrollWidth > innerWidth ? "wide" : "fits";
  const drawn = [...document.querySelectorAll("svg")].filter(svg => svg.getBoundingClientRect().height > 20).length;
  fetch("/said?" + encodeURIComponent(
    `${states.filter(state => state === "plays").length} of ${states.length} play, ` +
    `${drawn} of ${document.querySelectorAll("svg").length} drawn, ${outside.length} fetched, ${wide}, ` +
    `errors: ${errors.join("; ")}`));
});
</script>
"""


def what_the_browser_says(page: str, folder: Path) -> str:
    """Serve the page on this machine, open it in the browser, and return what its script reports."""
    said: queue.Queue[str] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/said":
                said.put(urllib.parse.unquote(query))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode() if path == "/" else b"")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        command = [str(BROWSER), *options, f"--user-data-dir={folder}", "--autoplay-policy=no-user-gesture-required"]
        command.append(f"http://127.0.0.1:{server.server_address[1]}/")
        browser = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"HOME": str(folder)})
        try:
            return said.get(timeout=60)
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()


def test_a_clip_plays_to_its_end_on_a_page_that_escapes_strangers(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    write_video(tmp_path / "clip.mp4", pan(portrait, 50), audio=pulsed_tone(2.0))
    caption = "<script>document.title='taken over'</script>.mp4"
    clip = Video(source=(tmp_path / "clip.mp4").read_bytes(), caption=caption)
    page = render("Report", [Section(title="Clips", videos=[clip])]).replace("</body>", PLAY_AND_SAY + "</body>")
    assert what_the_browser_says(page, tmp_path / "profile") == "ended 384x384 2.0 Report"


def test_the_reports_clips_and_drawings_show_without_an_error(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    write_video(tmp_path / "clip.mp4", pan(portrait, 50), audio=pulsed_tone(2.0))
    video, uri = (tmp_path / "clip.mp4").read_bytes(), "/videos/<img src=x onerror=alert(1)>.mp4"
    clips = [a_clip(n, uri=uri, video=video, speech_ratio=n / 9, duration_s=2.0 + n) for n in range(9)]
    run = make_run(tmp_path / "run", [(uri, clips), ("/videos/broken.mp4", "<script>alert(1)</script>" * 50)])
    drops = [clip["clip_id"] for clip in clips if clip["dropped_by"]]
    page = report_of(run, tmp_path / "report.html", previews=dict.fromkeys(drops, video))
    heard = page.replace("<head>", "<head>" + LISTEN).replace("</body>", LOOK_AND_SAY + "</body>")
    shown, drawings = len(re.findall("<video", page)), len(re.findall("<svg", page))
    assert shown == 9
    assert drawings >= 8
    said = what_the_browser_says(heard, tmp_path / "profile")
    assert said == f"{shown} of {shown} play, {drawings} of {drawings} drawn, 0 fetched, fits, errors: "


def test_the_evaluations_clips_and_drawings_show_without_an_error(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    write_video(tmp_path / "clip.mp4", pan(portrait, 50), audio=pulsed_tone(2.0))
    peaks = {"one.mp4": 0.5, "two.mp4": 0.6, f"{HOSTILE}.mp4": 0.1}
    systems = [a_system("ours", peaks), a_system(HOSTILE, peaks, failed=["broken.mp4"])]
    previews = dict.fromkeys(clips_to_show(systems), (tmp_path / "clip.mp4").read_bytes())
    page = page_of(systems, tmp_path, previews=previews)
    heard = page.replace("<head>", "<head>" + LISTEN).replace("</body>", LOOK_AND_SAY + "</body>")
    shown, drawings = len(re.findall("<video", page)), len(re.findall("<svg", page))
    assert shown == 2 * (3 + 2)
    assert drawings == 2 + shown + 4 + 3
    said = what_the_browser_says(heard, tmp_path / "profile")
    assert said == f"{shown} of {shown} play, {drawings} of {drawings} drawn, 0 fetched, fits, errors: "
