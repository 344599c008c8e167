"""Words of column names in other languages and in short, and what they are in English; kinds of nouns.

Names are put together anew in every system, so that ``lexicon.yaml`` keeps words, not names; what words mean side by
side is the dictionary's.
"""

from __future__ import annotations

from importlib.resources import files

import yaml

_TEXTS: dict[str, dict[str, str]] = yaml.safe_load(
    files("synth_assets.classification").joinpath("lexicon.yaml").read_text("utf-8")
)

PREFIXES = frozenset({
    "str", "int", "bln", "dbl", "dte", "chr", "lng", "cur", "txt", "fld", "col", "tbl", "obj", "lbl", "cbo", "fk", "pk",
    "src", "tgt", "dim", "fct", "the", "my",
})  # fmt: skip
"""Marks of a type that stand before a name and say nothing about what it holds."""


def _by_word(section: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for meaning, spoken in _TEXTS[section].items():
        for word in spoken.split():
            found.setdefault(word, set()).add(meaning)
    return {word: frozenset(meanings) for word, meanings in found.items()}


MEANINGS = _by_word("meanings")
"""For each foreign or shortened word the English ones that it may stand for."""
KINDS = _by_word("kinds")
"""For each noun whether it is a PERSON, a THING or an EVENT."""
