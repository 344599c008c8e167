"""Synthesizers: methods that fit a table and sample a new one.

>>> from synth_assets.synthesis import MST
>>> MST(epsilon=1).cost()
(1.0, 1e-09)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError

from synth_assets.errors import SpecError
from synth_assets.synthesis.aim import AIM
from synth_assets.synthesis.allowance import Charge
from synth_assets.synthesis.base import Synthesizer
from synth_assets.synthesis.diffix import Diffix
from synth_assets.synthesis.independent import Independent
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.mst import MST
from synth_assets.synthesis.privbayes import PrivBayes
from synth_assets.synthesis.uniform import Random

AnySynthesizer = Annotated[AIM | Diffix | Independent | MST | PrivBayes | Random, Field(discriminator="method")]
"""What a ``synthesizer:`` block of the spec may be; the block is the object."""

METHODS: dict[str, type[Synthesizer]] = {
    member.model_fields["method"].default: member for member in get_args(get_args(AnySynthesizer)[0])
}
"""The synthesizers of this version by the name of their method."""


def synthesizer(block: Mapping[str, Any]) -> Synthesizer:
    """The synthesizer that a mapping describes, as in the spec. Raises SpecError with the key, the rule, the remedy."""
    method = block.get("method")
    if method not in METHODS:
        raise SpecError(
            f"synthesizer.method ({method}) is not a method of this version; write one of {', '.join(sorted(METHODS))}"
        )
    try:
        parsed: Synthesizer = TypeAdapter(AnySynthesizer).validate_python(dict(block))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][1:])
        message = first["msg"].removeprefix("Value error, ")
    else:
        return parsed
    raise SpecError(f"synthesizer.{key}: {message}")


__all__ = [
    "AIM",
    "METHODS",
    "MST",
    "AnySynthesizer",
    "Charge",
    "Diffix",
    "Independent",
    "Model",
    "PrivBayes",
    "Random",
    "Synthesizer",
    "synthesizer",
]
