"""What a list of perturbations asks for, and how a wrong one is answered."""

import av.codec
import pytest

from curate import plugins
from curate.errors import ConfigError
from evaluate.detection.perturbing import PACKAGE, PRESETS, perturbations


def test_the_presets_grow_and_hold_no_double() -> None:
    sizes = [len(PRESETS[name]) for name in ("none", "quick", "standard", "full")]
    assert sizes[0] == 0
    assert 5 <= sizes[1] <= 8
    assert 25 <= sizes[2] <= 32
    assert sizes == sorted(sizes)
    for name, pairs in PRESETS.items():
        assert len(set(pairs)) == len(pairs)
        assert [(p.name, p.severity) for p in perturbations(name)] == list(pairs)


def test_standard_has_every_family_and_full_everything() -> None:
    messengers = {"social_signal", "social_telegram"}
    assert {name for name, _ in PRESETS["standard"]} == set(plugins.names(PACKAGE)) - messengers
    assert {name for name, _ in PRESETS["full"]} == set(plugins.names(PACKAGE))


def test_a_list_names_presets_perturbations_and_severities_each_once_in_its_order() -> None:
    found = perturbations("jpeg:q 30, h264:crf 28,jpeg, none")
    assert [(p.name, p.severity, p.rank, p.level) for p in found] == [
        ("jpeg", "q 30", 5, 30),
        ("h264", "crf 28", 3, 28),
        ("jpeg", "q 95", 1, 95),
        ("jpeg", "q 80", 2, 80),
        ("jpeg", "q 65", 3, 65),
        ("jpeg", "q 50", 4, 50),
    ]
    assert found[0].changes == ("picture",)
    assert found[0].source is None
    assert "yt-dlp" in str(perturbations("social_x:480p")[0].source)


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("h246", "no perturbation 'h246'; did you mean 'h26"),
        ("standart", "did you mean 'standard'"),
        ("h264,", "no perturbation ''; known: none, quick"),
        ("jpeg:q 31", "'jpeg' has no severity 'q 31'; it has: q 95, q 80"),
        ("quick:1", "no perturbation 'quick'"),
    ],
)
def test_a_wrong_list_is_answered_with_what_there_is(spec: str, answer: str) -> None:
    with pytest.raises(ConfigError, match=answer):
        perturbations(spec)


def test_a_missing_encoder_is_named_before_anything_is_perturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = av.codec.Codec

    def without_x265(name: str, mode: str) -> object:
        if name == "libx265":
            raise av.codec.codec.UnknownCodecError(name)
        return real(name, mode)

    monkeypatch.setattr(av.codec, "Codec", without_x265)
    assert perturbations("h264,aac")
    with pytest.raises(ConfigError, match="no encoder 'libx265'"):
        perturbations("h264,h265:crf 33")
