"""Twin tables that differ by one unit whose values nobody has seen before: nothing that is public may differ.

Both are released with the same answers (see :mod:`tests.audit.games`), so that equality is exact: the file of the model
or the table of figures, schema, categories, bins, metadata, errors, and whatever was logged, warned of or refused.
"""

from __future__ import annotations

import duckdb
import pytest

from synth_assets.domain import Domain
from tests.audit.games import audit
from tests.audit.targets import (
    CHOOSING,
    DECLARED,
    METHODS,
    NUMBERS_ONLY,
    ROWS_PER_UNIT,
    Worlds,
    canary,
    every_target,
    statistics_target,
    synthesizer_target,
    tables,
    with_and_without,
)

NAMES = list(CHOOSING)

TWINS = {
    "a new category": canary(size="81"),
    "a new category in each row": canary(kind="'new ' || range", town="'new ' || range", size="81"),
    "a number far above": canary("'red'", "'north'", "2147483647"),
    "a number far below": canary("'red'", "'north'", "-2147483648"),
    "a new null": canary("NULL", "NULL", "NULL"),
    "a longer text": canary("repeat('very ', 2000)", "repeat('long ', 20000)", "81"),
    "an empty text": canary("''", "' '", "81"),
    "a text like those of the engine": canary("'other'", "'(missing)'", "81"),
    "more of the same": canary("'red'", "'north'", "81"),
}

STRANGE = {
    "infinite": ("'infinity'::DOUBLE", "'infinity'::DATE", "'infinity'::TIMESTAMP", "0.01", "TRUE", "uuid()"),
    "not a number": ("'nan'::DOUBLE", "DATE '0001-01-01'", "TIMESTAMP '9999-01-01'", "-9999999.99", "FALSE", "NULL"),
    "tiny": ("1e-300", "DATE '9999-12-31'", "NULL", "0", "NULL", "'00000000-0000-0000-0000-0000000000ff'::UUID"),
    "huge": ("-1.7e308", "NULL", "TIMESTAMP '1677-09-22'", "9999999.99", "TRUE", "uuid()"),
    "nothing": ("NULL",) * 6,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "found"])
@pytest.mark.parametrize("twin", TWINS)
def test_nothing_public_tells_twins_apart(twin: str, declared: bool, name: str) -> None:
    target = every_target(DECLARED if declared else NUMBERS_ONLY)[NAMES.index(name)]
    assert audit(target, tables(TWINS[twin]), games=1).findings == ()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("twin", TWINS)
def test_bounds_that_nobody_declared_do_not_tell_either(twin: str, method: type) -> None:
    assert audit(synthesizer_target(method, Domain()), tables(TWINS[twin]), games=1).findings == ()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "found"])
def test_one_unit_or_nobody(declared: bool, name: str) -> None:
    target = every_target(DECLARED if declared else NUMBERS_ONLY)[NAMES.index(name)]
    assert audit(target, tables(canary(), rows=0), games=2).findings == ()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("twin", STRANGE)
def test_values_of_every_type(twin: str, method: type) -> None:
    assert audit(synthesizer_target(method, Domain()), _of_every_type(STRANGE[twin]), games=1).findings == ()


@pytest.mark.parametrize("twin", STRANGE)
def test_figures_of_every_type(twin: str) -> None:
    domain = Domain.from_spec(
        {
            "weight": {"bounds": [-1.5, 10.5]},
            "paid": {"bounds": [20, 60]},
            "born": {"bounds": ["2000-01-01", "2000-12-31"], "bins": 3},
            "seen": {"bounds": ["2020-01-01", "2020-01-10"], "bins": 3},
        }
    )
    figures = {
        "count": {"by": ["ill", "id"]},
        "histogram": [{"of": "weight", "bins": 5}, {"of": "seen"}],
        "sum": [{"of": "weight", "by": "born"}, {"of": "paid"}],
        "mean": {"of": "weight"},
        "variance": {"of": "paid", "by": "ill"},
        "quantiles": [{"of": "weight", "by": "seen"}, {"of": "paid"}],
        "kmeans": {"of": ["weight", "paid"], "clusters": 3},
    }
    target = statistics_target(domain, figures=figures)
    assert audit(target, _of_every_type(STRANGE[twin]), games=1).findings == ()


def _of_every_type(values: tuple[str, ...]) -> Worlds:
    con = duckdb.connect(config={"threads": 1})
    con.execute(
        "CREATE TABLE without AS SELECT sqrt(i) AS weight, DATE '2000-01-01' + CAST(i AS INTEGER) AS born,"
        " TIMESTAMP '2020-01-01' + INTERVAL (i) HOUR AS seen, CAST(i / 4 AS DECIMAL(9, 2)) AS paid,"
        " i % 3 = 0 AS ill, CAST('00000000-0000-0000-0000-00000000000' || i % 9 // 4 AS UUID) AS id"
        " FROM range(300) AS t(i)"
    )
    return with_and_without(con, f"SELECT {', '.join(values)} FROM range({ROWS_PER_UNIT})")
