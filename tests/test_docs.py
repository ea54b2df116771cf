"""The docs state what runs: every emoforge command and Python block on every page is executed here, in page order."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from pipelines.__main__ import main

ROOT = Path(__file__).parent.parent
PAGES = ["data-engineers.md", "ml-engineers.md", "safety-teams.md", "evaluate.md"]
QUICK = {"train": ["--steps", "2"], "sample": ["--steps", "2"]}  # what a reader waits for, a test needn't

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return (language, text) of a page's bash and Python blocks."""
    return re.findall(r"```(bash|python)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line) for line in text.replace("\\\n", " ").splitlines() if line.startswith("emoforge ")]


def test_every_page_with_commands_is_listed() -> None:
    with_commands = [
        page.name for page in (ROOT / "docs").glob("*.md") if "```bash" in page.read_text(encoding="utf-8")
    ]
    assert sorted(with_commands) == sorted(PAGES)


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_commands_of_the_docs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face_weights: None, small_sample_corpus: Path
) -> None:
    shutil.copytree(small_sample_corpus, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    try:
        for page in PAGES:
            _run_page(page, tmp_path)
    finally:
        pytest.importorskip("ray").shutdown()


def _run_page(page: str, folder: Path) -> None:
    for language, text in blocks(ROOT / "docs" / page):
        if language == "python":
            exec(compile(text, page, "exec"), {})  # noqa: S102 - our own documentation
            continue
        for command in commands(text):
            assert main([*command[1:], *QUICK.get(command[1], [])]) == 0, f"{page}: {' '.join(command)}"
            if command[1] == "sample":
                (folder / "generated").mkdir(exist_ok=True)
                shutil.copy(folder / "talking.mp4", folder / "generated" / "talking.mp4")


def test_the_kubernetes_job_calls_the_command_as_it_is() -> None:
    """Its entrypoint parses, and its Ray is one that the project allows."""
    import argparse

    import yaml

    from pipelines import config
    from pipelines import curate as command

    job = yaml.safe_load((ROOT / "docs" / "rayjob.yaml").read_text(encoding="utf-8"))
    program, name, *arguments = job["spec"]["entrypoint"].split()
    assert (program, name) == ("emoforge", "curate")
    parser = argparse.ArgumentParser(allow_abbrev=False)
    command.add_arguments(parser)
    config.add_flags(parser, command.CONFIG)
    args, settings = config.parse(parser, arguments, command.CONFIG)
    assert (args.executor, args.ray_address, args.out) == ("ray", "auto", "s3://BUCKET/corpus")
    assert settings.workers.fetchers == 32
    assert tuple(map(int, job["spec"]["rayClusterSpec"]["rayVersion"].split("."))) >= (2, 57)
