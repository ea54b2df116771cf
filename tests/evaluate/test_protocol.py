"""Fingerprints: equal for equal protocols, and different as soon as anything differs."""

from evaluate.protocol import feature_protocol, fingerprint


def test_the_order_of_keys_does_not_matter_and_every_value_does() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2}}) == fingerprint({"b": {"c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_frames_and_weights_are_part_of_it() -> None:
    protocol = feature_protocol("fd_efficientnet_lite0", max_frames=32)
    assert fingerprint(protocol) != fingerprint(feature_protocol("fd_efficientnet_lite0", max_frames=16))
    assert set(protocol["weights"]) == {"efficientnet_lite0"}
    assert protocol["versions"]["torch"]
