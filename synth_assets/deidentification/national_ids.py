"""Numbers that states give to people: in their format, and nobody's.

Where a range is documented as never issued, the fake lies in it and its check digits are right:

- ``ca_sin``: first digit 0 (Service Canada: not assigned), Luhn;
- ``de_idnr``: first digit 0 (BZSt: no identification number begins with it), ISO 7064 mod 11,10; that one digit of ten
  occurs twice is not imitated;
- ``fr_nir``: first digit 9 (INSEE: 1 to 4, 7 and 8 are used), key of 97;
- ``gb_nino``: prefixes BG, GB, KN, NK, NT, TN, ZZ (HMRC NIM39110: not used); it has no check digit;
- ``it_cf``: days 72 to 99 (men have 1 to 31, women 41 to 71), check letter (DM of 23 December 1976);
- ``pl_pesel``: months 13 to 19, which no century uses (Act on population records, art. 15), weighted check digit.

The others have no such range. Their check digit or letter is wrong, so that no office can have issued them:
``au_tfn``, ``br_cpf``, ``es_dni``, ``nl_bsn``. The US social security number is ``national_id`` in ``fakes``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

PLACES: dict[str, int] = {
    "au_tfn": 10**8,
    "br_cpf": 10**9,
    "ca_sin": 10**7,
    "de_idnr": 10**9,
    "es_dni": 10**8,
    "fr_nir": 10**12,
    "gb_nino": 7 * 10**6 * 4,
    "it_cf": 20**6 * 12 * 28 * 1000,
    "nl_bsn": 10**8,
    "pl_pesel": 7 * 10**8,
}
"""How many there are of each kind."""


def national_id(kind: str, place: str) -> str:
    """SQL of the number of a kind at a place."""
    return _RECIPES[kind](place)


def _digits(number: str, count: int) -> str:
    return f"lpad(({number} % {10**count})::VARCHAR, {count}, '0')"


def _digit(number: str, power: int) -> str:
    return f"({number} // {10**power} % 10)"


def _weighted(number: str, weights: Sequence[int]) -> str:
    """The sum of the digits of a number, the first of so many times the first weight and so on."""
    last = len(weights) - 1
    return "(" + " + ".join(f"{weight} * {_digit(number, last - i)}" for i, weight in enumerate(weights)) + ")"


def _one_beyond(weights: Sequence[int]) -> Callable[[str], str]:
    """Eight digits and a ninth, which would be their weighted sum modulo 11 and is the digit after it."""

    def number(place: str) -> str:
        return f"{_digits(place, 8)} || (({_weighted(place, weights)} % 11 + 1) % 10)::VARCHAR"

    return number


def _br_cpf(place: str) -> str:
    first = f"(({_weighted(place, range(10, 1, -1))} * 10 % 11 % 10 + 1) % 10)"
    parts = " || '.' || ".join(_digits(f"({place} // {10**power})", 3) for power in (6, 3, 0))
    return f"{parts} || '-' || {first}::VARCHAR || '0'"


def _ca_sin(place: str) -> str:
    doubled = [f"({_digit(place, p)} * 2 - CASE WHEN {_digit(place, p)} > 4 THEN 9 ELSE 0 END)" for p in (0, 2, 4, 6)]
    total = " + ".join([*doubled, *(_digit(place, power) for power in (1, 3, 5))])
    number = f"('0' || {_digits(place, 7)} || ((10 - (({total}) % 10)::BIGINT) % 10)::VARCHAR)"
    return f"left({number}, 3) || ' ' || substr({number}, 4, 3) || ' ' || right({number}, 3)"


def _de_idnr(place: str) -> str:
    product = "(((10 + 9) % 10 + 1) * 2 % 11)"  # of the leading zero
    for power in range(8, -1, -1):
        product = f"((({_digit(place, power)} + {product} + 9) % 10 + 1) * 2 % 11)"
    return f"'0' || {_digits(place, 9)} || ((11 - {product}::BIGINT) % 10)::VARCHAR"


def _es_dni(place: str) -> str:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    return f"{_digits(place, 8)} || substr('{letters}', 1 + (({place} % {10**8} + 1) % 23)::BIGINT, 1)"


def _fr_nir(place: str) -> str:
    number = f"(9000000000000 + {place} % {10**12})"
    return f"{number}::VARCHAR || lpad((97 - ({number} % 97)::BIGINT)::VARCHAR, 2, '0')"


def _gb_nino(place: str) -> str:
    prefix = f"list_extract(['BG', 'GB', 'KN', 'NK', 'NT', 'TN', 'ZZ'], 1 + ({place} // 4000000 % 7)::BIGINT)"
    return f"{prefix} || {_digits(place, 6)} || substr('ABCD', 1 + ({place} // 1000000 % 4)::BIGINT, 1)"


_CONSONANTS, _MONTHS = "BCDFGHJKLMNPQRSTVWXZ", "ABCDEHLMPRST"
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
"""What a letter, or the digit of its place in the alphabet, counts for at an odd place; at even ones, its place."""


def _it_cf(place: str) -> str:
    """Six letters of names, year, month, day, a town, and the check letter."""
    letters = [f"({place} // {20**power} % 20)" for power in range(6)]
    names = " || ".join(f"substr('{_CONSONANTS}', 1 + {letter}::BIGINT, 1)" for letter in letters)
    rest = f"({place} // {20**6})"
    month, day, town = f"({rest} % 12)", f"(72 + {rest} // 12 % 28)", f"({rest} // 336 % 1000)"
    year = f"({rest} // 7 % 100)"
    counted = [_counts(_CONSONANTS, letter, odd=i % 2 == 0) for i, letter in enumerate(letters)]
    counted += [_counts("", f"({year} // 10)", odd=True), f"({year} % 10)", _counts(_MONTHS, month, odd=True)]
    counted += [f"({day} // 10)", _counts("", f"({day} % 10)", odd=True), str(ord("Z") - ord("A"))]
    counted += [
        _counts("", f"({town} // 100)", odd=True),
        f"({town} // 10 % 10)",
        _counts("", f"({town} % 10)", odd=True),
    ]
    check = f"chr((65 + ({' + '.join(counted)}) % 26)::INTEGER)"
    date = f"{_digits(year, 2)} || substr('{_MONTHS}', 1 + {month}::BIGINT, 1) || {day}::VARCHAR"
    return f"{names} || {date} || 'Z' || {_digits(town, 3)} || {check}"


def _counts(letters: str, index: str, *, odd: bool) -> str:
    """What one of some letters, or a digit where there are none, counts for in the sum."""
    places = [ord(letter) - ord("A") for letter in letters] or list(range(10))
    return f"list_extract({[_ODD[place] if odd else place for place in places]}, 1 + {index}::BIGINT)"


def _pl_pesel(place: str) -> str:
    """Year, month, then six digits of day and serial, and the check digit."""
    year, month = f"({place} // 7000000 % 100)", f"(13 + {place} // 1000000 % 7)"
    ten = f"({year} * 100000000 + {month} * 1000000 + {place} % 1000000)"
    check = f"((10 - ({_weighted(ten, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))} % 10)::BIGINT) % 10)"
    return f"lpad({ten}::VARCHAR, 10, '0') || {check}::VARCHAR"


_RECIPES: dict[str, Callable[[str], str]] = {
    "au_tfn": _one_beyond((1, 4, 3, 7, 5, 8, 6, 9)),
    "br_cpf": _br_cpf,
    "ca_sin": _ca_sin,
    "de_idnr": _de_idnr,
    "es_dni": _es_dni,
    "fr_nir": _fr_nir,
    "gb_nino": _gb_nino,
    "it_cf": _it_cf,
    "nl_bsn": _one_beyond(range(9, 1, -1)),  # the "elfproef"
    "pl_pesel": _pl_pesel,
}
