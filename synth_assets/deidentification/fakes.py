"""SQL that turns keyed digests into invented values.

A digest is the 64 hexadecimal digits of an HMAC (``keyed_hash``); its pieces of 32 bits choose words from the pools
or digits. Where real values could exist, fakes come from ranges that were never issued:

- telephone: country code 999, unassigned by the ITU (E.164);
- social security number: area 000 or 666, or group 00, which the SSA never issues;
- mail: ``example.org``, ``.com``, ``.net`` (RFC 2606);
- IPv4: 240/4, never routed (RFC 1112); IPv6: 2001:db8::/32 (RFC 3849);
- IBAN: country ``XX``, user-assigned in ISO 3166; card: first digit 0, no payment network's (ISO/IEC 7812), Luhn valid;
- names, streets, companies: surnames with an invented head (see ``pools``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from synth_assets.deidentification.pools import PoolName, Pools
from synth_assets.deidentification.treatments import FakeKind
from synth_assets.storage import literal


@dataclass(frozen=True)
class Digits:
    """SQL texts from which one fake is made.

    Attributes:
        identity: the digest of the person or value; equal identities get equal names.
        own: the digest of this column's own part; equal to ``identity`` unless drawn again.
        female: SQL of a BOOLEAN, NULL where the gender is unknown.
        value: SQL of the original value as text; only its form may be used, never its content.
        again: whether the first draw met another identity's fake, so that more words are needed.
    """

    identity: str
    own: str
    female: str = "NULL"
    value: str = "NULL"
    again: bool = False


def fake_expression(kind: FakeKind, digits: Digits, pools: Pools) -> str:
    """SQL of the fake of a kind."""
    return _RECIPES[kind](digits, pools)


def _piece(digest: str, index: int) -> str:
    """32 of a digest's 256 bits as an unsigned number; ``index`` from 0 to 7."""
    return f"('0x' || substr({digest}, {8 * index + 1}, 8))::UBIGINT"


def _wide(digest: str, index: int) -> str:
    """64 of a digest's bits; ``index`` from 0 to 3."""
    return f"('0x' || substr({digest}, {16 * index + 1}, 16))::UBIGINT"


def _digits(number: str, places: int) -> str:
    """The last decimal places of a number, with leading zeros."""
    return f"lpad(({number} % {10**places})::VARCHAR, {places}, '0')"


def _given(d: Digits, pools: Pools, number: str, ascii_only: bool = False) -> str:
    """A given name of the person's gender; where that is unknown the digest chooses one."""
    female: PoolName = "female_ascii" if ascii_only else "female"
    male: PoolName = "male_ascii" if ascii_only else "male"
    chosen = f"coalesce({d.female}, {_piece(d.identity, 1)} % 2 = 0)"
    return f"CASE WHEN {chosen} THEN {pools.pick(female, number)} ELSE {pools.pick(male, number)} END"


def _surname(pools: Pools, head: str, tail: str, ascii_only: bool = False) -> str:
    if ascii_only:
        return f"({pools.pick('head_ascii', head)} || {pools.pick('last_ascii', tail)})"
    return f"({pools.pick('head', head)} || {pools.pick('last', tail)})"


def _first(d: Digits, pools: Pools) -> str:
    first = _given(d, pools, _piece(d.identity, 0))
    return f"({first}) || '-' || ({_middle(d, pools)})" if d.again else f"({first})"


def _middle(d: Digits, pools: Pools) -> str:
    return f"({_given(d, pools, _piece(d.own, 4))})"


def _last(d: Digits, pools: Pools) -> str:
    last = _surname(pools, _piece(d.identity, 2), _piece(d.identity, 3))
    return f"{last} || '-' || {_surname(pools, _piece(d.own, 5), _piece(d.own, 6))}" if d.again else last


def _name(d: Digits, pools: Pools) -> str:
    """First and last name as the columns of their own have them; a second draw adds a middle name."""
    first = f"({_given(d, pools, _piece(d.identity, 0))})"
    last = _surname(pools, _piece(d.identity, 2), _piece(d.identity, 3))
    middle = f"{_middle(d, pools)} || ' ' || " if d.again else ""
    return f"{first} || ' ' || {middle}{last}"


def _email(d: Digits, pools: Pools) -> str:
    """``first.last.0123456789@example.org``: 40 bits make two of a name differ."""
    first = f"({_given(d, pools, _piece(d.identity, 0), ascii_only=True)})"
    last = _surname(pools, _piece(d.identity, 2), _piece(d.identity, 3), ascii_only=True)
    domain = f"list_extract(['example.org', 'example.com', 'example.net'], 1 + ({_piece(d.own, 7)} % 3)::BIGINT)"
    return f"{first} || '.' || {last} || '.' || {_tag(d)} || '@' || {domain}"


def _username(d: Digits, pools: Pools) -> str:
    first = f"left({_given(d, pools, _piece(d.identity, 0), ascii_only=True)}, 1)"
    return f"{first} || {_surname(pools, _piece(d.identity, 2), _piece(d.identity, 3), ascii_only=True)} || {_tag(d)}"


def _tag(d: Digits) -> str:
    return f"lower(substr({d.own}, 41, 10))"


def _phone(d: Digits, pools: Pools) -> str:  # noqa: ARG001 - one signature for all recipes
    number = _digits(_wide(d.own, 0), 12)
    groups = " || ' ' || ".join(f"substr({number}, {start}, 3)" for start in (1, 4, 7, 10))
    return f"'+999 ' || {groups}"


def _national_id(d: Digits, pools: Pools) -> str:  # noqa: ARG001
    """One of the 10,980,000 social security numbers in the ranges named above."""
    number = f"({_wide(d.own, 0)} % 10980000)::BIGINT"
    low = f"lpad(({number} % 1000000)::VARCHAR, 6, '0')"
    area = f"(({number} - 2000000) // 10000 + 1)"
    unissued = f"CASE WHEN {number} < 1000000 THEN '000-' ELSE '666-' END || left({low}, 2) || '-' || right({low}, 4)"
    no_group = (
        f"lpad(CASE WHEN {area} >= 666 THEN {area} + 1 ELSE {area} END::VARCHAR, 3, '0') || '-00-' || "
        f"lpad(({number} % 10000)::VARCHAR, 4, '0')"
    )
    return f"CASE WHEN {number} < 2000000 THEN {unissued} ELSE {no_group} END"


def _iban(d: Digits, pools: Pools) -> str:  # noqa: ARG001
    account = _digits(_wide(d.own, 0), 18)
    check = f"lpad((98 - ({account} || '333300')::HUGEINT % 97)::VARCHAR, 2, '0')"  # ISO 13616; X is 33
    return f"'XX' || {check} || {account}"


def _credit_card(d: Digits, pools: Pools) -> str:  # noqa: ARG001
    account = f"'0' || {_digits(_wide(d.own, 0), 14)}"
    digit = f"substr({account}, i::BIGINT, 1)::INTEGER"
    doubled = f"CASE WHEN i % 2 = 1 THEN ({digit} * 2) // 10 + ({digit} * 2) % 10 ELSE {digit} END"
    total = f"list_sum(list_transform(range(1, 16), lambda i: {doubled}))"
    return f"{account} || ((10 - {total} % 10) % 10)::INTEGER::VARCHAR"


def _ip_address(d: Digits, pools: Pools) -> str:  # noqa: ARG001
    groups = " || ':' || ".join(f"lower(substr({d.own}, {1 + 4 * i}, 4))" for i in range(6))
    octets = " || '.' || ".join(f"({_piece(d.own, i)} % 256)::VARCHAR" for i in range(3))
    v4 = f"(240 + {_piece(d.own, 3)} % 15)::VARCHAR || '.' || {octets}"
    return f"CASE WHEN contains({d.value}, ':') THEN '2001:db8:' || {groups} ELSE {v4} END"


def _street(d: Digits, pools: Pools) -> str:
    name = _surname(pools, _piece(d.own, 0), _piece(d.own, 1))
    number = f"(1 + {_piece(d.own, 2)} % 9998)::VARCHAR"
    return f"{number} || ' ' || {name} || ' ' || {pools.pick('street_suffix', _piece(d.own, 3))}"


def _postcode(d: Digits, pools: Pools) -> str:  # noqa: ARG001
    return _digits(_piece(d.own, 4), 5)


def _address(d: Digits, pools: Pools) -> str:
    return f"{_street(d, pools)} || ', ' || {pools.pick('city', _piece(d.own, 5))} || ' ' || {_postcode(d, pools)}"


def _company(d: Digits, pools: Pools) -> str:
    name = _surname(pools, _piece(d.own, 0), _piece(d.own, 1))
    return f"{name} || ' ' || {pools.pick('company_suffix', _piece(d.own, 2))}"


def _word(pool: PoolName) -> Callable[[Digits, Pools], str]:
    return lambda d, pools: pools.pick(pool, _piece(d.own, 5))


_RECIPES: dict[FakeKind, Callable[[Digits, Pools], str]] = {
    "name": _name,
    "first_name": _first,
    "last_name": _last,
    "middle_name": _middle,
    "email": _email,
    "username": _username,
    "phone": _phone,
    "national_id": _national_id,
    "address": _address,
    "street_address": _street,
    "city": _word("city"),
    "postcode": _postcode,
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
    word = f"lower(trim({column}))"
    female = ", ".join(literal(name) for name in _FEMALE.split())
    male = ", ".join(literal(name) for name in _MALE.split())
    return f"CASE WHEN {word} IN ({female}) THEN true WHEN {word} IN ({male}) THEN false END"
