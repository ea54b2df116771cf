"""Speed buckets: the paper's formula, and centres that follow the corpus."""

import torch

from train.models.speed_encoder import MIN_RADIUS_DEG, SpeedEncoder


def encoder() -> SpeedEncoder:
    torch.manual_seed(0)
    return SpeedEncoder(buckets=5, context=2, hidden=8, channels=8)


def test_buckets_are_the_papers_formula() -> None:
    speed = encoder()
    speed.centres.copy_(torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0]))
    speed.radii.fill_(0.25)
    found = speed.buckets(torch.tensor([[0.6]]))[0, 0]
    expected = torch.tanh((torch.tensor(0.6) - speed.centres) / 0.25 * 3)
    assert torch.equal(found, expected)
    assert found[0] > 0.99
    assert found[4] < -0.99


def test_centres_are_put_where_the_speeds_are() -> None:
    speed = encoder()
    speed.fit(torch.linspace(0, 4, 1001))
    assert torch.allclose(speed.centres, torch.linspace(0.08, 3.92, 5), atol=0.01)
    assert torch.allclose(speed.radii, torch.full((5,), 0.48), atol=0.01)


def test_a_still_corpus_gives_distinct_buckets() -> None:
    speed = encoder()
    speed.fit(torch.zeros(50))
    assert torch.allclose(speed.centres.diff(), torch.full((4,), 2 * MIN_RADIUS_DEG))
    assert speed(torch.zeros(1, 16)).isfinite().all()


def test_a_frame_sees_two_frames_each_side() -> None:
    speed = encoder()
    still = torch.zeros(1, 16)
    moved = still.clone()
    moved[0, 8] = 1
    differs = (speed(still) - speed(moved)).abs().sum(-1)[0] > 1e-6
    assert differs.nonzero().flatten().tolist() == [6, 7, 8, 9, 10]
