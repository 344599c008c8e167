"""Sticky noise: numbers that look random and are a function of a secret salt and of what is asked.

The same units in the same bucket always get the same noise, so that asking again averages nothing away. The function
is SipHash-2-4 (Aumasson and Bernstein 2012), a keyed pseudo-random function of 64-bit words, over whole arrays.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
LARGEST_NORMAL = math.sqrt(64 * math.log(2)) + 1e-9
"""The farthest that :meth:`Salt.normal` comes from 0: its radius is drawn from 32 bits."""

_BYTES_PER_WORD = 8
_BLOCK = 1 << 16
"""Words hashed at a time: few enough to stay in the cache."""


def _rotate(word: Words, bits: int) -> Words:
    turned: Words = (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))
    return turned


def _round(v: list[Words]) -> None:
    v[0] = v[0] + v[1]
    v[2] = v[2] + v[3]
    v[1] = _rotate(v[1], 13) ^ v[0]
    v[3] = _rotate(v[3], 16) ^ v[2]
    v[0] = _rotate(v[0], 32) + v[3]
    v[2] = v[2] + v[1]
    v[1] = _rotate(v[1], 17) ^ v[2]
    v[3] = _rotate(v[3], 21) ^ v[0]
    v[2] = _rotate(v[2], 32)


def siphash(key: tuple[int, int], words: Sequence[Words]) -> Words:
    """SipHash-2-4 of messages of whole words; ``words[j]`` holds word j of every message."""
    count = len(words[0])
    if count <= _BLOCK:
        return _siphash_block(key, words)
    out = np.empty(count, dtype=np.uint64)
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = _siphash_block(key, [word[part] for word in words])
    return out


def _siphash_block(key: tuple[int, int], words: Sequence[Words]) -> Words:
    shape = words[0].shape
    v = [np.full(shape, np.uint64(start ^ key[i % 2]), dtype=np.uint64) for i, start in enumerate(_START)]
    last = np.full(shape, np.uint64((_BYTES_PER_WORD * len(words) % 256) << 56), dtype=np.uint64)
    for word in (*words, last):
        v[3] = v[3] ^ word
        _round(v)
        _round(v)
        v[0] = v[0] ^ word
    v[2] = v[2] ^ np.uint64(0xFF)
    for _ in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def word_of(text: str) -> int:
    """A 64-bit word for a text (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Salt:
    """The secret that noise sticks to.

    Args:
        secret: at least 16 bytes that nobody who sees a synthetic table knows.

    Raises ValueError on fewer.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError(f"a salt of {len(secret)} bytes is too short; give at least 16 secret bytes")
        digest = hashlib.blake2b(secret, digest_size=16, person=b"diffix").digest()
        self._key = (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))

    def hash(self, purpose: str, *words: Words) -> Words:
        """A keyed 64-bit hash of each tuple of words, another one for each purpose."""
        return siphash(self._key, [np.full(len(words[0]), np.uint64(word_of(purpose))), *words])

    def normal(self, purpose: str, seed: Words) -> Floats:
        """A standard normal number for each seed (Box and Muller 1958, from two halves of the hash)."""
        bits = self.hash(purpose, seed)
        radius = ((bits >> np.uint64(32)).astype(np.float64) + 1) * 2.0**-32
        angle = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
        drawn: Floats = np.sqrt(-2 * np.log(radius)) * np.sin(2 * np.pi * angle)
        return drawn

    def uniform(self, purpose: str, seed: Words, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
        """A whole number of ``low`` .. ``high``, both included, for each seed."""
        width = (high - low + 1).astype(np.uint64)
        drawn: NDArray[np.int64] = low + ((self.hash(purpose, seed) >> np.uint64(11)) % width).astype(np.int64)
        return drawn

    def generator(self, purpose: str) -> np.random.Generator:
        """A repeatable generator for what happens after anonymization."""
        seeds = self.hash(purpose, np.arange(4, dtype=np.uint64))
        return np.random.default_rng([int(seed) for seed in seeds])
