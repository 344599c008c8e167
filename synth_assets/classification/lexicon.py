"""Words of column names in other languages and in short, and what they are in English; kinds of nouns.

Names are put together anew in every system, so that ``lexicon.yaml`` keeps words, not names; what words mean side by
side is the dictionary's.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

PREFIXES = frozenset({
    "str", "int", "bln", "dbl", "dte", "chr", "lng", "cur", "txt", "fld", "col", "tbl", "obj", "lbl", "cbo", "fk", "pk",
    "src", "tgt", "dim", "fct", "the", "my",
})  # fmt: skip
"""Marks of a type that stand before a name and say nothing about what it holds."""


@cache
def _texts() -> dict[str, dict[str, str]]:
    text = files("synth_assets.classification").joinpath("lexicon.yaml").read_text("utf-8")
    sections: dict[str, dict[str, str]] = yaml.safe_load(text)
    return sections


@cache
def by_word(section: Literal["meanings", "kinds"]) -> dict[str, frozenset[str]]:
    """For each word its English ``meanings``, or for each noun its ``kinds``: PERSON, THING or EVENT."""
    found: dict[str, set[str]] = {}
    for meaning, spoken in _texts()[section].items():
        for word in spoken.split():
            found.setdefault(word, set()).add(meaning)
    return {word: frozenset(meanings) for word, meanings in found.items()}
