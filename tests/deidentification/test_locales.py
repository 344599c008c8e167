"""Names of the person's own country: by arithmetic in SQL, the same everywhere, and no two alike."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from synth_assets.deidentification import TreatedColumn, deidentify
from synth_assets.deidentification.columns import KNOWN_GENDER, KNOWN_HOME
from synth_assets.deidentification.fakes import Digits
from synth_assets.deidentification.locales import HOMES, Homes, home_expression, locale_of_country
from synth_assets.deidentification.pools import Pools, name_words

WORDS = {locale: name_words(locale or "en_US") for locale in ("de_DE", "pl_PL", "ja_JP", None)}
Con = duckdb.DuckDBPyConnection
COUNTRIES = ["Germany", "POL", " japan ", "Atlantis", None]
LOCALES = ["de_DE", "pl_PL", "ja_JP", None, None]


def column(name: str, treatment: Any, kind: str = "unknown_none", **facts: Any) -> TreatedColumn:
    given = {"data_type": "VARCHAR", "role": "direct_identifier", **facts}
    return TreatedColumn.model_validate({"name": name, "treatment": treatment, "entity_type": kind, **given})


PEOPLE = [
    column("id", "pseudonymize", "person_id"),
    column("first", {"fake": "first_name"}, "first_name"),
    column("last", {"fake": "last_name"}, "last_name"),
    column("mail", {"fake": "email"}, "email"),
    column("land", "keep", "country", role="quasi_identifier"),
    column("sex", "keep", "gender", role="quasi_identifier"),
]


@pytest.fixture(scope="module")
def treated(con: Con) -> Con:
    """500 people of five homes, 100 each, with their visits, whose table does not tell the home."""
    listed = ", ".join("NULL" if land is None else f"'{land}'" for land in COUNTRIES)
    con.execute(
        f"CREATE TABLE folk AS SELECT 'P' || i AS id, 'F' || i AS first, 'L' || i AS last, 'm' || i AS mail, "
        f"list_extract([{listed}], 1 + i % 5) AS land, CASE WHEN i % 2 = 0 THEN 'f' ELSE 'm' END AS sex, "
        "i::UBIGINT AS __unit, false AS __control FROM range(500) AS r(i)"
    )
    con.execute("CREATE TABLE calls AS SELECT id, first || ' ' || last AS name, __unit, __control FROM folk, range(2)")
    deidentify(con, "folk", PEOPLE, "t_folk", unit="id")
    home = home_expression("land", language=False)
    people = f"(SELECT __unit, any_value(sex) AS gender, max({home}) AS home FROM folk GROUP BY __unit)"
    calls = [column("id", "pseudonymize", "person_id"), column("name", {"fake": "name"}, "person_name")]
    deidentify(con, "calls", calls, "t_calls", unit="id", people_sql=people)
    return con


def test_words_for_countries_and_languages(con: Con) -> None:
    assert [locale_of_country(code) for code in ("de", "gb", "ar", "xx")] == ["de_DE", "en_US", "es_ES", None]
    told = [("Germany", "de_DE"), ("GBR", "en_US"), (" méxico", "es_ES"), ("uk", "en_US"), ("Mars", None), (None, None)]
    for word, locale in told:
        assert con.execute(f"SELECT {home_expression('$1::VARCHAR', False)}", [word]).fetchone() == (locale,)
    for word, locale in [("pt-BR", "pt_PT"), ("uk", "uk_UA"), ("de_CH", "de_DE"), ("sv", "sv_SE"), ("German", "de_DE")]:
        assert con.execute(f"SELECT {home_expression('$1::VARCHAR', True)}", [word]).fetchone() == (locale,)


def test_names_are_those_of_the_country_and_the_gender(treated: Con) -> None:
    rows = treated.execute(f"SELECT land, sex, first, last, {KNOWN_HOME}, {KNOWN_GENDER} FROM t_folk").fetchall()
    assert {home for *_, home, _ in rows} == set(LOCALES)
    for land, sex, first, last, home, female in rows:
        women, men, tails = WORDS[home]
        assert first in (women if sex == "f" else men), land
        assert any(last.endswith(tail.lower()) for tail in tails), land
        assert female == (sex == "f")
    assert len({row[2] for row in rows}) > 150


def test_a_person_has_one_name_in_every_table(treated: Con) -> None:
    same = "SELECT count(*) FROM t_folk AS f JOIN t_calls AS c USING (id) WHERE c.name = f.first || ' ' || f.last"
    assert treated.execute(same).fetchall() == [(1000,)]
    mails = "SELECT count(*) FROM t_folk WHERE ascii(first) < 128 AND mail LIKE lower(first) || '.%'"
    assert treated.execute(mails).fetchall()[0][0] > 150  # of the scripts that mail addresses can be written in


def test_who_is_treated_again_keeps_the_country(treated: Con) -> None:
    named = [column("id", "keep", "person_id"), *PEOPLE[1:3]]
    deidentify(treated, "t_folk", named, "t_again", unit="id", female=KNOWN_GENDER, home=KNOWN_HOME)
    rows = treated.execute(f"SELECT first, {KNOWN_HOME} FROM t_again").fetchall()
    assert all(first in {*WORDS[home][0], *WORDS[home][1]} for first, home in rows)


@pytest.mark.parametrize("change", [{"role": "sensitive"}, {"treatment": {"kind": "suppress"}}])
def test_a_country_that_is_hidden_is_not_told_by_names(con: Con, change: dict[str, Any], treated: Con) -> None:
    hidden = [TreatedColumn.model_validate(c.model_dump() | (change if c.name == "land" else {})) for c in PEOPLE]
    deidentify(con, "folk", hidden, "t_hidden", unit="id")
    assert KNOWN_HOME not in [row[0] for row in con.execute("DESCRIBE t_hidden").fetchall()]
    women, men, _ = WORDS[None]
    assert all(first in {*women, *men} for (first,) in con.execute("SELECT first FROM t_hidden").fetchall())


def test_full_names_of_several_countries_are_unique(con: Con) -> None:
    """Japan has 72,000 names for women: 10,000 people meet often there, and now and then elsewhere."""
    con.execute(
        "CREATE TABLE crowd AS SELECT 'N' || i AS name, list_extract(['JP', 'DE', NULL], 1 + i % 3) AS land, "
        "i::UBIGINT AS __unit, false AS __control FROM range(30000) AS r(i)"
    )
    columns = [column("name", {"fake": "name"}, "person_name", unique=True), PEOPLE[4]]
    told = deidentify(con, "crowd", columns, "t_crowd")
    assert told.columns[0].redrawn > 300
    assert con.execute("SELECT count(DISTINCT name) FROM t_crowd").fetchall() == [(30000,)]
    assert told.columns[0].inputs == ("name",)


def test_no_two_locales_share_a_name() -> None:
    known = {locale: pools.words for locale, pools in Homes(Pools(), set(HOMES)).pools.items()}
    assert set(known) == set(HOMES)
    seen: set[str] = set()
    for words in known.values():
        own = {*words["female"], *words["male"]}
        assert own.isdisjoint(seen)
        assert len(own) == len(words["female"]) + len(words["male"])
        seen |= own
    tails = [tail for words in known.values() for tail in words["last"]]
    assert len(tails) == len(set(tails))
    latin = [words for words in known.values() if words["head"] == known["en_US"]["head"]]
    made = [head + tail for words in latin for head in words["head"][:12] for tail in words["last"]]
    assert len(made) == len(set(made))
    assert len(latin) > 15


def test_places_of_locales_lie_apart(con: Con) -> None:
    homes = Homes(Pools("fr_FR"), {"de_DE", "ja_JP"})
    assert (homes.own, set(homes.pools)) == ("fr_FR", {"de_DE", "fr_FR", "ja_JP"})
    digits = Digits("7::UBIGINT", "7::UBIGINT", "true")
    places = {
        con.execute(f"SELECT {homes.place('name', digits, literal)}").fetchall()[0][0]
        for literal in ("'de_DE'", "'ja_JP'", "NULL", "'it_IT'")
    }
    assert len(places) == 3  # nobody's home is taken for French
    assert homes.longer("name") == (30, 21)
    assert Homes(Pools("en_GB"), set()).own == "en_US"
