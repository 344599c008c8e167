"""Invented values: their form, their ranges, and that the pools bring the words they promise."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import duckdb
import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from stdnum import iban, luhn
from stdnum.au import tfn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.iso7064 import mod_11_10
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import itin, ssn

from synth_assets.deidentification.fakes import Digits, fake_expression, female_expression
from synth_assets.deidentification.national_ids import PLACES
from synth_assets.deidentification.pools import Pools
from synth_assets.deidentification.telephones import UNUSED
from synth_assets.deidentification.treatments import FakeKind
from synth_assets.errors import SpecError

_MANY = (
    "(SELECT ('0x' || left(sha256('identity' || i), 16))::UBIGINT AS h, i % 2 = 0 AS f, 'v' || i AS v "
    "FROM range(3000) AS r(i))"
)


@pytest.fixture(scope="module")
def pools(con: duckdb.DuckDBPyConnection) -> Pools:
    pools = Pools("en_US")
    pools.install(con)
    return pools


def fakes(con: duckdb.DuckDBPyConnection, pools: Pools, kind: FakeKind, digits: Digits | None = None) -> list[str]:
    expression = fake_expression(kind, digits or Digits("h", "h", "f", "v"), pools)
    return [str(row[0]) for row in con.execute(f"SELECT {expression} FROM {_MANY} ORDER BY v").fetchall()]


def test_social_security_numbers_were_never_issued(con: duckdb.DuckDBPyConnection, pools: Pools) -> None:
    made = fakes(con, pools, "national_id")
    assert len(set(made)) > 2990
    for number in made:
        area, group, _ = re.fullmatch(r"(\d{3})-(\d{2})-(\d{4})", number).groups()  # type: ignore[union-attr]
        assert area in ("000", "666") or (group == "00" and area < "900") or (group < "50" and area >= "900")
        assert not ssn.is_valid(number)
        assert not itin.is_valid(number)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "000-00-0000"),
        (1_234_567, "666-23-4567"),
        (2_000_000, "001-00-0000"),
        (2_000_000 + 664 * 10_000 + 5, "665-00-0005"),
        (2_000_000 + 665 * 10_000, "667-00-0000"),
        (10_979_999, "899-00-9999"),
        (10_980_000, "900-00-0000"),
        (10_980_000 + 49 * 10_000 + 9_999, "900-49-9999"),
        (10_980_000 + 50 * 10_000, "901-00-0000"),
        (60_979_999, "999-49-9999"),
    ],
)
def test_social_security_ranges_join_without_gaps(
    con: duckdb.DuckDBPyConnection, pools: Pools, number: int, expected: str
) -> None:
    digits = Digits("0::UBIGINT", f"{number}::UBIGINT")
    assert con.execute(f"SELECT {fake_expression('national_id', digits, pools)}").fetchall() == [(expected,)]


def test_numbers_with_checks_pass_them_and_belong_to_nobody(con: duckdb.DuckDBPyConnection, pools: Pools) -> None:
    for account in fakes(con, pools, "iban"):
        assert iban.calc_check_digits(account) == account[2:4]
        assert account.startswith("XX")
        assert len(account) == 22
    for card in fakes(con, pools, "credit_card"):
        assert luhn.is_valid(card)
        assert re.fullmatch(r"0\d{15}", card)
    for phone in fakes(con, pools, "phone"):
        assert re.fullmatch(r"\+999( \d{3}){4}", phone)
    for address in fakes(con, pools, "ip_address"):
        assert ipaddress.ip_address(address) in ipaddress.ip_network("240.0.0.0/4")
    for address in fakes(con, pools, "ip_address", Digits("h", "h", "f", "'::1'")):
        assert ipaddress.ip_address(address) in ipaddress.ip_network("2001:db8::/32")


def test_mail_addresses_are_made_of_the_name(con: duckdb.DuckDBPyConnection, pools: Pools) -> None:
    names = fakes(con, pools, "name")
    for name, first, last, mail in zip(
        names, fakes(con, pools, "first_name"), fakes(con, pools, "last_name"), fakes(con, pools, "email"), strict=True
    ):
        assert name == f"{first} {last}"
        assert re.fullmatch(rf"{first.lower()}\.{last.lower()}\.[0-9a-f]{{10}}@example\.(org|com|net)", mail)


def test_given_names_follow_the_gender(con: duckdb.DuckDBPyConnection, pools: Pools) -> None:
    women = set(fakes(con, pools, "first_name", Digits("h", "h", "true")))
    men = set(fakes(con, pools, "first_name", Digits("h", "h", "false")))
    unknown = set(fakes(con, pools, "first_name", Digits("h", "h")))
    assert women <= set(pools.words["female"])
    assert men <= set(pools.words["male"])
    assert len(women) > 300
    assert len(men) > 250
    assert unknown - women
    assert unknown - men


def test_surnames_are_no_real_ones(pools: Pools) -> None:
    real = set(pools.words["last"])
    invented = {(head + last).lower() for head in pools.words["head"] for last in pools.words["last"]}
    assert len(invented) > 60_000
    assert not invented & real


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("street_address", r"\d{1,4} \w+ [A-Z][a-z]+"),
        ("address", r"\d{1,4} \w+ [A-Z][a-z]+, .+ \d{5}"),
        ("postcode", r"\d{5}"),
        ("username", r"[a-z]+[0-9a-f]{12}"),
        ("middle_name", r"[A-Z][a-z]+"),
        ("company", r"\w+ .+"),
        ("city", r".+"),
        ("region", r".+"),
        ("country", r".+"),
        ("job", r".+"),
    ],
)
def test_form(con: duckdb.DuckDBPyConnection, pools: Pools, kind: FakeKind, form: str) -> None:
    made = fakes(con, pools, kind)
    assert all(re.fullmatch(form, value) for value in made)
    assert len(set(made)) > 30


def test_words_for_genders(con: duckdb.DuckDBPyConnection) -> None:
    words = ["Female", " f ", "W", "männlich", "M", "other", "", None]
    rows = con.execute(f"SELECT {female_expression('w')} FROM (SELECT unnest($1) AS w)", [words]).fetchall()
    assert [row[0] for row in rows] == [True, True, True, False, False, None, None, None]


def test_pools_of_a_locale_are_the_same_every_time() -> None:
    german = Pools("de_DE")
    assert german.digest == Pools("de_DE").digest != Pools("en_US").digest
    assert "Jürgen" in german.words["male"]
    assert "jurgen" in german.words["male_ascii"]
    japanese = Pools("ja_JP")
    assert all(japanese.words.values())
    assert all(word.isascii() for word in japanese.words["last_ascii"])
    with pytest.raises(SpecError, match="xx_XX"):
        Pools("xx_XX")


def test_telephones_keep_their_country_and_belong_to_nobody(con: duckdb.DuckDBPyConnection, pools: Pools) -> None:
    """Of every calling code forty-one numbers, and those at both ends of the range."""
    codes = sorted(code for codes in UNUSED.values() for code in codes.split())
    assert {int(code) for code in codes} == set(COUNTRY_CODE_TO_REGION_CODE) - {54, 888}
    fake = fake_expression("phone", Digits("h", "h", value="v"), pools)
    places = f"(SELECT unnest([0, {10**9 - 1}] || range(13, {10**9}, 24999999))::UBIGINT AS h)"
    rows = f"(SELECT *, '+' || code || ' 234 567 8901' AS v FROM {places}, unnest($1) AS t(code))"
    made = con.execute(f"SELECT code, {fake} FROM {rows}", [codes]).fetchall()
    assert len({number for _, number in made}) == 43 * len(codes)
    for code, number in made:
        parsed = phonenumbers.parse(number)
        assert parsed.country_code == int(code)
        assert not phonenumbers.is_valid_number(parsed), number
        assert len(re.sub(r"\D", "", number)) <= 15


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ("+1 415-555-0132", "+1 0"),
        ("0044 (20) 7946 0018", "+44 39"),
        (" +49(0)30 123456", "+49 109"),
        ("+354 555 1234", "+354 109"),
        ("+1.415.555.0132", "+1 0"),
        ("+49.30.1234567", "+49 109"),
        ("+7 (495) 123-45-67", "+7 109"),
        ("+44", "+999 "),
        ("+54 9 11 1234 5678", "+999 "),
        ("+999 123 456 789 012", "+999 "),
        ("(555) 010-1234", "+999 "),
        ("030 123456", "+999 "),
        ("+44 call me", "+999 "),
    ],
)
def test_the_country_is_what_is_written(con: duckdb.DuckDBPyConnection, pools: Pools, value: str, begins: str) -> None:
    fake = fake_expression("phone", Digits("7::UBIGINT", "7::UBIGINT", value="v"), pools)
    ((made, again),) = con.execute(
        f"SELECT v, {fake} FROM (SELECT {fake} AS v FROM (SELECT $1 AS v))", [value]
    ).fetchall()
    assert made.startswith(begins)
    assert made == again  # a fake has the country, and so the range, of what it stands for


ISSUED_BY_NOBODY: dict[str, Callable[[str], bool]] = {
    "ca_sin": lambda n: luhn.is_valid(n.replace(" ", "")) and n[0] == "0" and not sin.is_valid(n),
    "de_idnr": lambda n: mod_11_10.is_valid(n) and n[0] == "0" and len(n) == 11,
    "fr_nir": lambda n: nir.calc_check_digits(n[:13]) == n[13:] and n[0] == "9" and len(n) == 15,
    "gb_nino": lambda n: re.fullmatch(r"(BG|GB|KN|NK|NT|TN|ZZ)\d{6}[ABCD]", n) is not None,
    "it_cf": lambda n: (
        re.fullmatch(r"[B-Z]{6}\d\d[ABCDEHLMPRST][7-9]\dZ\d{3}[A-Z]", n) is not None
        and codicefiscale.calc_check_digit(n[:15]) == n[15]
        and 72 <= int(n[9:11]) <= 99
    ),
    "pl_pesel": lambda n: pesel.calc_check_digit(n[:10]) == n[10:] and 13 <= int(n[2:4]) <= 19,
    "au_tfn": lambda n: re.fullmatch(r"\d{9}", n) is not None and not tfn.is_valid(n),
    "br_cpf": lambda n: re.fullmatch(r"\d{3}\.\d{3}\.\d{3}-\d\d", n) is not None and not cpf.is_valid(n),
    "es_dni": lambda n: re.fullmatch(r"\d{8}[A-Z]", n) is not None and not dni.is_valid(n),
    "nl_bsn": lambda n: re.fullmatch(r"\d{9}", n) is not None and not bsn.is_valid(n),
}


@pytest.mark.parametrize("kind", list(PLACES))
def test_national_ids_have_their_format_and_belong_to_nobody(
    con: duckdb.DuckDBPyConnection, pools: Pools, kind: FakeKind
) -> None:
    made = fakes(con, pools, kind)
    wrong = [number for number in made if not ISSUED_BY_NOBODY[kind](number)]
    assert not wrong, wrong[:3]
    size = PLACES[kind]
    ends = f"(SELECT unnest([0, 1, {size // 2}, {size - 2}, {size - 1}])::UBIGINT AS h)"
    few = con.execute(f"SELECT {fake_expression(kind, Digits('h', 'h'), pools)} FROM {ends}").fetchall()
    assert all(ISSUED_BY_NOBODY[kind](number) for (number,) in few)
    near = f"(SELECT (i * 7919) % {size} AS h FROM range(20000) AS r(i))"
    distinct = f"SELECT count(DISTINCT {fake_expression(kind, Digits('h::UBIGINT', 'h::UBIGINT'), pools)}) FROM {near}"
    assert con.execute(distinct).fetchall() == [(20_000,)]
