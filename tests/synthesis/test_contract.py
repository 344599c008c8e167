"""The law-book: what every synthesizer keeps, whatever its method."""

from __future__ import annotations

import traceback
import zipfile
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from synth_assets import synthesis
from synth_assets.domain import Domain
from synth_assets.errors import DomainError, SealedError, SourceError, SpecError
from synth_assets.mechanisms import NoNoise
from synth_assets.synthesis import (
    AIM,
    METHODS,
    MST,
    AnySynthesizer,
    Diffix,
    Independent,
    Model,
    PrivBayes,
    Random,
    Synthesizer,
    synthesizer,
)

EVERY: list[Synthesizer] = [
    Random(),
    Independent(epsilon=2, delta=1e-6),
    MST(epsilon=2, delta=1e-6),
    AIM(epsilon=2, delta=1e-6),
    PrivBayes(epsilon=2, delta=1e-6),
    Diffix(),
]
PRIVATE = [method for method in EVERY if method.cost()[0]]
every = pytest.mark.parametrize("method", EVERY, ids=lambda m: m.method)
private = pytest.mark.parametrize("method", PRIVATE, ids=lambda m: m.method)

WIDE = """
    SELECT i AS "select", i * 1.5 AS "quo""te", i % 2 = 0 AS "🙂", 'v' || i % 3 AS "a b",
        DATE '1990-01-01' + CAST(i AS INTEGER) AS born, TIMESTAMP '2020-01-01' + INTERVAL (i) HOUR AS seen,
        CAST(i / 4 AS DECIMAL(9, 2)) AS paid, NULL AS nothing, CAST(i AS UTINYINT) AS small,
        CAST(i AS HUGEINT) AS huge, CAST(i AS FLOAT) AS single, TIME '10:00' AS hour,
        CAST('00000000-0000-0000-0000-00000000000' || i % 3 AS UUID) AS id,
        TIMESTAMPTZ '2020-01-01 00:00:00+00' AS zoned, CAST('a' AS ENUM('a', 'b')) AS letter,
        CASE i % 4 WHEN 0 THEN 'nan'::DOUBLE WHEN 1 THEN 'inf'::DOUBLE WHEN 2 THEN NULL ELSE 1.5 END AS odd
    FROM range({rows}) AS t(i)
"""


def _same_types(sampled: pd.DataFrame, table: pd.DataFrame) -> None:
    assert list(sampled.columns) == list(table.columns)
    for label in table.columns:
        if not sampled[label].isna().any() and not isinstance(table[label].dtype, pd.CategoricalDtype):
            assert str(sampled[label].dtype) == str(table[label].dtype), label


@every
@pytest.mark.parametrize("rows", [0, 1, 200])
def test_a_relation_gives_a_table_of_its_columns_and_types(method: Synthesizer, rows: int) -> None:
    con = duckdb.connect()
    relation = con.sql(WIDE.format(rows=rows))
    model = method.fit(relation)
    sampled = model.sample(50)
    assert len(sampled) == 50
    assert list(sampled.columns) == relation.columns
    con.register("sampled", sampled.drop(columns=["nothing", "letter"]))
    told = {column: kind for column, kind, *_ in con.sql("DESCRIBE sampled").fetchall()}
    for column, kind in zip(relation.columns, map(str, relation.types), strict=True):
        if column in told and kind in ("BIGINT", "BOOLEAN", "VARCHAR", "UTINYINT", "FLOAT") and rows:
            assert told[column] == kind, column
    assert con.sql("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
    assert len(relation.fetchall()) == rows


@every
def test_a_frame_gives_a_frame_of_its_types(method: Synthesizer) -> None:
    frame = pd.DataFrame(
        {
            "int": range(40),
            "uint8": np.arange(40, dtype=np.uint8),
            "float": np.linspace(0, 1, 40),
            "float32": np.linspace(0, 1, 40).astype(np.float32),
            "bool": [True, False] * 20,
            "text": ["x", "y"] * 20,
            "nullable": pd.array([1, None] * 20, dtype="Int64"),
            "maybe": pd.array([True, None] * 20, dtype="boolean"),
            "moment": pd.date_range("2020-01-01", periods=40),
            "zoned": pd.date_range("2020-01-01", periods=40, tz="Europe/Berlin"),
            "object": pd.Series(["p", None] * 20, dtype="object"),
            "day": pd.Series([date(2020, 1, 1 + i % 20) for i in range(40)], dtype="object"),
            "money": pd.Series([Decimal("1.25")] * 40, dtype="object"),
            7: range(40),
        }
    )
    before = frame.copy(deep=True)
    sampled = method.fit(frame).sample(30)
    _same_types(sampled, frame)
    pd.testing.assert_frame_equal(frame, before)
    known = sampled.dropna()
    assert all(type(v) is date for v in known["day"])
    assert all(isinstance(v, Decimal) for v in known["money"])
    assert not sampled[["int", "uint8", "bool", 7]].isna().any().any()


@every
def test_a_path_will_do(method: Synthesizer, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(20), 'b"': ["x"] * 20})
    frame.to_csv(tmp_path / "it's.csv", index=False)
    duckdb.from_df(frame).write_parquet(str(tmp_path / "t.parquet"))
    for path in (tmp_path / "it's.csv", str(tmp_path / "t.parquet")):
        _same_types(method.fit(path).sample(9), frame)


@every
def test_what_is_no_table_is_refused(method: Synthesizer, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("secret")
    strange = ((tmp_path / "none.csv", "cannot be read"), (tmp_path / "t.xls", "must end in"), (7, "a table is"))
    for wrong, rule in strange:
        with pytest.raises(SourceError, match=rule):
            method.fit(wrong)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="cannot be read") as refusal:
        method.fit(tmp_path / "broken.parquet")
    assert refusal.value.__cause__ is None
    with pytest.raises(DomainError, match="must have different names"):
        method.fit(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DomainError, match="no column"):
        method.fit(pd.DataFrame(index=range(3)))
    with pytest.raises(DomainError, match="__unit are bookkeeping"):
        method.fit(pd.DataFrame({"__unit": [1]}))
    with pytest.raises(DomainError, match="column l: values of type"):
        method.fit(duckdb.sql("SELECT [1, 2] AS l"))
    with pytest.raises(ValueError, match="rows_per_unit \\(0\\)"):
        method.fit(pd.DataFrame({"a": [1]}), rows_per_unit=0)


@every
def test_the_engines_texts_do_not_escape(method: Synthesizer) -> None:
    hostile = duckdb.sql("SELECT CAST('Jane Roe' || i AS INTEGER) AS a FROM range(3) AS t(i)")
    with pytest.raises(SealedError) as refusal:
        method.fit(hostile)
    assert "Jane" not in str(refusal.value)
    assert "Jane" not in "".join(traceback.format_exception(refusal.value))


@every
def test_parameters_are_a_frozen_value(method: Synthesizer) -> None:
    again: Synthesizer = TypeAdapter[Any](AnySynthesizer).validate_python(method.model_dump())
    assert again == method
    assert synthesizer(method.model_dump()) == method
    assert METHODS[method.method] is type(method)
    with pytest.raises(ValidationError):
        method.method = "other"  # type: ignore[misc]
    assert method.guarantee in ("differential_privacy", "heuristic")


@every
def test_the_cost_is_known_before_and_charged_after(method: Synthesizer) -> None:
    model = method.fit(pd.DataFrame({"a": range(30), "b": ["x"] * 30}), rows_per_unit=3)
    assert (model.charge.epsilon, model.charge.delta) == method.cost()
    assert model.charge.mechanism == model.method == method.method
    assert model.charge.rows_per_unit == 3
    assert not model.charge.seeded
    assert sum(event.share for event in model.charge.events) == pytest.approx(1 if method.cost()[0] else 0)
    assert all(0 <= error["tvd"] <= 1 for error in model.errors)


@every
def test_a_model_survives_being_saved(method: Synthesizer, tmp_path: Path) -> None:
    model = method.fit(duckdb.sql(WIDE.format(rows=60)))
    model.save(tmp_path / "it.model")
    loaded = Model.load(tmp_path / "it.model")
    assert loaded.charge == model.charge
    assert loaded.errors == model.errors
    assert loaded.rows == model.rows
    first, second = (m.sample(40, rng=np.random.default_rng(1)) for m in (model, loaded))
    pd.testing.assert_frame_equal(first, second)
    with zipfile.ZipFile(tmp_path / "it.model") as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                np.lib.format.read_magic(member)
                header = np.lib.format.read_array_header_1_0(member)
                assert not header[2].hasobject


@pytest.mark.parametrize("content", [b"", b"no", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SourceError, match="is not a saved model"):
        Model.load(tmp_path / "x")


@every
def test_sampling_is_repeatable_only_by_request(method: Synthesizer) -> None:
    model = method.fit(pd.DataFrame({"a": range(200)}))
    assert len(model.sample()) == model.rows
    assert len(model.sample(0)) == 0
    first, second = (model.sample(200, rng=np.random.default_rng(3)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    with pytest.raises(ValueError, match="n \\(-1\\)"):
        model.sample(-1)


@private
def test_noise_is_never_the_same_twice(method: Synthesizer, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(100), "b": [True] * 100})
    for i in range(3):
        method.fit(frame).save(tmp_path / f"{i}")
    conditionals = set()
    for i in range(3):
        with np.load(tmp_path / f"{i}") as arrays:
            conditionals.add(b"".join(arrays[k].tobytes() for k in arrays.files))
    assert len(conditionals) == 3


@every
def test_a_seed_is_told(method: Synthesizer) -> None:
    frame = pd.DataFrame({"a": range(100), "b": [True] * 100})
    one, two = (method.fit(frame, rng=np.random.default_rng(8)) for _ in range(2))
    assert one.charge.seeded
    pd.testing.assert_frame_equal(
        one.sample(50, rng=np.random.default_rng(1)), two.sample(50, rng=np.random.default_rng(1))
    )
    assert method.fit(frame, rng=NoNoise()).charge.seeded


cells = st.one_of(st.none(), st.text(max_size=5))
columns = st.one_of(
    st.lists(cells, min_size=4, max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.floats()), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.dates(date(1, 1, 1), date(9999, 12, 31))), min_size=4, max_size=4),
    st.lists(st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)), min_size=4, max_size=4),
)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)


@given(st.dictionaries(names, columns, min_size=1, max_size=3), st.sampled_from(EVERY), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_any_small_table_works(table: dict[str, list[Any]], method: Synthesizer, rows: int) -> None:
    frame = pd.DataFrame({name: values[:rows] for name, values in table.items()})
    if {"__unit", "__control"} & set(frame):
        return
    sampled = method.fit(frame).sample(7)
    assert len(sampled) == 7
    _same_types(sampled, frame)


def test_every_cell_is_a_value_of_the_declared_domain() -> None:
    frame = pd.DataFrame({"age": [-5, 500, 30] * 30, "sex": ["f", "m", "unheard of"] * 30, "day": ["2020-05-05"] * 90})
    frame["day"] = pd.to_datetime(frame["day"])
    domain = Domain.from_spec(
        {
            "age": {"bounds": [0, 120]},
            "sex": {"categories": ["f", "m"]},
            "day": {"bounds": ["2020-01-01", date(2020, 12, 31)]},
            "more than the table has": {"bounds": [0, 1]},
        }
    )
    for method in (
        Random(),
        Independent(epsilon=1),
        MST(epsilon=1, delta=0),
        MST(epsilon=1),
        AIM(epsilon=1, delta=0),
        PrivBayes(epsilon=1, delta=0),
        Diffix(),
    ):
        sampled = method.fit(frame, domain).sample(300)
        assert sampled["age"].between(0, 120).all()
        assert set(sampled["sex"].dropna()) <= {"f", "m", "other"}
        assert sampled["day"].dropna().between(datetime(2020, 1, 1), datetime(2021, 1, 1)).all()
        assert "unheard of" not in set(sampled["sex"])


def test_values_outside_a_declared_list_have_no_name_in_other_types() -> None:
    declared = Domain.from_spec({"n": {"categories": [1, 2]}, "t": {"categories": ["10:00:00"]}})
    frame = pd.DataFrame({"n": pd.array([1, 2, 9] * 50, dtype="Int64"), "t": [time(10)] * 150})
    sampled = Independent(epsilon=1e4).fit(frame, declared).sample(150)
    assert sampled["n"].value_counts(dropna=False).to_dict() == pytest.approx({1: 50, 2: 50, pd.NA: 50}, abs=2)
    plain = Independent(epsilon=1e4).fit(frame.astype({"n": object}).astype({"n": "int64"}), declared).sample(150)
    assert set(plain["n"]) == {1, 2}
    assert set(sampled["t"].dropna()) == {time(10)}


def test_uuid_columns_come_back_as_uuids() -> None:
    relation = duckdb.sql("SELECT CAST('00000000-0000-0000-0000-000000000001' AS UUID) AS u FROM range(1000)")
    values = Independent(epsilon=10, delta=1e-6).fit(relation).sample(100)["u"].dropna()
    assert set(values) == {UUID(int=1)}


@pytest.mark.parametrize("method", [AIM, Independent, MST, PrivBayes])
@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ({"epsilon": -1}, "epsilon \\(-1\\) must be positive"),
        ({"epsilon": 0}, "epsilon \\(0\\) must be positive"),
        ({"epsilon": float("inf")}, "must be positive and finite"),
        ({"epsilon": float("nan")}, "must be positive and finite"),
        ({"epsilon": 1, "delta": 1}, "delta \\(1\\) must be"),
        ({"epsilon": 1, "delta": -0.1}, "delta \\(-0.1\\) must be"),
        ({}, "epsilon"),
        ({"epsilon": 1, "epsilom": 1}, "epsilom"),
    ],
)
def test_wrong_parameters_are_refused(method: type[Synthesizer], parameters: dict[str, float], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        method(**parameters)


@private
@pytest.mark.parametrize(("epsilon", "delta"), [(1e-11, 0.0), (1e-300, 0.0), (1e-14, 1e-30)])
def test_an_epsilon_too_small_for_any_noise_is_told(method: Synthesizer, epsilon: float, delta: float) -> None:
    tiny = method.model_copy(update={"epsilon": epsilon, "delta": delta})
    with pytest.raises(SpecError, match=r"synthesizer.epsilon .* out of range"):
        tiny.fit(pd.DataFrame({"a": [1.5] * 5, "b": [True] * 5}))


@private
@pytest.mark.parametrize("epsilon", [1e-4, 1e4])
def test_small_and_large_epsilons_work(method: Synthesizer, epsilon: float) -> None:
    frame = pd.DataFrame({"a": range(50), "b": ["x", "y"] * 25})
    assert len(method.model_copy(update={"epsilon": epsilon}).fit(frame).sample(5)) == 5


def test_a_block_of_the_spec_is_a_synthesizer() -> None:
    assert synthesizer({"method": "mst", "epsilon": 1}) == MST(epsilon=1.0, delta=1e-9)
    assert synthesizer({"method": "independent", "epsilon": 1}).cost() == (1.0, 0.0)
    with pytest.raises(SpecError, match=r"aimm.*aim, diffix, independent, mst, privbayes, random"):
        synthesizer({"method": "aimm", "epsilon": 1})
    with pytest.raises(SpecError, match=r"synthesizer\.epsilon: epsilon \(-1\) must be positive"):
        synthesizer({"method": "mst", "epsilon": -1})
    with pytest.raises(SpecError, match=r"synthesizer\.epsilom"):
        synthesizer({"method": "mst", "epsilon": 1, "epsilom": 1})


def test_the_surface_is_sorted_and_true() -> None:
    assert synthesis.__all__ == sorted(synthesis.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(synthesis, name) for name in synthesis.__all__)
