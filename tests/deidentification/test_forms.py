"""The YAML forms of treatments: what they mean, that they survive a round trip, and what the messages say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from synth_assets.deidentification import (
    AnyTreatment,
    Binary,
    Code,
    Fake,
    FakeText,
    Generalize,
    Keep,
    Mask,
    Pseudonymize,
    Quantile,
    Randomize,
    RecordCondition,
    Shift,
    Suppress,
    SuppressCells,
    Treatment,
    parse_treatment,
)


class _Column(BaseModel):
    treatment: Treatment | None = None


FORMS: list[tuple[str, AnyTreatment]] = [
    ("keep", Keep()),
    ("suppress", Suppress()),
    ("pseudonymize", Pseudonymize()),
    ("mask", Mask()),
    ("{mask: {keep_last: 4}}", Mask(keep_last=4)),
    ("{mask: {keep_first: 1, keep_last: 2, character: x}}", Mask(keep_first=1, keep_last=2, character="x")),
    ("{fake: name}", Fake(fake="name")),
    ("{fake: email, identity: value}", Fake(fake="email", identity="value")),
    ("{fake: text}", FakeText()),
    ("{mask: {pattern: '[0-9]+'}}", Mask(pattern="[0-9]+")),
    ("{mask: {classes: [digits, spaces], character: x}}", Mask(classes=("digits", "spaces"), character="x")),
    ("{binary: {above: 50}}", Binary(above=50)),
    ("{binary: {above: mean}}", Binary(above="mean")),
    ("{top_code: {quantile: 0.99}}", Code(top_code=Quantile(quantile=0.99))),
    ("{suppress: {op: above, value: 90}}", SuppressCells(op="above", value=90)),
    ("{suppress: {column: age, op: in, value: [1, 2]}}", SuppressCells(op="in", value=(1, 2), column="age")),
    ("{generalize: {width: 10}}", Generalize(width=10)),
    ("{generalize: {width: 0.5}}", Generalize(width=0.5)),
    ("{generalize: {date: quarter}}", Generalize(date="quarter")),
    ("{generalize: {prefix: 3}}", Generalize(prefix=3)),
    ("{generalize: {edges: [18, 65]}}", Generalize(edges=(18, 65))),
    ("{top_code: 90}", Code(top_code=90)),
    ("{bottom_code: 5}", Code(bottom_code=5)),
    ("{top_code: 90, bottom_code: 5.5}", Code(top_code=90, bottom_code=5.5)),
    ("{top_code: 2020-12-31}", Code(top_code=date(2020, 12, 31))),
    ("{shift: {days: 180}}", Shift(days=180)),
    ("{randomize: {epsilon: 2}}", Randomize(epsilon=2)),
    ("{randomize: {epsilon: 2, mechanism: geometric}}", Randomize(epsilon=2, mechanism="geometric")),
]


@pytest.mark.parametrize(("text", "treatment"), FORMS, ids=[text for text, _ in FORMS])
def test_form_is_read_and_survives_both_round_trips(text: str, treatment: AnyTreatment) -> None:
    column = _Column(treatment=yaml.safe_load(text))
    assert column.treatment == treatment
    assert _Column.model_validate(column.model_dump(mode="json")) == column
    assert parse_treatment(treatment.to_spec()) == treatment
    assert treatment.describe()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("suppres", "did you mean `suppress`"),
        ("fake", "write `{fake: name}`"),
        ("randomize", "write `{randomize: {epsilon: 2}}`"),
        ({"randomize": {"epsilon": 1, "bounds": [0, 9]}}, "takes `epsilon` and `mechanism`, nothing else"),
        ({"fake": "text", "identity": "unit"}, "takes no `identity`"),
        ({"fake": "txt"}, "did you mean `text`"),
        ({"mask": {"pattern": "(", "character": "x"}}, "no regular expression of RE2"),
        ({"mask": {"pattern": "a(?=b)"}}, "no regular expression of RE2"),
        ({"mask": {"pattern": "a", "keep_last": 2}}, "write one of them"),
        ({"mask": {"classes": ["digit"]}}, "classes"),
        ({"binary": {"above": "median"}}, "above"),
        ({"binary": 5}, "`binary` needs a mapping; write `{binary: {above: 50}}`"),
        ({"suppress": 5}, "`suppress` needs a mapping"),
        ({"suppress": {"op": "above"}}, "needs a `value`"),
        ({"top_code": {"quantile": 1}}, "top_code"),
        ({"top_code": {"quantile": 0.5}, "bottom_code": 3}, "both be quantiles"),
        ({"top_code": {"quantile": 0.5}, "bottom_code": {"quantile": 0.5}}, "the lower one below"),
        ({"shift": 30}, "`shift` needs a mapping; write `{shift: {days: 180}}`"),
        ({"shift": {"days": 0}}, "days"),
        ({"shift": {"days": 1.5}}, "days"),
        ({"randomize": {"epsilon": 0}}, "epsilon"),
        ({"randomize": {"epsilon": 1, "mechanism": "laplace"}}, "mechanism"),
        ({"randomize": {"epsilon": True}}, "epsilon"),
        ({"randomize": {"epsilon": 101}}, "promises nobody anything"),
        ({"fake": "nam"}, "fake (nam) is unknown; did you mean `name`"),
        ({"fake": ["name"]}, "is unknown"),
        ({"fake": "name", "per": "unit"}, "unknown key `per`"),
        ({"mask": {"keep_lst": 4}}, "unknown key `keep_lst`; did you mean `keep_last`"),
        ({"mask": 4}, "`mask` needs a mapping; write `{mask: {keep_last: 4}}`"),
        ({"mask": {"keep_last": -1}}, "keep_last"),
        ({"mask": {"character": "ab"}}, "character"),
        ({"generalize": {"width": 0}}, "width (0) must be a positive number"),
        ({"generalize": {"width": True}}, "width"),
        ({"generalize": {"width": 5, "prefix": 3}}, "exactly one of"),
        ({"generalize": {}}, "exactly one of"),
        ({"generalize": {"edges": [3, 3]}}, "increasing"),
        ({"generalize": {"edges": []}}, "increasing"),
        ({"generalize": {"date": "week"}}, "date"),
        ({"topcode": 90}, "unknown key `topcode`; did you mean `top_code`"),
        ({"top_code": True}, "top_code"),
        ({"top_code": float("inf")}, "finite"),
        ({"top_code": 5, "bottom_code": 5}, "below"),
        ({"top_code": 5, "bottom_code": date(2020, 1, 1)}, "both be numbers or both be dates"),
        ({"top_code": 5, "fake": "name"}, "one treatment"),
        ({"top_code": 5, "mask": {}}, "one treatment"),
        ({}, "must be a word"),
        (7, "must be a word"),
        ({"kind": "masc"}, "kind (masc) is unknown; did you mean `mask`"),
    ],
)
def test_bad_form_names_what_is_wrong(form: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_treatment(form)
    assert message in str(caught.value)
    with pytest.raises(ValidationError):
        _Column(treatment=form)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"column": "a", "op": "equals"}, "needs a `value`"),
        ({"column": "a", "op": "is_null", "value": 1}, "takes no `value`"),
        ({"column": "a", "op": "in", "value": 1}, "needs a list"),
        ({"column": "a", "op": "equals", "value": [1]}, "not a list"),
        ({"column": "a", "op": "above", "value": "b"}, "number or a date"),
        ({"column": "a", "op": "like", "value": "b"}, "op"),
    ],
)
def test_bad_record_condition_is_refused(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecordCondition.model_validate(condition)
