"""The types of a table's columns, which are public: what DuckDB calls them, and how sampled values take them on again.

Every value travels in *units* of its column's kind: whole numbers as they are, decimals as multiples of their last
digit, dates as days since 1970-01-01, timestamps as microseconds since then. Units are what the cells of a histogram
are cut from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from synth_assets.errors import DomainError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["boolean", "integer", "decimal", "real", "date", "timestamp", "text", "uuid", "time"]

_INTEGERS = {
    **{f"{name}INT": f"int{bits}" for name, bits in (("TINY", 8), ("SMALL", 16), ("BIG", 64))},
    **{f"U{name}INT": f"uint{bits}" for name, bits in (("TINY", 8), ("SMALL", 16), ("BIG", 64))},
    "INTEGER": "int32",
    "UINTEGER": "uint32",
    "HUGEINT": "float64",
    "UHUGEINT": "float64",
}
_EPOCH = datetime(1970, 1, 1)
_TO_SQL = {
    "integer": "CAST({c} AS DOUBLE)",
    "real": "CAST({c} AS DOUBLE)",
    "date": "CASE WHEN isfinite({c}) THEN CAST(date_diff('day', DATE '1970-01-01', {c}) AS DOUBLE) END",
    "timestamp": "CASE WHEN isfinite({c}) THEN floor(epoch_us({c}) / 1000000.0) END",
}


class Field(BaseModel):
    """One column's public type.

    ``label`` is its name in the table, ``type`` DuckDB's name of its type, ``dtype`` the pandas type to return where
    the table was a pandas DataFrame, ``nullable`` whether that type can hold a missing value at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str | int
    type: str
    dtype: str | None = None
    nullable: bool = True

    @property
    def name(self) -> str:
        """The name as text, as a domain uses it."""
        return str(self.label)

    @property
    def kind(self) -> Kind:
        """What sort of values it holds. Raises DomainError for types that no method here can synthesize."""
        kind = _kind(self.type)
        if kind is None:
            raise DomainError(
                f"column {self.name}: values of type {self.type} cannot be synthesized; drop the column or cast it "
                "to a number, text, boolean, date or timestamp"
            )
        return kind

    @property
    def ordered(self) -> bool:
        """Whether it is measured on a scale that bounds can cut."""
        return self.kind in ("integer", "decimal", "real", "date", "timestamp")

    @property
    def whole(self) -> bool:
        """Whether its grid is that of the whole numbers."""
        return self.ordered and self.kind != "real"

    @property
    def grain(self) -> int:
        """How many units one step of the grid is: a second for timestamps, else one unit."""
        return 1_000_000 if self.kind == "timestamp" else 1

    def on_grid(self, column: str) -> str:
        """SQL for the value of ``column`` (an SQL expression) in steps of the grid, as DOUBLE."""
        if self.kind == "decimal":
            return f"round(CAST({column} AS DOUBLE) * 1e{_digits(self.type)})"
        return _TO_SQL[self.kind].format(c=column)

    def step_of(self, moment_or_number: float | datetime) -> float:
        """Where a bound lies, in steps of the grid."""
        if isinstance(moment_or_number, datetime):
            seconds = (moment_or_number - _EPOCH) // timedelta(seconds=1)
            return float(seconds // 86_400 if self.kind == "date" else seconds)
        return moment_or_number * 10.0 ** _digits(self.type) if self.kind == "decimal" else float(moment_or_number)

    def units_of(self, texts: tuple[str, ...]) -> NDArray[Any]:
        """Category texts, as DuckDB writes them, in units of the kind (objects for text)."""
        parse = _PARSERS[self.kind]
        if self.kind == "decimal":
            scale = 10 ** _digits(self.type)
            return _array([int(Decimal(text) * scale) for text in texts])
        if self.kind == "real":
            return np.array([float(text) for text in texts])
        return _array([parse(text) for text in texts])

    def chosen(self, texts: tuple[str, ...], places: NDArray[np.int64]) -> pd.Series[Any]:
        """A text column that holds ``texts[i]`` for each place i, and nothing for -1."""
        import pandas as pd

        plain: Any = self.dtype or _natural(self)
        if plain in ("str", "string"):
            return pd.Series(pd.array(list(texts), dtype=plain).take(places, allow_fill=True))
        units = np.empty(len(texts), dtype=object)
        units[:] = texts
        return self.series(units[np.maximum(places, 0)], places < 0)

    def series(self, units: NDArray[Any], missing: NDArray[np.bool_]) -> pd.Series[Any]:
        """Values in units, with a mask of missing ones, as a pandas column of the right type."""
        import pandas as pd

        plain: Any = self.dtype or _natural(self)
        if plain == "object" and self.kind not in ("uuid", "time"):
            return pd.Series(_objects(self, units, missing), dtype="object")
        if self.kind in ("text", "uuid", "time"):
            values = units.astype(object)
            values[missing] = None
            return pd.Series(values, dtype="object").astype(plain)
        if plain == "category":
            return self.model_copy(update={"dtype": None}).series(units, missing).astype("category")
        if self.kind in ("date", "timestamp"):
            return _moments(self, units, missing, plain)
        return _number_series(_numbers(self, units), missing, plain, natural=self.dtype is None)


def _array(values: list[Any]) -> NDArray[Any]:
    """Whole numbers as int64 where they fit, else objects."""
    if all(isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**63 for v in values):
        return np.array(values, dtype=np.int64)
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _kind(sql: str) -> Kind | None:
    if sql in _INTEGERS:
        return "integer"
    for pattern, kind in _PATTERNS:
        if re.fullmatch(pattern, sql):
            return kind
    return None


_PATTERNS: tuple[tuple[str, Kind], ...] = (
    (r"BOOLEAN", "boolean"),
    (r"FLOAT|DOUBLE|REAL", "real"),
    (r"DECIMAL\(.*\)", "decimal"),
    (r"DATE", "date"),
    (r"TIMESTAMP.*", "timestamp"),
    (r"VARCHAR|ENUM\(.*\)|JSON", "text"),
    (r"UUID", "uuid"),
    (r"TIME", "time"),
)


def _digits(sql: str) -> int:
    """The digits after the point of a DECIMAL(p,s)."""
    return int(sql.rstrip(")").split(",")[1]) if sql.startswith("DECIMAL(") else 0


def _microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // timedelta(microseconds=1)


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "boolean": lambda text: text == "true",
    "integer": int,
    "date": lambda text: (date.fromisoformat(text) - _EPOCH.date()).days,
    "timestamp": _microseconds,
    "text": str,
    "uuid": UUID,
    "time": time.fromisoformat,
}

_NULLABLE = {
    "bool": "boolean",
    **{f"{u}int{b}": f"{u.upper()}Int{b}" for u in ("", "u") for b in (8, 16, 32, 64)},
}


def _natural(field: Field) -> str:
    """The pandas type that DuckDB itself would return."""
    kind, sql = field.kind, field.type
    if kind == "integer":
        return _INTEGERS[sql]
    if kind == "timestamp":
        unit = {"TIMESTAMP_NS": "ns", "TIMESTAMP_MS": "ms", "TIMESTAMP_S": "s"}.get(sql, "us")
        return f"datetime64[{unit}, UTC]" if "TIME ZONE" in sql else f"datetime64[{unit}]"
    if kind == "text":
        return "category" if sql.startswith("ENUM") else "str"
    return {
        "boolean": "bool",
        "real": "float32" if sql == "FLOAT" else "float64",
        "decimal": "float64",
        "date": "datetime64[us]",
    }.get(kind, "object")


def _number_series(numbers: NDArray[Any], missing: NDArray[np.bool_], plain: Any, natural: bool) -> pd.Series[Any]:
    """Numbers or booleans; where DuckDB's own type cannot hold a missing value, the nullable one of pandas."""
    import pandas as pd

    if plain.startswith("float"):
        floats = numbers.astype(np.float64)
        floats[missing] = np.nan
        return pd.Series(floats).astype(plain)
    if natural and missing.any():
        plain = _NULLABLE.get(plain, plain)
    if missing.any() or plain not in _NULLABLE:
        objects = numbers.astype(object)
        objects[missing] = None
        return pd.Series(pd.array(objects, dtype=plain))
    return pd.Series(numbers).astype(plain)


def _numbers(field: Field, units: NDArray[Any]) -> NDArray[Any]:
    if field.kind == "decimal":
        return units.astype(np.float64) / 10.0 ** _digits(field.type)
    if field.kind == "integer" and units.dtype.kind == "f":
        return _clipped(units, _INTEGERS[field.type])
    return units.astype(np.bool_) if field.kind == "boolean" else units


def _clipped(units: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Whole floats as integers of a type, kept within what it can hold."""
    if dtype == "float64":
        return units
    limits = np.iinfo(dtype)
    top = float(limits.max) if limits.bits < 53 else np.nextafter(float(limits.max), 0)
    whole: NDArray[Any] = np.clip(units, float(limits.min), top).astype(dtype)
    return whole


_YEARS = {"D": (-719_162, 2_932_896), "us": (-719_162 * 86_400_000_000, 2_932_897 * 86_400_000_000 - 1)}
"""The years 1 to 9999, which every table can hold, in days and in microseconds since 1970-01-01."""
_NANOSECONDS = (np.datetime64("1677-09-22", "us"), np.datetime64("2262-04-11", "us"))


def _instants(field: Field, units: NDArray[Any]) -> NDArray[Any]:
    """Units as days or microseconds of numpy, kept within the years that can be written."""
    resolution = "D" if field.kind == "date" else "us"
    kept: NDArray[Any] = np.clip(units, *_YEARS[resolution]).astype(np.int64)
    return kept.astype(f"datetime64[{resolution}]")


def _moments(field: Field, units: NDArray[Any], missing: NDArray[np.bool_], plain: Any) -> pd.Series[Any]:
    import pandas as pd

    moments = _instants(field, units).astype("datetime64[us]")
    if "[ns" in plain:
        moments = np.clip(moments, *_NANOSECONDS)
    moments[missing] = np.datetime64("NaT")
    series = pd.Series(moments)
    return series.dt.tz_localize("UTC").astype(plain) if "," in plain else series.astype(plain)


def _objects(field: Field, units: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[np.object_]:
    """The Python objects that a pandas column of type ``object`` holds."""
    if field.kind in ("date", "timestamp"):
        out = _instants(field, units).astype(object)
    elif field.kind == "decimal":
        digits = _digits(field.type)
        distinct, places = np.unique(units, return_inverse=True)
        exact = np.empty(len(distinct), dtype=object)
        exact[:] = [Decimal(int(unit)).scaleb(-digits) for unit in distinct]
        out = exact[places]
    else:
        out = _numbers(field, units).astype(object)
    out[missing] = None
    return out
