"""Named protocols: found under both spellings, made of metrics that exist, and honest about what differs."""

import pytest

from curate import plugins
from curate.errors import ConfigError
from evaluate.protocols.contract import load, names


def test_the_promised_protocols_are_there() -> None:
    promised = {"emo", "pytorch-fid", "torch-fidelity", "torchmetrics", "clean-fid", "stylegan-v", "latentsync"}
    assert promised <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_protocol_is_found_by_both_spellings_and_names_existing_metrics(name: str) -> None:
    protocol = load(name)
    assert protocol.name == name
    assert load(name.replace("-", "_")) is protocol
    plugins.check("evaluate.metrics", list(protocol.metrics))
    assert len(set(protocol.metrics)) == len(protocol.metrics) > 0
    assert protocol.about
    assert protocol.off or name == "emo", "only our own protocol has no original to differ from"


@pytest.mark.parametrize("name", ["contract", "fid", "__init__"])
def test_an_unknown_name_is_answered_with_the_choices(name: str) -> None:
    with pytest.raises(ConfigError, match="known: clean-fid, emo, latentsync, pytorch-fid"):
        load(name)
