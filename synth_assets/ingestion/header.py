"""Whether the first record of a CSV names its columns: taken so only when it is certain, as names are shown to people.

The first record of a file without a header is a person's, and would be published as names: in the terminal, in
Dagster, in the ledger. So in doubt it is a row. What belongs here: the evidence. What does not: reading files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from synth_assets.classification.headers import readings

_LONGEST = 200  # characters; questions of a survey are names
_ENOUGH = 2  # votes
_MISSING = frozenset({"na", "n/a", "nan", "null", "none", "nil", "unknown", "missing", "-", "--", "?", "."})
_MARKED = re.compile(r"[\d@]")


def names_columns(records: Sequence[Sequence[str]], known: Collection[str] = ()) -> bool:
    """Whether the first record is certainly a header.

    It is one if it holds a name that a person has decided, and the column below does not. Else no cell of it may be a
    value, and two votes are needed: a cell without digits over values with digits or addresses; a cell that is no word
    of a column of few, often repeated words; a word for a column over values that are none. A code of the same shape as
    the values below takes a vote away. Where all votes are words, half of the cells must give one.

    Args:
        records: the first records of the file, at least one.
        known: names, in lower case, that a person has decided.
    """
    first = [cell.strip() for cell in records[0]]
    below = [
        [record[place].strip() for record in records[1:] if len(record) == len(first) and record[place].strip()]
        for place in range(len(first))
    ]
    columns = [(cell, values) for cell, values in zip(first, below, strict=True) if cell]
    if any(cell.lower() in known and cell not in values for cell, values in columns):
        return True
    if len({cell.lower() for cell, _ in columns}) < len(columns) or any(_is_value(*column) for column in columns):
        return False
    seen = sum(_contrasts(*column) + _is_no_word_of(*column) - _is_code_of(*column) for column in columns)
    worded = sum(_is_name(*column) for column in columns)
    needed = (len(columns) + 1) // 2 if len(records) > _ENOUGH else len(columns)
    return seen + worded >= _ENOUGH and (seen > 0 or worded >= needed)


def _is_value(cell: str, values: list[str]) -> bool:
    """Whether a cell cannot be a name: it comes again, or is a number, an address, very long, or no value."""
    if cell in values or cell.lower() in _MISSING or len(cell) > _LONGEST or "@" in cell or "://" in cell:
        return True
    return bool(re.search(r"\d", cell)) and not any(letter.isalpha() for letter in cell)


def _is_code_of(cell: str, values: list[str]) -> bool:
    """Whether a cell with digits has the shape of most values: ``K0310`` and ``B7`` are of one shape."""
    same = sum(_shape(value) == _shape(cell) for value in values)
    return bool(re.search(r"\d", cell) and values) and 2 * same >= len(values)


def _shape(cell: str) -> str:
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", cell))


def _contrasts(cell: str, values: list[str]) -> bool:
    marked = sum(map(bool, map(_MARKED.search, values)))
    return not _MARKED.search(cell) and len(values) >= 3 and marked >= 0.95 * len(values)


def _is_no_word_of(cell: str, values: list[str]) -> bool:
    """Whether all values come again and again, and the cell, which is not among them, does not."""
    counts = Counter(values)
    return len(values) >= 30 and len(counts) <= len(values) / 10 and min(counts.values()) >= 3 and cell not in counts


def _is_name(cell: str, values: list[str]) -> bool:
    """Whether the dictionary of columns' names has the cell and hardly any value: ``city`` over ``Ulm``, not ``asthma``
    over ``diabetes``."""
    words = list(dict.fromkeys(values))[:50]
    return _reads(cell) and sum(map(_reads, words)) <= 0.2 * len(words)


def _reads(text: str) -> bool:
    found = readings(text[:_LONGEST])
    return bool(found) and found[0].weight >= 0.9
