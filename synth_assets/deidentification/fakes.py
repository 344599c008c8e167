"""SQL that turns keyed numbers into invented values, by arithmetic.

A number is 64 uniform bits of a keyed hash (``keyed_term``). Modulo the places that a kind has, it is a place; the
place chooses words from the pools, or digits. Equal places are equal fakes, so that keeping fakes apart is keeping
places apart. Where real values could exist, fakes come from ranges that were never issued:

- telephone: digits with which no number of its country begins (see ``telephones``); where the number shows no country,
  or none is certain, country code 999, unassigned by the ITU (E.164);
- social security number: area 000 or 666 or group 00, which the SSA never issues, or an area from 900 on with a group
  to 49: these areas are the IRS's, which gives groups from 50 on to taxpayers without a number (IRM 3.21.263); those of
  other countries are in ``national_ids``;
- mail: ``example.org``, ``.com``, ``.net`` (RFC 2606);
- IPv4: 240/4, never routed (RFC 1112); IPv6: 2001:db8::/32 (RFC 3849);
- IBAN: country ``XX``, user-assigned in ISO 3166; card: first digit 0, no payment network's (ISO/IEC 7812), Luhn valid;
- names, streets, companies: surnames with an invented head (see ``pools``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from synth_assets.deidentification.gazetteer import AGREEING, city_of, region_of
from synth_assets.deidentification.national_ids import PLACES as NATIONAL_IDS
from synth_assets.deidentification.national_ids import national_id
from synth_assets.deidentification.pools import PoolName, Pools
from synth_assets.deidentification.telephones import FREE_DIGITS, UNASSIGNED, unused_beginning
from synth_assets.deidentification.treatments import FakeKind
from synth_assets.storage import literal

_HALF = 2**32
_SPACE = "' '"
_MOST_PLACES = 2**62

WIDE: frozenset[FakeKind] = frozenset({"email", "username"})
"""Kinds that show more than 64 bits of their numbers: two of them meet no sooner than two hashes do."""

GENDERED: frozenset[FakeKind] = frozenset({"name", "first_name", "middle_name", "email", "username"})
"""Kinds with a given name in them, which suits the person's gender where that is known."""


@dataclass(frozen=True)
class Digits:
    """SQL texts from which one fake is made.

    Attributes:
        number: an unsigned number of the person or value; equal numbers get equal names.
        own: another one, for what this column does not share with the person's other columns.
        female: SQL of a BOOLEAN, NULL where the gender is unknown.
        value: SQL of the original value as text; only its form may be used, never its content.
        faked: whether that value is a fake already, which is of one of the forms that fakes have.
        again: SQL of an unsigned number, NULL for most: where a fake was another's already, the place to take instead,
            or for names how many others have the name before it.
        place: SQL of the postcode of the place that several columns of the row tell of, as a number.
    """

    number: str
    own: str
    female: str = "NULL"
    value: str = "NULL"
    faked: bool = False
    again: str | None = None
    place: str | None = None


def fake_expression(kind: FakeKind, digits: Digits, pools: Pools) -> str:
    """SQL of the fake of a kind."""
    if kind in WIDE:
        return _email(digits, pools) if kind == "email" else _username(digits, pools)
    if digits.place is not None and kind in AGREEING:
        return _of_place(kind, digits.place, digits, pools)
    place = place_expression(kind, digits, pools)
    if kind == "phone":
        place = f"({digits.own} % {places(kind, pools)[0]})"  # the places of the other part are the last digits of it
    if kind in _NAMES:
        return _NAMES[kind](place, digits, pools)
    place = place if digits.again is None else f"coalesce({digits.again}, {place})"
    if kind in NATIONAL_IDS:
        return national_id(kind, place)
    return _NUMBERED[kind](place, digits, pools)


def place_expression(kind: FakeKind, digits: Digits, pools: Pools) -> str:
    """SQL of the place of a fake among those of its kind and part."""
    if kind in {"name", "last_name"}:
        return f"({digits.number} % {_of_part(kind, digits, pools)})"
    if kind == "first_name":
        return f"(({digits.number} // {_surnames(pools)}) % {_of_part(kind, digits, pools)})"
    return f"({digits.own} % {_of_part(kind, digits, pools)})"


def part_expression(kind: FakeKind, digits: Digits) -> str:
    """SQL of a BOOLEAN: fakes of the two parts of a kind (women and men, long and short addresses) never meet."""
    if kind in GENDERED:
        return f"coalesce({digits.female}, {digits.number} >= {2**63}::UBIGINT)"
    if kind == "phone":
        if digits.faked:
            return f"NOT starts_with({digits.value}, '+{UNASSIGNED}')"
        return f"({unused_beginning(digits.value)} IS NOT NULL)"
    return f"coalesce(contains({digits.value}, ':'), false)" if kind == "ip_address" else "false"


def places(kind: FakeKind, pools: Pools) -> tuple[int, int]:
    """How many places the two parts of a kind have: those of a false :func:`part_expression`, then of a true one."""
    women, men, surnames = pools.size("female"), pools.size("male"), _surnames(pools)
    if kind == "name":
        return men * surnames, women * surnames
    if kind in {"first_name", "middle_name"}:
        return men, women
    if kind == "ip_address":
        return 15 * 2**24, _MOST_PLACES
    if kind == "phone":
        return 10**12, 10**FREE_DIGITS
    street = 9998 * surnames * pools.size("street_suffix")
    if kind in NATIONAL_IDS:
        return NATIONAL_IDS[kind], NATIONAL_IDS[kind]
    words: dict[FakeKind, int] = {
        "last_name": surnames,
        "street_address": street,
        "address": street * pools.size("city") * 10**5,
        "company": surnames * pools.size("company_suffix"),
        "city": pools.size("city"),
        "region": pools.size("region"),
        "country": pools.size("country"),
        "job": pools.size("job"),
    }
    digits = {"national_id": 60_980_000, "postcode": 10**5, "iban": 10**18, "credit_card": 10**14}
    size = min((words | digits)[kind], _MOST_PLACES)
    return size, size


def longer(kind: FakeKind, pools: Pools) -> tuple[int, int]:
    """How many more may share a place of a name's part, as the name can be made longer; zeros for other kinds."""
    if kind == "last_name":
        return _surnames(pools), _surnames(pools)
    return (pools.size("male"), pools.size("female")) if kind in _NAMES else (0, 0)


def derived_number(number: str, label: str) -> str:
    """SQL of another number for each label: the low half times an odd constant of 32 bits, plus the high half.

    What is uniform stays so. It hides nothing, and need not: the first number is a keyed hash that no table holds.
    """
    factor = int.from_bytes(hashlib.sha256(label.encode()).digest()[:4], "big") | 2**31 | 1
    return f"(({number} & {_HALF - 1}::UBIGINT) * {factor}::UBIGINT + ({number} >> 32))"


def _of_part(kind: FakeKind, digits: Digits, pools: Pools) -> str:
    no, yes = places(kind, pools)
    if no == yes:
        return f"{no}::UBIGINT"
    return f"CASE WHEN {part_expression(kind, digits)} THEN {yes}::UBIGINT ELSE {no}::UBIGINT END"


def _surnames(pools: Pools) -> int:
    return pools.size("head") * pools.size("last")


def _joined(*parts: str) -> str:
    """SQL of texts one behind the other, copied once and not, as with ``||``, once for each; none of them is NULL."""
    return f"concat({', '.join(parts)})"


def _digits(number: str, count: int) -> str:
    """The last decimal places of a number, with leading zeros."""
    return f"lpad(({number} % {10**count})::VARCHAR, {count}, '0')"


def _three_digits(number: str, form: str = "{0}") -> str:
    """The last three decimal places, looked up, in ``form``: SQL of a text around SQL of them."""
    written = form.format("right((1000 + x)::VARCHAR, 3)")
    return f"list_extract([{written} FOR x IN range(1000)], 1 + ({number} % 1000)::BIGINT)"


def _given(number: str, d: Digits, pools: Pools, ascii_only: bool = False) -> str:
    """A given name of the person's gender; where that is unknown the number chooses one."""
    female: PoolName = "female_ascii" if ascii_only else "female"
    male: PoolName = "male_ascii" if ascii_only else "male"
    chosen = part_expression("name", d)
    return f"CASE WHEN {chosen} THEN {pools.pick(female, number)} ELSE {pools.pick(male, number)} END"


def _surname(pools: Pools, number: str, ascii_only: bool = False) -> tuple[str, str]:
    """The two parts of it."""
    tail = f"({number} // {pools.size('head')})"
    if ascii_only:
        return pools.pick("head_ascii", number), pools.pick("last_ascii", tail)
    return pools.pick("head", number), pools.pick("last", tail)


def _once_more(usual: str, longer_form: str, d: Digits) -> str:
    return usual if d.again is None else f"CASE WHEN {d.again} IS NULL THEN {usual} ELSE {longer_form} END"


def _first(place: str, d: Digits, pools: Pools) -> str:
    """A given name; a second one follows where others of the table have the first."""
    first = f"({_given(place, d, pools)})"
    return _once_more(first, _joined(first, "'-'", _given(f"({place} + {d.again})", d, pools)), d)


def _last(place: str, d: Digits, pools: Pools) -> str:
    last = _surname(pools, place)
    return _once_more(_joined(*last), _joined(*last, "'-'", *_surname(pools, f"({place} + {d.again})")), d)


def _name(place: str, d: Digits, pools: Pools) -> str:
    """First and last name as the columns of their own have them; a middle name where others have both."""
    given = f"({place} // {_surnames(pools)})"
    first, last = f"({_given(given, d, pools)})", _surname(pools, place)
    middle = f"({_given(f'({given} + {d.again})', d, pools)})"
    return _once_more(_joined(first, _SPACE, *last), _joined(first, _SPACE, middle, _SPACE, *last), d)


def _email(d: Digits, pools: Pools) -> str:
    """``first.last.0123456789@example.org``: 40 bits make two of a name differ."""
    first = f"({_given(f'({d.number} // {_surnames(pools)})', d, pools, ascii_only=True)})"
    last = _surname(pools, d.number, ascii_only=True)
    domain = f"list_extract(['@example.org', '@example.com', '@example.net'], 1 + ({d.own} % 3)::BIGINT)"
    return _joined(first, "'.'", *last, "'.'", _tag(d, 10), domain)


def _username(d: Digits, pools: Pools) -> str:
    first = f"left({_given(f'({d.number} // {_surnames(pools)})', d, pools, ascii_only=True)}, 1)"
    return _joined(first, *_surname(pools, d.number, ascii_only=True), _tag(d, 12))


def _tag(d: Digits, count: int) -> str:
    return f"format('{{:0{count}x}}', ({d.own} >> {63 - 4 * count}) % {16**count})"


def _phone(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001 - one signature for all recipes
    """Where no country is certain, no beginning is found, and what is put behind it is NULL, too."""
    first, second, third, last = (_three_digits(f"({place} // {10**power})") for power in (9, 6, 3, 0))
    kept = f"{unused_beginning(d.value)} || {_joined(second, _SPACE, third, last)}"
    unknown = _joined(literal(f"+{UNASSIGNED} "), first, _SPACE, second, _SPACE, third, _SPACE, last)
    return f"coalesce({kept}, {unknown})"


def _national_id(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001
    """One of the social security numbers in the ranges named above: 6,098 areas with a group, of 10,000 numbers."""
    block = f"({place} // 10000)"
    head = (
        f"CASE WHEN {block} < 100 THEN {block} WHEN {block} < 200 THEN 66500 + {block} WHEN {block} < 865 THEN "
        f"({block} - 199) * 100 WHEN {block} < 1098 THEN ({block} - 198) * 100 "
        f"ELSE 90000 + ({block} - 1098) // 50 * 100 + ({block} - 1098) % 50 END"
    )
    head = f"({head})"
    area = _three_digits(f"({head} // 100)", "{0} || '-'")
    middle = _three_digits(f"({head} % 100 * 10 + {place} // 1000 % 10)", "left({0}, 2) || '-' || right({0}, 1)")
    return _joined(area, middle, _three_digits(place))


def _iban(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001
    """Check digits of ISO 13616, over the account, 3333 for ``XX`` and 00; the remainder is taken in parts."""
    remainder = f"(({place} % 97) * {10**6 % 97} + {333300 % 97}) % 97"
    return f"'XX' || lpad((98 - ({remainder})::BIGINT)::VARCHAR, 2, '0') || {_digits(place, 18)}"


def _credit_card(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001
    """A leading zero, 14 digits and Luhn's check digit (ISO/IEC 7812-1): every second digit from the right doubled."""
    terms = []
    for power in range(14):
        digit = f"({place} // {10**power} % 10)::BIGINT"
        terms.append(f"({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)" if power % 2 == 0 else digit)
    return f"'0' || {_digits(place, 14)} || ((10 - ({' + '.join(terms)}) % 10) % 10)::VARCHAR"


def _ip_address(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001
    groups = " || ':' || ".join(f"printf('%04x', ({place} >> {shift} & 65535)::BIGINT)" for shift in (48, 32, 16, 0))
    octets = " || '.' || ".join(f"({place} >> {shift} & 255)::VARCHAR" for shift in (16, 8, 0))
    v4 = f"(240 + {place} // {2**24} % 15)::VARCHAR || '.' || {octets}"
    return f"CASE WHEN contains({d.value}, ':') THEN '2001:db8:0:0:' || {groups} ELSE {v4} END"


def _street(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001
    surnames = _surnames(pools)
    suffix = pools.pick("street_suffix", f"({place} // {9998 * surnames})")
    return _joined(f"(1 + {place} // {surnames} % 9998)", _SPACE, *_surname(pools, place), _SPACE, suffix)


def _address(place: str, d: Digits, pools: Pools) -> str:
    beyond = f"({place} // {9998 * _surnames(pools) * pools.size('street_suffix')})"
    city = pools.pick("city", beyond)
    postcode = _digits(f"({beyond} // {pools.size('city')})", 5)
    return _joined(_street(place, d, pools), "', '", city, _SPACE, postcode)


def _of_place(kind: FakeKind, postcode: str, d: Digits, pools: Pools) -> str:
    """What a column tells of a place that it shares with others."""
    code, city = f"lpad(({postcode})::VARCHAR, 5, '0')", city_of(postcode, pools)
    street = _street(place_expression("street_address", d, pools), d, pools)
    more = street if d.again is None else _joined(f"({d.again} + 1)::VARCHAR", "'-'", street)
    street = _once_more(street, more, d)
    told: dict[FakeKind, str] = {
        "postcode": code,
        "city": city,
        "region": region_of(postcode, pools),
        "country": literal(pools.home),
        "address": _joined(street, "', '", city, _SPACE, code),
    }
    return told[kind]


def _company(place: str, d: Digits, pools: Pools) -> str:  # noqa: ARG001
    suffix = pools.pick("company_suffix", f"({place} // {_surnames(pools)})")
    return _joined(*_surname(pools, place), _SPACE, suffix)


def _word(pool: PoolName) -> Callable[[str, Digits, Pools], str]:
    return lambda place, d, pools: pools.pick(pool, place)  # noqa: ARG005


_Recipe = Callable[[str, Digits, Pools], str]
_NAMES: dict[FakeKind, _Recipe] = {"name": _name, "first_name": _first, "last_name": _last, "middle_name": _first}
_NUMBERED: dict[FakeKind, _Recipe] = {
    "phone": _phone,
    "national_id": _national_id,
    "address": _address,
    "street_address": _street,
    "city": _word("city"),
    "postcode": lambda place, d, pools: _digits(place, 5),  # noqa: ARG005
    "region": _word("region"),
    "country": _word("country"),
    "company": _company,
    "job": _word("job"),
    "iban": _iban,
    "credit_card": _credit_card,
    "ip_address": _ip_address,
}

_FEMALE = "f female w weiblich frau femme féminin femenino feminino femminile k kobieta mulher mujer donna vrouw kvinna"
_MALE = "m male männlich mann homme masculin masculino maschile mężczyzna homem hombre uomo man"


def female_expression(column: str) -> str:
    """SQL: true for words that mean female, false for male, NULL for all else; ``column`` is SQL of a text."""
    words = ", ".join(map(literal, [*_FEMALE.split(), *_MALE.split()]))
    female = ", ".join([*("true" for _ in _FEMALE.split()), *("false" for _ in _MALE.split())])
    return f"list_extract([{female}], list_position([{words}], lower(trim({column}))))"
