"""Configuration: YAML, then flags; typed; what is unknown is an error that suggests the nearest name."""

import argparse
import importlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from curate.errors import ConfigError
from curate.records import Threshold
from pipelines.config import _fields, add_flags, build, option, parse, to_values
from pipelines.curate_config import CurateConfig


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A group."""

    rate: float = option(0.5, "learning rate")


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A configuration with every kind of field."""

    steps: int = option(10, "steps")
    name: str | None = option(None, "a name")
    fast: bool = option(False, "a switch")
    parts: list[str] = option(["a"], "names")
    keep: dict[str, Threshold] = option({"x": Threshold(min=1.0)}, "thresholds")
    inner: Inner = field(default_factory=Inner)


def parsed(*argv: str) -> Outer:
    parser = argparse.ArgumentParser(prog="emoforge test", allow_abbrev=False)
    parser.add_argument("--out")
    add_flags(parser, Outer)
    return parse(parser, list(argv), Outer)[1]


def test_defaults_then_yaml_then_flags(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("steps: 20\ninner: {rate: 0.25}\nkeep: {y: {max: 3}}\n")
    assert parsed() == Outer()
    from_yaml = parsed("--config", str(file))
    assert (from_yaml.steps, from_yaml.inner.rate) == (20, 0.25)
    assert from_yaml.keep == {"x": Threshold(min=1.0), "y": Threshold(max=3.0)}
    both = parsed("--config", str(file), "--steps", "30", "--inner.rate", "1e-4", "--keep.x.min", "4", "--fast", "true")
    assert (both.steps, both.inner.rate, both.fast) == (30, 1e-4, True)
    assert both.keep["x"] == Threshold(min=4.0)


def test_a_flag_can_close_or_open_a_threshold() -> None:
    assert parsed("--keep.x.min", "null", "--keep.x.max=2").keep["x"] == Threshold(max=2.0)
    assert parsed("--parts", "[b, c]").parts == ["b", "c"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--stps", "3"], "did you mean --steps"),
        (["--inner.rat", "3"], "did you mean --inner.rate"),
        (["--steps", "many"], "steps: .*integer.*'many'"),
        (["--steps", "1.5"], "steps"),
        (["--fast", "perhaps"], "fast"),
        (["--keep.x.mn", "3"], "unknown key keep.x.mn; did you mean 'min'"),
        (["--keep.x.min"], "needs a value"),
        (["--keep.x", "3"], "keep.x"),
        (["stray"], "unexpected argument 'stray'"),
        (["--name", "[1, 2"], "can't read the value"),
    ],
)
def test_what_is_wrong_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parsed(*argv)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz: 3", "unknown key stepz; did you mean 'steps'"),
        ("inner: {raet: 3}", "unknown key inner.raet; did you mean 'rate'"),
        ("inner: 3", "inner must hold keys"),
        ("- a list", "must hold keys and values"),
        ("a: [", "is not YAML"),
        ("steps: !!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        parsed("--config", str(file))
    assert "bad.yaml" in str(raised.value)


def test_values_round_trip() -> None:
    config = parsed("--steps", "7", "--keep.z.max", "2")
    assert build(Outer, to_values(config), where="test") == config


@pytest.mark.parametrize("name", [path.stem for path in sorted(Path("configs").glob("*.yaml"))])
def test_the_files_in_configs_are_complete_and_true(name: str) -> None:
    """Each names every key; a stage's file (train_video) differs from the defaults, a command's own file doesn't."""
    command = importlib.import_module(f"pipelines.{name.split('_')[0]}")
    values = yaml.safe_load(Path(f"configs/{name}.yaml").read_text())
    config = build(command.CONFIG, values, where=name)
    for key, _, _ in _fields(command.CONFIG):
        place = values
        for part in key.split("."):
            assert part in place, f"configs/{name}.yaml lacks {key}"
            place = place[part]
    if "_" not in name:
        assert config == command.CONFIG()


def test_table_flags_may_stand_before_the_inputs() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("sources", nargs="+")
    add_flags(parser, CurateConfig)
    args, settings = parse(parser, ["--keep.sharpness.min", "9", "a.mp4", "b.mp4", "--keep.snr.max=3"], CurateConfig)
    assert args.sources == ["a.mp4", "b.mp4"]
    assert (settings.keep["sharpness"].min, settings.keep["snr"].max) == (9, 3)
