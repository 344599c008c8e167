"""Fitted models: what is left when the table is gone. They sample, tell their charge, and are saved without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from synth_assets.errors import SourceError
from synth_assets.synthesis.allowance import Charge
from synth_assets.synthesis.attributes import Attribute
from synth_assets.synthesis.cliques import Clique, CliqueTree
from synth_assets.synthesis.inference import Joint, refine

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.int64]

_BLOCK = 2**20


class MarginalError(BaseModel):
    """What the mechanism knows of its own error: the total variation distance that noise puts on a measured marginal.

    ``tvd`` is expected before estimation, which lowers it; it follows from noise and noisy counts alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    tvd: float


class Facts(BaseModel):
    """All of a model that is not an array; itself differentially private, as everything a model holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    attributes: tuple[Attribute, ...]
    charge: Charge
    rows: int
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]
    errors: tuple[MarginalError, ...] = ()


class Model:
    """A clique tree over groups of cells, and each column's cells within its groups.

    ``groups[i]``: the group of each cell of column i; ``within[i]``: each cell's share of its group. Another form of
    model is a subclass whose files hold an array named :attr:`sign`.
    """

    sign: ClassVar[str] = "conditional_0"

    def __init__(
        self,
        facts: Facts,
        conditionals: tuple[NDArray[np.float64], ...],
        groups: tuple[Codes, ...],
        within: tuple[NDArray[np.float64], ...],
    ) -> None:
        self._facts = facts
        sizes = tuple(int(group_of.max(initial=0)) + 1 for group_of in groups)
        self._joint = Joint(CliqueTree(sizes, facts.cliques, facts.parents), conditionals)
        self._groups = groups
        self._within = within

    @property
    def method(self) -> str:
        """The method that was fitted."""
        return self._facts.method

    @property
    def charge(self) -> Charge:
        """What was spent."""
        return self._facts.charge

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The expected error of every marginal measured: ``{"columns": [...], "tvd": ...}``, see MarginalError."""
        return [error.model_dump(mode="json") for error in self._facts.errors]

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The columns and their cells, as declared or learned."""
        return self._facts.attributes

    @property
    def edges(self) -> list[tuple[str, str]]:
        """The pairs of columns whose joint distribution the model holds."""
        names = [attribute.field.name for attribute in self.attributes]
        held = {pair for clique in self._facts.cliques for pair in combinations(clique, 2)}
        return [(names[a], names[b]) for a, b in sorted(held)]

    @property
    def rows(self) -> int:
        """The model's own number of rows: estimated from noisy counts, or public."""
        return self._facts.rows

    def sample(self, n: int | None = None, *, rng: np.random.Generator | None = None) -> pd.DataFrame:
        """``n`` rows (left out: :attr:`rows`) as a DataFrame with the table's columns, order and types.

        Sampling costs no privacy, however often it is done. ``rng`` makes it repeatable. Raises ValueError on a
        negative ``n``.
        """
        import pandas as pd

        size = self.rows if n is None else n
        if size < 0:
            raise ValueError(f"n ({size}) must not be negative")
        source = np.random.default_rng() if rng is None else rng
        codes = self._codes(size, source)
        columns = [attribute.series(codes.pop(0), source) for attribute in self.attributes]
        frame = pd.concat(columns, axis=1)
        return frame.set_axis([attribute.field.label for attribute in self.attributes], axis=1)

    def _codes(self, size: int, rng: np.random.Generator) -> list[NDArray[np.uint16]]:
        """A cell of each column for each row, drawn in blocks that stay in the processor's cache."""
        codes = [np.empty(size, dtype=np.uint16) for _ in self.attributes]
        for start in range(0, size, _BLOCK):
            coarse = self._joint.sample(min(_BLOCK, size - start), rng)
            for column, groups, within, drawn in zip(codes, self._groups, self._within, coarse, strict=True):
                column[start : start + _BLOCK] = refine(drawn, groups, within, rng)
        return codes

    def save(self, path: str | Path) -> None:
        """Write one file: JSON and plain arrays in a zip (numpy's ``npz``), nothing that could run."""
        arrays: dict[str, NDArray[Any]] = {
            f"conditional_{i}": table for i, table in enumerate(self._joint.conditionals)
        }
        for i, (groups, within) in enumerate(zip(self._groups, self._within, strict=True)):
            arrays |= {f"groups_{i}": groups, f"within_{i}": within}
        self._write(path, self._facts, arrays)

    @staticmethod
    def _write(path: str | Path, facts: BaseModel, arrays: dict[str, NDArray[Any]]) -> None:
        arrays = {"facts": np.frombuffer(facts.model_dump_json().encode(), dtype=np.uint8), **arrays}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        Path(path).write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read what :meth:`save` wrote. Raises SourceError on a file that is not a model."""
        try:
            with np.load(Path(path), allow_pickle=False) as arrays:
                return next((form for form in cls.__subclasses__() if form.sign in arrays), cls).read(arrays)
        except (
            OSError,
            EOFError,
            ValueError,
            KeyError,
            ValidationError,
            json.JSONDecodeError,
            zipfile.BadZipFile,
        ) as error:
            raise SourceError(
                f"{Path(path).name} is not a saved model ({type(error).__name__}); write it with `model.save(path)`"
            ) from None

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The model in the arrays that :meth:`save` wrote."""
        facts = TypeAdapter(Facts).validate_json(bytes(arrays["facts"]))
        sizes = {"conditional": len(facts.cliques)} | dict.fromkeys(("groups", "within"), len(facts.attributes))
        parts = [tuple(arrays[f"{name}_{i}"] for i in range(size)) for name, size in sizes.items()]
        return cls(facts, *parts)
