from __future__ import annotations

import struct

import numpy as np
import pytest
from scipy import stats

from synth_assets.diffix.sticky import Salt, siphash

KEY = struct.unpack("<QQ", bytes(range(16)))


@pytest.mark.parametrize(
    ("words", "expected"), [(1, 0x93F5F5799A932462), (2, 0x3F2ACC7F57C29BDB), (3, 0xB8AD50C6F649AF94)]
)
def test_the_published_vectors(words: int, expected: int) -> None:
    message = [
        np.array([struct.unpack("<Q", bytes(range(8 * j, 8 * j + 8)))[0]], dtype=np.uint64) for j in range(words)
    ]
    assert int(siphash(KEY, message)[0]) == expected


def test_long_arrays_are_hashed_as_short_ones() -> None:
    many = np.arange(70_000, dtype=np.uint64)
    assert (siphash(KEY, [many])[65_530:65_540] == siphash(KEY, [many[65_530:65_540]])).all()


def test_noise_is_normal_and_sticks_to_salt_purpose_and_seed() -> None:
    salt, seeds = Salt(b"a" * 16), np.arange(20_000, dtype=np.uint64)
    noise = salt.normal("x", seeds)
    assert stats.kstest(noise, "norm").pvalue > 1e-6  # false alarm in one run of 10^6
    assert (noise == Salt(b"a" * 16).normal("x", seeds)).all()
    for other in (salt.normal("y", seeds), Salt(b"b" * 16).normal("x", seeds), salt.normal("x", seeds[::-1])):
        assert abs(np.corrcoef(noise, other)[0, 1]) < 5 / np.sqrt(20_000)


def test_uniform_numbers_reach_both_ends() -> None:
    low, high = np.full(1000, -2), np.full(1000, 3)
    drawn = Salt(b"a" * 16).uniform("x", np.arange(1000, dtype=np.uint64), low, high)
    assert set(drawn.tolist()) == {-2, -1, 0, 1, 2, 3}


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="salt of 15 bytes is too short"):
        Salt(b"a" * 15)
