from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from synth_assets.errors import SpecError
from synth_assets.spec import load_spec
from synth_assets.starter import find_people, proposed_references, scan, scan_all, source_name, write_starter

SHARED = Path(__file__).parents[1] / "../shared/data"


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    rows = [f"K{i:04d},{i % 60 + 20},{'FM'[i % 2]},{'x' * (i % 7 + 1)}{i * 7919 % 8191}" for i in range(300)]
    return write(tmp_path / "people.csv", "customer_id,age,sex,zz9", rows)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return write(tmp_path / "orders.csv", "customer_id,amount", [f"K{i % 250:04d},{i * 3}" for i in range(1000)])


def test_a_starter_is_a_valid_spec(people: Path, tmp_path: Path) -> None:
    spec = load_spec(write_starter(tmp_path / "out", [people])[0], {})
    (source,) = spec.sources
    assert (source.name, source.unit, source.max_rows_per_unit) == ("people", "customer_id", 1)
    assert (spec.base / source.path).resolve() == people.resolve()
    assert source.columns["age"].role == "quasi_identifier"
    assert source.columns["age"].bounds is None
    ((_, product),) = spec.products()
    assert product.columns == ("age", "sex")


def test_numbers_of_persons_tell_the_locale(people: Path, tmp_path: Path) -> None:
    from stdnum.pl import pesel

    stems = [f"{70 + i % 30:02d}{1 + i % 12:02d}{1 + i % 28:02d}{i % 10000:04d}" for i in range(200)]
    rows = [f"{i},{stem}{pesel.calc_check_digit(stem)}" for i, stem in enumerate(stems)]
    polish = write(tmp_path / "polish.csv", "id,pesel", rows)
    spec = load_spec(write_starter(tmp_path / "out", [people, polish])[0], {})
    assert {source.name: source.locale for source in spec.sources} == {"people": "en_US", "polish": "pl_PL"}


def test_an_undecided_column_is_left_to_a_person(people: Path, tmp_path: Path) -> None:
    text = write_starter(tmp_path / "out", [people])[0].read_text()
    (line,) = [line for line in text.splitlines() if "zz9" in line]
    assert line.strip().startswith("# zz9:")
    assert "undecided" in line


def test_the_list_of_people_is_found_by_its_keys(people: Path, orders: Path, tmp_path: Path) -> None:
    spec = load_spec(write_starter(tmp_path / "out", [people, orders])[0], {})
    assert spec.source("orders").people == "people"
    assert spec.source("orders").max_rows_per_unit == 5
    assert spec.source("people").people is None


def test_what_lies_in_a_key_refers_to_it(people: Path, orders: Path, tmp_path: Path) -> None:
    """Keys of persons and of things; two lists of the same people refer one way only."""
    also = write(tmp_path / "details.csv", "customer_id,grade", [f"K{i:04d},{i % 4}" for i in range(250)])
    path, _ = write_starter(tmp_path / "out", [also, orders, people])
    spec = load_spec(path, {})
    told = {(s.name, name): c.refers_to for s in spec.sources for name, c in s.columns.items() if c.refers_to}
    assert told == {
        ("orders", "customer_id"): "people.customer_id",
        ("details", "customer_id"): "people.customer_id",
    }
    assert "its values lie in people.customer_id" in path.read_text()


def test_references_never_run_in_a_circle(tmp_path: Path) -> None:
    """Three lists of the same 300 people: each lies in both others."""
    files = [write(tmp_path / f"{n}.csv", "customer_id,x", [f"K{i:04d},{i % 3}" for i in range(300)]) for n in "abc"]
    scanned, found = scan_all(files)
    assert len(found) == 6
    assert proposed_references(scanned, found) == {
        ("b", "customer_id"): "a.customer_id",
        ("c", "customer_id"): "a.customer_id",
    }
    load_spec(write_starter(tmp_path / "out", files)[0], {})


def test_two_columns_are_no_key_together(people: Path, tmp_path: Path) -> None:
    """Both lie in the people's key, but no row of people is both."""
    rows = [f"K{i % 250:04d},K{(i * 7 + 3) % 250:04d},{i}" for i in range(1000)]
    calls = write(tmp_path / "calls.csv", "zz,customer_id,length", rows)
    scanned, found = scan_all([people, calls])
    assert {(table, column) for table, column, _, _ in found} == {("calls", "zz"), ("calls", "customer_id")}
    assert len(proposed_references(scanned, found)) == 1


def test_a_reference_of_another_kind_is_a_comment(tmp_path: Path) -> None:
    """What the two columns are is not the same, which a person decides; the spec is valid meanwhile."""
    visits = write(tmp_path / "visits.csv", "visit_id,ward", [f"V{i * 37:06d},{i % 5}" for i in range(400)])
    bills = write(tmp_path / "bills.csv", "zz,amount", [f"V{i % 300 * 37:06d},{i * 3}" for i in range(900)])
    path, _ = write_starter(tmp_path / "out", [visits, bills])
    (line,) = [line for line in path.read_text().splitlines() if line.strip(" #").startswith("zz")]
    assert 'its values lie in visits.visit_id; if it refers there, write only refers_to: "visits.visit_id"' in line
    load_spec(path, {})


def test_a_key_of_persons_is_one_under_any_name(people: Path, tmp_path: Path) -> None:
    """`zz` says nothing, but its values lie in the key of the people."""
    calls = write(tmp_path / "calls.csv", "zz,minutes", [f"K{i % 250:04d},{i * 3}" for i in range(1000)])
    spec = load_spec(write_starter(tmp_path / "out", [people, calls])[0], {})
    assert spec.source("calls").columns["zz"].type == "person_id"
    assert (spec.source("calls").unit, spec.source("calls").people) == ("zz", "people")


def test_what_others_metadata_decides_becomes_decisions(people: Path, tmp_path: Path) -> None:
    described = tmp_path / "described.yaml"
    columns = "{max_ids: 3, customer_id: {type: string, private_id: true}, age: {type: int, lower: 0, upper: 110}}"
    described.write_text(f"'': {{any: {{people: {columns}}}}}")
    (source,) = load_spec(write_starter(tmp_path / "one", [people], metadata=described)[0], {}).sources
    assert (source.unit, source.columns["age"].bounds) == ("customer_id", (0, 110))
    described.write_text(
        json.dumps(
            {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": {"zz9": {"sdtype": "unknown", "pii": False}}}
        )
    )
    target = write_starter(tmp_path / "two", [people], metadata=described)[0]
    assert load_spec(target, {}).sources[0].columns["zz9"].role == "insensitive"
    assert "zz9: {role: insensitive, type: unknown_none}  # from the metadata" in target.read_text()
    described.write_text(
        json.dumps({"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": {"no": {"sdtype": "email"}}})
    )
    with pytest.raises(SpecError, match="`no`, which is no column"):
        write_starter(tmp_path / "three", [people], metadata=described)


def test_other_people_are_not_taken_for_the_same(people: Path, tmp_path: Path) -> None:
    strangers = write(tmp_path / "o.csv", "customer_id,amount", [f"S{i % 50:04d},{i}" for i in range(500)])
    scanned = [scan(people), scan(strangers)]
    assert find_people(scanned[1], scanned) is None


def test_any_column_name_is_written_so_that_it_reads_back(tmp_path: Path) -> None:
    names = ['a "b"', "yes", "1e3", "größe 😀", "x: y", "#n", "null"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    odd = write(tmp_path / "odd names!.csv", header, [",".join(str(i % 5) for _ in names) for i in range(100)])
    text = write_starter(tmp_path / "out", [odd], header=True)[0].read_text().replace("# ", "")
    for name in names:
        assert name.replace('"', '\\"') in text
    assert source_name(odd) == "odd_names"


def test_two_files_of_one_name_are_refused(people: Path, tmp_path: Path) -> None:
    other = tmp_path / "sub"
    other.mkdir()
    (other / "people.csv").write_bytes(people.read_bytes())
    with pytest.raises(SpecError, match="both be source `people`"):
        write_starter(tmp_path / "out", [people, other / "people.csv"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A-b c.csv", "a_b_c"),
        ("2024.csv", "source_2024"),
        ("ü.parquet", "source"),
        ("x.tar.gz", "x"),
        ("a__b.csv", "a_b"),
    ],
)
def test_names_of_files_become_names_of_sources(name: str, expected: str) -> None:
    assert source_name(Path(name)) == expected


@pytest.mark.parametrize("file", ["adult_raw.csv", "nist_acs_national2019.csv", "compas_two_years.csv"])
def test_real_tables_get_a_valid_starter(file: str, tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared tables are not on this machine")
    spec = load_spec(write_starter(tmp_path, [SHARED / file])[0], {})
    assert list(spec.products())


def test_in_doubt_about_the_header_the_starter_says_so(tmp_path: Path) -> None:
    """A person's cells must not become names; with `header` the same file gives the spec that is wanted."""
    file = write(tmp_path / "staff.csv", "zz,qq,rr", [f"Jo Doe {chr(97 + i)},n,nurse" for i in range(20)])
    path, (note,) = write_starter(tmp_path / "out", [file])
    text = path.read_text()
    assert "column_1" in text
    assert "zz" not in text
    assert f"# {note}" in text
    load_spec(path, {})
    path, notes = write_starter(tmp_path / "sure", [file], header=True)
    assert (load_spec(path, {}).sources[0].format.header, notes) == (True, ())
    assert "zz" in path.read_text()


def test_the_first_product_is_of_the_list_of_people_whatever_comes_first(
    people: Path, orders: Path, tmp_path: Path
) -> None:
    """A table of one row a person carries more for the same noise; several rows of one person bring more noise."""
    both = load_spec(write_starter(tmp_path / "both", [orders, people])[0], {})
    assert [product.source for _, product in both.products()] == ["people"]
    alone = load_spec(write_starter(tmp_path / "alone", [orders])[0], {})
    assert [product.cost()[0] for _, product in alone.products()] == [3]  # 1,000 rows, five of a person: as if 200


def test_tables_of_a_database_and_globs_are_scanned_too(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as con:
        con.execute("CREATE TABLE people AS SELECT i AS id, 'Ann Miller' AS full_name FROM range(50) AS r(i)")
        for part in (1, 2):
            con.execute(f"COPY people TO '{tmp_path / f'part{part}.csv'}'")
    for name, rows in (("a.duckdb::people", 50), ("part*.csv", 100)):
        found = scan(tmp_path / name)
        assert (found.rows, found.verdicts[1].role) == (rows, "direct_identifier"), name
