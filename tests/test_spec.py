from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.errors import SpecError
from synth_assets.planning import check_budgets
from synth_assets.spec import Spec, load_spec, parse_spec
from synth_assets.synthesis import AIM

ROOT = Path(__file__).parent.parent

GOOD = """\
warehouse: warehouse
sources:
  - name: patients
    path: data/patients.csv
    unit: patient_id
    max_rows_per_unit: 1
    budget: {epsilon: 4, delta: 1e-6, accounting: basic}
    columns:
      name:      {role: direct_identifier, type: person_name, treatment: {fake: name}}
      ssn:       {role: direct_identifier, treatment: suppress}
      phone:     {treatment: {mask: {keep_last: 4}}}
      age:       {role: quasi_identifier, bounds: [0, 120], treatment: {top_code: 90}}
      diagnosis: {role: sensitive}
consumers:
  - name: research
    owner: research@example.org
    budget: {epsilon: 2}
    products:
      - name: age_by_diagnosis
        source: patients
        columns: [age, sex, diagnosis]
        synthesizer: {method: mst, epsilon: 1, delta: 1e-9}
        accept: {column_shapes: 0.8, pair_trends: 0.8, singling_out: 0.2, linkability: 0.2, inference: 0.2}
        schedule: "0 3 * * 1"
      - name: case_rows
        source: patients
        columns: [age, postcode, diagnosis]
        anonymize: {k: 5, l: 2}
"""


def parse(text: str, environ: dict[str, str] | None = None) -> Spec:
    return parse_spec(text, Path("work/synth.yaml"), environ or {})


def test_the_design_reads_as_written() -> None:
    spec = parse(GOOD)
    source = spec.source("patients")
    assert source.budget is not None
    assert source.budget.delta == 1e-6
    assert source.columns["age"].bounds == (0, 120)
    consumer, product = spec.product("research/age_by_diagnosis")
    assert consumer.owner == "research@example.org"
    assert product.cost() == (1.0, 1e-9)
    assert product.guarantee == "differential_privacy"
    assert spec.product("research/case_rows")[1].guarantee == "heuristic"
    assert spec.root == Path("work/warehouse").resolve()


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(GOOD).warehouse = "elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("unit: patient_id", "unitt: patient_id", "sources.patients: unknown key `unitt`; did you mean `unit`?"),
        ("epsilon: 1, delta", "epsilom: 1, delta", "did you mean `epsilon`?"),
        ("epsilon: 1, delta", "epsilon: -1, delta", "(-1)"),
        *(
            ("epsilon: 1, delta", f"epsilon: {given}, delta", f"synthesizer.epsilon ({told}) must be {rule}")
            for given, told, rule in [
                ("-1", "-1", "positive"),
                ("0", "0", "positive"),
                (".nan", "nan", "positive"),
                (".inf", "inf", "positive and finite"),
                ("1e400", "inf", "positive and finite"),
                ("yes", "true", "a number"),
                ('"1"', '"1"', "a number"),
            ]
        ),
        ("epsilon: 1, delta", "epsilon: 1e-12, delta", "synthesizer.epsilon (1e-12) must lie within 0.001 and 100"),
        ("epsilon: 1, delta", "epsilon: 2e9, delta", "synthesizer.epsilon (2e+09) must lie within 0.001 and 100"),
        ("delta: 1e-9}", "delta: 0.5}", "synthesizer.delta (0.5) must be at most 0.01"),
        ("delta: 1e-9}", "delta: no}", "synthesizer.delta (false) must be a number"),
        ("{epsilon: 4, delta", "{epsilon: yes, delta", "sources.patients.budget.epsilon (true) must be a number"),
        ("budget: {epsilon: 2}", 'budget: {epsilon: "2"}', 'research.budget.epsilon ("2") must be a number'),
        ("singling_out: 0.2", "singling_out: yes", "accept.singling_out (true) must be a number"),
        ("anonymize: {k: 5, l: 2}", "statistics: {count: {}, epsilon: 1e-5}", "statistics.epsilon (1e-05) must lie"),
        ("schedule:", "shedule:", "did you mean `schedule`?"),
        ("warehouse: warehouse", "warehose: warehouse", "did you mean `warehouse`?"),
        ("{k: 5, l: 2}", "{k: 5, m: 2}", "unknown key `m`"),
        ("{k: 5, l: 2}", "{k: 1}", "anonymize.k (1)"),
        (
            "[age, postcode, diagnosis]",
            "[diagnosis]",
            "consumers.research.products.case_rows.anonymize needs a quasi-identifier among the columns (`diagnosis`)",
        ),
        ("[age, sex, diagnosis]", "[age, sex, ssn]", "must hold no direct identifier (`ssn`)"),
        ("[age, sex, diagnosis]", "[age, sex, patient_id]", "must hold no direct identifier (`patient_id`)"),
        ("[age, sex, diagnosis]", "[age, sex, sex]", "`sex` more than once"),
        ("[age, sex, diagnosis]", "[]", "columns"),
        (
            "source: patients\n        columns: [age, sex",
            "source: patient\n        columns: [age, sex",
            "did you mean `patients`?",
        ),
        ("method: mst", "method: mts", "mst"),
        ("method: mst", "method: aimm", "aim"),
        ("bounds: [0, 120]", "bounds: [120, 0]", "bounds"),
        ("{top_code: 90}", "{top_cod: 90}", "did you mean `top_code`?"),
        ("{fake: name}", "{fake: nam}", "did you mean `name`?"),
        ("role: sensitive", "role: secret", "role"),
        ("name: case_rows", "name: age_by_diagnosis", "more than one `age_by_diagnosis`"),
        ("name: research", "name: re__search", "consumers.re__search.name (re__search) must be"),
        ("name: case_rows", "name: case__rows", "products.case__rows.name (case__rows) must be"),
        ("name: patients", "name: pat__ients", "sources.pat__ients.name (pat__ients) must be"),
        ("name: research", "name: Research Team", "must be lower-case letters"),
        ('"0 3 * * 1"', '"every monday"', "is not a cron expression"),
        ('"0 3 * * 1"', '"0 0 3 * * 1"', "is not a cron expression"),
        ('"0 3 * * 1"', '"0 3 31 2 *"', "is not a cron expression"),
        ("warehouse: warehouse", "base: /tmp", "unknown key `base`"),
        ("        anonymize: {k: 5, l: 2}\n", "", "needs exactly one of"),
        ("anonymize: {k: 5, l: 2}", "anonymize: {k: 5}\n        rows: {}", "found anonymize and rows"),
        ("anonymize: {k: 5, l: 2}", "statistics: {count: {by: [sex]}}", "statistics: `epsilon` is missing"),
        ("anonymize: {k: 5, l: 2}", "statistics: {epsilon: 1}", "asks for no figure"),
        ("anonymize: {k: 5, l: 2}", "statistics: {cuont: {}, epsilon: 1}", "did you mean `count`?"),
        ("anonymize: {k: 5, l: 2}", "statistics: {count: {bi: [sex]}, epsilon: 1}", "did you mean `by`?"),
        ("anonymize: {k: 5, l: 2}", "statistics: {count: {by: sex}, epsilon: 1}", "columns lacks `sex`"),
        ("anonymize: {k: 5, l: 2}", "rows: {}\n        statistics: {count: {}, epsilon: 1}", "statistics and rows"),
        (
            "columns: [age, postcode, diagnosis]\n        anonymize: {k: 5, l: 2}",
            "statistics: {count: {by: [name]}, epsilon: 1}",
            "must hold no direct identifier (`name`)",
        ),
        ("        columns: [age, postcode, diagnosis]\n", "", "needs `columns`"),
        ("max_rows_per_unit: 1", "max_rows_per_unit: 0", "max_rows_per_unit (0)"),
        ("    budget: {epsilon: 4, delta: 1e-6, accounting: basic}\n", "", "sources.patients.budget is needed"),
        ("accounting: basic", "accounting: zcdp", "zcdp"),
        ("unit: patient_id\n    max_rows_per_unit: 1", "max_rows_per_unit: 3", "needs `unit`"),
        ("    unit: patient_id\n", "    unit: patient_id\n    unit: name\n", "`unit` stands twice"),
        ("path: data/patients.csv", "path: ${NOWHERE}", "the environment has no NOWHERE"),
        ("warehouse: warehouse\n", "warehouse: [\n", "not valid YAML"),
        ("column_shapes: 0.8", "column_shapes: 80", "column_shapes (80)"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(SpecError) as caught:
        parse(GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert told in text
    assert text.startswith(("work/synth.yaml", "sources."))
    assert len(text.splitlines()) == 1, text


def test_all_errors_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        parse(GOOD.replace("unit: patient_id", "unt: patient_id").replace("schedule:", "shedule:"))
    assert len(str(caught.value).splitlines()) == 2


def test_rows_may_hold_treated_identifiers_and_no_kept_ones() -> None:
    rows = GOOD.replace("anonymize: {k: 5, l: 2}", "rows: {}").replace("[age, postcode, diagnosis]", "[name, age]")
    assert parse(rows).product("research/case_rows")[1].method == "deidentified_rows"
    with pytest.raises(SpecError, match="keeps as they are"):
        parse(rows.replace("treatment: {fake: name}", "treatment: keep"))


def test_secrets_come_from_the_environment() -> None:
    spec = parse(GOOD.replace("data/patients.csv", "${DATA}/patients.csv"), {"DATA": "/srv/data"})
    assert spec.source("patients").path == "/srv/data/patients.csv"


def test_a_missing_file_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="synth-assets init"):
        load_spec(tmp_path / "synth.yaml", {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "synth.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SpecError, match="UTF-8"):
        load_spec(tmp_path / "synth.yaml", {})


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "sources: []", "sources: 3", "sources: [3]", "sources: {a: b}", "null"]
)
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_spec_or_a_spec_error(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text)


def test_costs_are_checked_against_ceilings_and_shares() -> None:
    assert check_budgets(parse(GOOD)) == []
    greedy = check_budgets(parse(GOOD.replace("epsilon: 1, delta: 1e-9", "epsilon: 5, delta: 1e-9")))
    assert any("above sources.patients.budget.epsilon (4)" in line for line in greedy)
    assert any("above consumers.research.budget.epsilon (2)" in line for line in greedy)
    assert any("ask for together" in line for line in greedy)


def test_an_unknown_product_is_told_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"did you mean `research/case_rows`"):
        parse(GOOD).product("research/case_row")


def test_the_schema_in_the_docs_is_the_models() -> None:
    """Make it anew with ``make docs``."""
    written = json.loads((ROOT / "docs" / "spec.schema.json").read_text())
    assert written == Spec.model_json_schema()


def test_a_product_of_figures_reads_the_columns_they_are_made_from() -> None:
    block = "statistics: {count: {by: [sex, diagnosis]}, mean: {of: age, by: [diagnosis]}, epsilon: 0.5}"
    old = "columns: [age, postcode, diagnosis]\n        anonymize: {k: 5, l: 2}"
    assert old in GOOD
    found = parse(GOOD.replace(old, block)).product("research/case_rows")[1]
    assert found.columns == ("sex", "diagnosis", "age")
    assert (found.method, found.guarantee, found.kind) == ("statistics", "differential_privacy", "statistics")
    assert found.cost() == (0.5, 0.0)
    greedy = check_budgets(parse(GOOD.replace(old, block.replace("0.5", "9"))))
    assert any("case_rows.statistics.epsilon (9) is above" in line for line in greedy)


def test_the_products_target_is_the_synthesizers_too() -> None:
    """A person says once what the table is for."""
    old, new = "synthesizer: {method: mst,", "target: diagnosis\n        synthesizer: {method: aim,"
    text = GOOD.replace(old, new)
    synthesizer = parse(text).product("research/age_by_diagnosis")[1].synthesizer
    assert isinstance(synthesizer, AIM)
    assert synthesizer.target == "diagnosis"
    with pytest.raises(SpecError, match=r"synthesizer.target \(sex\) must be the product's target \(diagnosis\)"):
        parse(text.replace("method: aim,", "method: aim, target: sex,"))
    assert parse(text.replace("method: aim,", "method: mst,"))
