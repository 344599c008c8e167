"""The YAML forms of treatments: words such as ``suppress`` and mappings such as ``{top_code: 90}``.

What belongs here: reading those forms, with messages that name the nearest known word. What does not: the
parameters and their limits, which the models in ``treatments`` hold.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NoReturn, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError

from synth_assets.deidentification.coarsening import Code
from synth_assets.deidentification.treatments import AnyTreatment, Fake, FakeKind, FakeText, SuppressCells

_KINDS: dict[str, type[BaseModel]] = {
    str(model.model_fields["kind"].default): model for model in get_args(AnyTreatment)
}
_PLAIN = ("keep", "suppress", "pseudonymize", "mask")
_HEADS = ("fake", "mask", "generalize", "top_code", "bottom_code", "binary", "shift", "randomize", "safe_harbor")


def parse_treatment(value: Any) -> Any:
    """A treatment from its YAML form (or its own dump, or itself).

    Raises:
        ValueError: the form is unknown or its parameters are wrong; the text names the nearest known word.

    >>> parse_treatment({"top_code": 90}).describe()
    'top code at 90'
    """
    if isinstance(value, get_args(AnyTreatment)):
        return value
    if isinstance(value, str):
        return _plain(value)
    if not isinstance(value, Mapping) or not value:
        raise ValueError("must be a word such as `suppress` or a mapping such as `{fake: name}`")
    if "kind" in value:
        model = _KINDS.get(str(value["kind"]))
        if model is None:
            raise ValueError(f"kind ({value['kind']}) is unknown{_nearest(value['kind'], _KINDS)}")
        return _build(model, value)
    return _from_mapping({str(key): item for key, item in value.items()})


def _plain(word: str) -> BaseModel:
    if word in _PLAIN:
        return _build(_KINDS[word], {})
    if word in _HEADS:
        raise ValueError(f"`{word}` needs a value; write {_EXAMPLES[word]}")
    raise ValueError(f"({word}) is unknown{_nearest(word, (*_PLAIN, *_HEADS))}")


def _from_mapping(value: dict[str, Any]) -> BaseModel:
    known = (*_HEADS, "suppress", *(("identity",) if "fake" in value else ()))
    for key in value:
        if key not in known:
            raise ValueError(f"has the unknown key `{key}`{_nearest(key, (*known, *_PLAIN))}")
    if set(value) <= {"top_code", "bottom_code"}:
        return _build(Code, value)
    if set(value) <= {"fake", "identity"}:
        return _fake(value)
    if len(value) > 1:
        raise ValueError(f"mixes {' and '.join(f'`{key}`' for key in value)}; a column has one treatment")
    head, body = next(iter(value.items()))
    if head == "suppress":
        return _build(SuppressCells, body) if isinstance(body, Mapping) else _missing(head)
    if not isinstance(body, Mapping):
        _missing(head)
    if head == "randomize" and set(body) | {"mechanism"} != {"epsilon", "mechanism"}:
        raise ValueError(f"`randomize` takes `epsilon` and `mechanism`, nothing else; write {_EXAMPLES[head]}")
    return _build(_KINDS[head], body)


def _missing(head: str) -> NoReturn:
    raise ValueError(f"`{head}` needs a mapping; write {_EXAMPLES[head]}")


def _fake(value: dict[str, Any]) -> BaseModel:
    kind = value.get("fake")
    if kind == "text":
        if "identity" in value:
            raise ValueError("`fake: text` has the fakes of its row and takes no `identity`; leave it out")
        return FakeText()
    if kind not in get_args(FakeKind):
        raise ValueError(f"fake ({kind}) is unknown{_nearest(kind, (*get_args(FakeKind), 'text'))}")
    return _build(Fake, value)


def _build(model: type[BaseModel], fields: Mapping[str, Any]) -> BaseModel:
    """Validate without pydantic's own wording."""
    for key in fields:
        if key not in model.model_fields:
            names = [name for name in model.model_fields if name != "kind"]
            raise ValueError(f"has the unknown key `{key}`{_nearest(key, names)}")
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = str(first["loc"][0]) + " " if first["loc"] else ""
        message = f"{place}{first['msg'].removeprefix('Value error, ')}"
    raise ValueError(message[0].lower() + message[1:])


_EXAMPLES = {
    "fake": "`{fake: name}`",
    "mask": "`{mask: {keep_last: 4}}`",
    "generalize": "`{generalize: {width: 10}}`",
    "top_code": "`{top_code: 90}`",
    "bottom_code": "`{bottom_code: 5}`",
    "suppress": "`suppress` or `{suppress: {op: above, value: 90}}`",
    "binary": "`{binary: {above: 50}}`",
    "shift": "`{shift: {days: 180}}`",
    "randomize": "`{randomize: {epsilon: 2}}`",
    "safe_harbor": "`{safe_harbor: {part: postcode}}`",
}


def _nearest(word: Any, known: Iterable[str]) -> str:
    words = list(known)
    close = difflib.get_close_matches(str(word), words, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(f'`{w}`' for w in words)}"


_Form = Literal["keep", "suppress", "pseudonymize", "mask"] | dict[str, Any]

Treatment = Annotated[AnyTreatment, BeforeValidator(parse_treatment, json_schema_input_type=AnyTreatment | _Form)]
"""A field of this type takes the YAML forms; as an annotation it is the union of the treatments."""
