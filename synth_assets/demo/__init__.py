"""The demo that ships inside the package: an invented hospital, its spec, and five teams that ask for its data."""

from __future__ import annotations

import os
from pathlib import Path

from synth_assets.demo.generator import generate

__all__ = ["ensure", "generate"]

_SPEC = Path(__file__).with_name("synth.yaml")


def ensure(directory: Path) -> Path:
    """Make the demo in ``directory`` where it is missing; what a person has changed there stays.

    Returns:
        The path of its spec.
    """
    directory.mkdir(parents=True, exist_ok=True)
    spec = directory / "synth.yaml"
    if not spec.exists():
        temporary = directory / f".synth.yaml.{os.getpid()}.part"
        temporary.write_bytes(_SPEC.read_bytes())
        temporary.replace(spec)
    data = directory / "data"
    if not all((data / name).exists() for name in ("patients.csv", "visits.csv", "register.csv", "trial.csv")):
        generate(data)
    return spec
