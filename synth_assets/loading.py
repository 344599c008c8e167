"""YAML as the spec writes it: keys once, numbers as numbers, ``${NAME}`` for what the caller hands in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from synth_assets.errors import SpecError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Loader(yaml.SafeLoader):
    """YAML that refuses a key written twice and reads ``1e-6`` as the number that it is."""


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise SpecError(
                f"line {key.start_mark.line + 1}: `{key.value}` stands twice in one block; keep one of them"
            )
        seen.add(key.value)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def expand(value: Any, environ: Mapping[str, str], place: str) -> Any:
    """Replace ``${NAME}`` in every text of the spec."""
    if isinstance(value, dict):
        return {key: expand(item, environ, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, environ, f"{place}.{index}") for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    missing = [name for name in _VARIABLE.findall(value) if name not in environ]
    if missing:
        raise SpecError(f"{place.lstrip('.')}: the environment has no {missing[0]}; set it before you run")
    return _VARIABLE.sub(lambda match: environ[match.group(1)], value)
