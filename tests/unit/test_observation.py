"""Observation adding: nearly clean recordings get some of their input back."""

import pytest
import torch

from pvsd_modules.inference.observation import ObservationAdding

RATE = 16000


def recording(seconds, taken_db, seed=0, batch=1):
    """Noisy audio, and enhanced audio from which noise at ``taken_db`` was taken."""
    generator = torch.Generator().manual_seed(seed)
    size = (batch, round(seconds * RATE))
    enhanced = torch.randn(size, generator=generator)
    taken = torch.randn(size, generator=generator) * 10 ** (taken_db / 20)
    return enhanced + taken, enhanced


def in_pieces(adding, noisy, enhanced, late=4800, piece=12345):
    """As a stream does it: the enhanced audio comes ``late`` samples later."""
    given, begin = [], 0
    for part in noisy.split(piece, 1):
        adding.push(part)
        end = min(begin + part.shape[1], noisy.shape[1] - late)
        given.append(adding.pull(enhanced[:, begin : max(begin, end)]))
        begin = max(begin, end)
    given += [adding.pull(enhanced[:, begin:]), adding.flush()]
    return torch.cat(given, 1)


@pytest.mark.parametrize(
    ("taken_db", "share"),
    [(0, 0.0), (-22, 0.0), (-25.5, 0.15), (-28.5, 0.3), (-50, 0.3)],
)
def test_the_share_follows_how_clean_it_is(taken_db, share):
    noisy, enhanced = recording(20, taken_db)
    mixed = ObservationAdding(0.3, 23.0, 28.0).whole(noisy, enhanced)
    expected = enhanced + share * (noisy - enhanced)
    difference = (mixed - expected).square().mean() / (noisy - enhanced).square().mean()
    assert difference.sqrt() < 0.01
    if not share:
        assert torch.equal(mixed, enhanced)


def test_level_does_not_matter():
    noisy, enhanced = recording(3, -25)
    mixed = ObservationAdding().whole(noisy, enhanced)
    soft = ObservationAdding().whole(1e-4 * noisy, 1e-4 * enhanced)
    torch.testing.assert_close(1e4 * soft, mixed, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("samples", [1, 159, 161, 15999, 16000, 16001, 40000])
def test_any_length_and_silence(samples):
    silence = torch.zeros(2, samples)
    assert torch.equal(ObservationAdding().whole(silence, silence), silence)
    noisy, enhanced = recording(samples / RATE, -40)
    mixed = ObservationAdding().whole(noisy, enhanced)
    expected = enhanced + 0.3 * (noisy - enhanced)
    torch.testing.assert_close(mixed, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("seconds", [0.5, 7.3, 20.0])
def test_pieces_and_rows_do_not_matter(seconds):
    clean, dirty = recording(seconds, -25, 1), recording(seconds, -3, 2)
    noisy, enhanced = (torch.cat(pair) for pair in zip(clean, dirty, strict=True))
    adding = ObservationAdding(around=5)
    whole = adding.whole(noisy, enhanced)
    for piece in (701, 16000, 64000):
        assert torch.equal(in_pieces(adding, noisy, enhanced, piece=piece), whole)
    torch.testing.assert_close(adding.whole(*clean), whole[:1])
    torch.testing.assert_close(adding.whole(*dirty), whole[1:])


def test_what_is_far_away_does_not_count():
    """A long recording is judged second by second, without a step between them."""
    clean, dirty = recording(30, -40, 1), recording(30, 0, 2)
    noisy, enhanced = (torch.cat(pair, 1) for pair in zip(clean, dirty, strict=True))
    mixed = ObservationAdding(around=5).whole(noisy, enhanced)
    weight = (mixed - enhanced) / (noisy - enhanced)
    near = (noisy - enhanced).abs() > 0.01  # elsewhere the quotient is rounding
    assert torch.allclose(
        weight[:, : 24 * RATE][near[:, : 24 * RATE]], weight.new_tensor(0.3), atol=1e-3
    )
    assert not (mixed - enhanced)[:, 27 * RATE :].any()
    smooth = weight[near]
    assert (smooth[1:] - smooth[:-1]).abs().max() < 5e-3


def test_a_bang_comes_back_no_louder_than_allowed():
    noisy, enhanced = recording(20, -45)
    bang = slice(5 * RATE, 5 * RATE + RATE // 5)
    torch.manual_seed(3)
    noisy[:, bang] += 2.0 * torch.randn(1, RATE // 5)  # 6 dB louder than the speech
    adding = ObservationAdding(loudest_db=-20.0)
    back = adding.whole(noisy, enhanced) - enhanced
    far = torch.ones(20 * RATE, dtype=torch.bool)
    far[4 * RATE : 6 * RATE] = False
    expected = 0.3 * (noisy - enhanced)
    torch.testing.assert_close(back[:, far], expected[:, far], atol=1e-6, rtol=0)
    level = 10 * torch.log10(back[:, bang].square().mean())
    assert -22.5 < level < -19.5


def test_memory_is_bounded_and_the_first_seconds_come_early():
    adding = ObservationAdding(around=5)
    held, given = 0, 0
    for second in range(40):
        noisy, enhanced = recording(1, -30, second)
        adding.push(noisy)
        given += adding.pull(enhanced).shape[1]
        held = max(held, (second + 1) * RATE - given)
        assert len(adding._waiting) <= 7 and len(adding._measured) <= 12
    assert held <= 7 * RATE
    assert given + adding.flush().shape[1] == 40 * RATE
    with pytest.raises(ValueError):
        adding.flush()


def test_none_of_it_is_the_same_signal():
    noisy, enhanced = recording(2, -40)
    adding = ObservationAdding(0.0)
    adding.push(noisy)
    assert adding.pull(enhanced) is enhanced
    assert adding.flush().shape == (1, 0)
    assert adding.whole(noisy, enhanced) is enhanced


@pytest.mark.parametrize(
    "wrong", [{"share": 1.5}, {"from_db": 30.0}, {"around": -1}, {"share": -0.1}]
)
def test_wrong_numbers_are_told(wrong):
    with pytest.raises(ValueError):
        ObservationAdding(**wrong)
