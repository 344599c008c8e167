"""What a wrong spec is told: one sentence for each mistake, with the place, the rule and the remedy."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def join(names: list[str]) -> str:
    """Names in backticks, with commas between."""
    return ", ".join(f"`{name}`" for name in names)


def nearest(word: str, known: Any, remedy: str = "") -> str:
    """A half-sentence that names the nearest known words, for the end of a message."""
    words = sorted(str(item) for item in known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known are {join(words[:12])}" if words else remedy


def explain(error: ValidationError, data: Any, model: type[BaseModel]) -> list[str]:
    """One sentence for each error of pydantic in ``data`` for ``model``; places use the names of what they are in."""
    items = error.errors(include_url=False)
    misspelt = {
        (
            item["loc"][:-1],
            *difflib.get_close_matches(str(item["loc"][-1]), _known_keys(model, item["loc"][:-1]), 1, 0.5),
        )
        for item in items
        if item["type"] == "extra_forbidden"
    }
    told = [item for item in items if item["type"] != "missing" or (item["loc"][:-1], item["loc"][-1]) not in misspelt]
    return list(dict.fromkeys(_sentence(item, data, items, model) for item in told))


def _sentence(item: Any, data: Any, items: list[Any], model: type[BaseModel]) -> str:
    place, key = _place(item["loc"], data), str(item["loc"][-1]) if item["loc"] else ""
    message = item["msg"].removeprefix("Value error, ")
    given = item["input"]
    match item["type"]:
        case "extra_forbidden":
            known = _known_keys(model, item["loc"][:-1])
            return f"{_place(item['loc'][:-1], data) or 'the spec'}: unknown key `{key}`{nearest(key, known)}"
        case "missing":
            return f"{place}: `{key}` is missing; add it"
        case "value_error":
            return f"{place} {message.removeprefix(key).strip()}".strip() if place else message
        case "float_type" | "int_type" if isinstance(given, bool | str):
            return f"{place} ({json.dumps(given)}) must be a number; write it in digits, without quotes"
        case "union_tag_invalid":
            tags = re.findall(r"'([a-z_]+)'", item["ctx"]["expected_tags"])
            return f"{place}.method ({item['ctx']['tag']}) is not available{nearest(item['ctx']['tag'], tags)}"
        case "union_tag_not_found":
            return f"{place}: `method` is missing; write `method: mst`, for one"
        case "literal_error":
            same = [i for i in items if i["type"] == "literal_error" and _place(i["loc"], data) == place]
            words = [word for i in same for word in re.findall(r"'([^']+)'", i["ctx"]["expected"])]
            return f"{place} ({given}) is not a known word{nearest(str(given), words)}"
        case "string_pattern_mismatch":
            return f"{place} ({given}) must be lower-case letters, digits and single _, beginning with a letter"
        case _:
            shown = given if isinstance(given, bool | int | float | str) else type(given).__name__
            rule = (
                message.replace("Input should be", "must be").replace("tuple", "list").replace("dictionary", "mapping")
            )
            return f"{place} ({shown}) {rule[0].lower()}{rule[1:]}"


def _place(loc: tuple[int | str, ...], data: Any) -> str:
    """``consumers.research.products.age.size`` for a location of pydantic; tags of unions are left out."""
    parts: list[str] = []
    for part in loc:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            named = data.get("name") if isinstance(data, dict) else None
            parts.append(str(named if named is not None else part))
        elif isinstance(data, dict) and part in data:
            data = data[part]
            parts.append(str(part))
    return ".".join(parts)


def _known_keys(annotation: Any, loc: tuple[int | str, ...]) -> set[str]:
    """The fields that the models at a location know."""
    models = list(_models(annotation))
    if not loc:
        return {name for model in models for name in model.model_fields}
    deeper: set[str] = set()
    for model in models:
        field = model.model_fields.get(str(loc[0]))
        if field is not None:
            deeper |= _known_keys(field.annotation, loc[1:])
    return deeper or _known_keys(annotation, loc[1:])


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model inside a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        if not isinstance(argument, str):
            yield from _models(argument)
