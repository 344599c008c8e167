"""Cells that would name their owner whatever else is generalized: values that fewer than k units hold.

k-anonymity takes for granted that an attacker knows the quasi-identifiers and nothing else. A word or an exact amount
that one person alone has finds that person's row all the same, in whichever column it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from synth_assets.anonymity.model import AnonymizedColumn
from synth_assets.classification.vocabulary import Role
from synth_assets.errors import SpecError
from synth_assets.storage import quote

_CELLS = "common_cells_"
NEARLY_UNIQUE = 0.5
"""A column that stays exact and of which more than this share of the cells is rare tells too many people apart."""


def withhold_rare(con: duckdb.DuckDBPyConnection, source_sql: str, columns: Sequence[AnonymizedColumn], k: int) -> str:
    """SQL of the rows of ``source_sql``, where cells that fewer than ``k`` units hold are missing.

    Those are the cells of columns that stay exact, being no quasi-identifiers, and words of any column, as the steps of
    a generalization would show them. Numbers and dates of quasi-identifiers are generalized instead.

    Args:
        con: a connection that may make temporary tables, which the answer reads.
        source_sql: FROM-able, with the columns and ``__unit``.
        columns: the columns of the answer, which has ``__unit`` beside them.
        k: how many units a value must have.

    Raises:
        SpecError: a column that would stay exact is nearly unique.
    """
    kinds = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {source_sql}").fetchall()}
    chosen = []
    for place, column in enumerate(columns):
        exact = column.role in {"sensitive", "insensitive"}
        if not exact and kinds[column.name] != "VARCHAR":
            chosen.append(quote(column.name))
            continue
        chosen.append(common_cells(con, source_sql, column.name, k, place))
        if exact:
            _require_common(con, column.name, f"temp.{_CELLS}{place}", source_sql, k)
    return f"(SELECT {', '.join(chosen)}, __unit FROM {source_sql})"


def common_cells(con: duckdb.DuckDBPyConnection, source_sql: str, column: str, least: int, place: int) -> str:
    """SQL of a column without the cells that fewer than ``least`` units of ``source_sql`` hold.

    It reads a temporary table, which is made and bears the number ``place``.
    """
    name = quote(column)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_CELLS}{place} AS SELECT {name} AS cell, count(*) AS n FROM {source_sql} "
        f"WHERE {name} IS NOT NULL GROUP BY {name} HAVING count(DISTINCT __unit) >= {least}"
    )
    return _shown(name, place)


def _shown(name: str, place: int) -> str:
    return f"CASE WHEN {name} IN (SELECT cell FROM temp.{_CELLS}{place}) THEN {name} END AS {name}"


def like_withheld(con: duckdb.DuckDBPyConnection, relation: str, roles: Sequence[tuple[str, Role]]) -> str:
    """SQL of the quasi-identifiers of another relation, without the words that :func:`withhold_rare` withheld.

    ``roles`` are the names and roles of its ``columns``, in their order. A word that is withheld from the table is
    withheld from whoever has it in the population too: both show nothing.
    """
    tables = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    chosen = []
    for place, (column, role) in enumerate(roles):
        if role != "quasi_identifier":
            continue
        name = quote(column)
        chosen.append(_shown(name, place) if f"{_CELLS}{place}" in tables else name)
    return f"(SELECT {', '.join([*chosen, '__unit'])} FROM {relation})"


def _require_common(con: duckdb.DuckDBPyConnection, column: str, common: str, source_sql: str, k: int) -> None:
    sql = f"SELECT (SELECT sum(n) FROM {common}), count({quote(column)}) FROM {source_sql}"
    kept, present = con.execute(sql).fetchall()[0]
    rare = present - int(kept or 0)
    if rare > NEARLY_UNIQUE * present:
        raise SpecError(
            f"anonymize: `{column}` is no quasi-identifier, so that its values would stay exact, and in "
            f"{rare / present:.0%} of its cells fewer than k={k} units share one; give it the role `quasi_identifier`, "
            "or a treatment such as `generalize`"
        )


def nothing_to_generalize(columns: Sequence[tuple[str, Role | None]]) -> str | None:
    """Why a table of such columns cannot be k-anonymous: none is a quasi-identifier, and all rows are one class.

    ``columns`` are pairs of name and role; one whose role is not known yet (None) gets the benefit of the doubt.
    """
    if {role for _, role in columns} & {"quasi_identifier", None}:
        return None
    return (
        f"anonymize needs a quasi-identifier among the columns ({', '.join(f'`{name}`' for name, _ in columns)}), as "
        "all others stay exact; give the role `quasi_identifier` to those by which people are known"
    )
