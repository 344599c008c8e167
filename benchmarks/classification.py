"""How well columns are classified, on tables that nobody tuned on as well as on those that were in view.

    python benchmarks/classification.py [--data DIR] [--tables FOLDER] [--wrong]
    python benchmarks/classification.py --pace [--rows 10000000] [--columns 50] [--form parquet]

Four splits: ``labelled`` (public tables under ``DIR/pii``, in view while the dictionary was written), ``open`` (two
thirds of the made-up tables: errors were looked at and the classifier improved), ``held back`` (the last third: only
its figures were ever looked at), ``found`` (names from strangers' schemas). An undecided column counts as ``none`` in
the F1, and as found where harm is counted.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.classification_tables import labels, read_tables
from synth_assets.classification import ColumnVerdict
from synth_assets.starter import scan

ROOT = Path(__file__).parent.parent
CATEGORIES = ("direct", "quasi", "sensitive", "none")
_CATEGORY = {
    "direct_identifier": "direct",
    "quasi_identifier": "quasi",
    "sensitive": "sensitive",
    "insensitive": "none",
}
_FAMILIES = (
    ("first_name", "last_name", "middle_name", "person_name"),
    ("street_address", "address_part"),
    ("person_id", "record_id"),
    ("latitude", "longitude", "geo_point"),
    ("iban", "bank_account"),
    ("diagnosis", "medication", "procedure", "health"),
    ("salary", "financial"),
    ("national_id", "passport", "drivers_license"),
    ("ethnicity", "nationality"),
    ("card_cvv", "card_expiry"),
    ("free_text_pii", "text"),
    ("person_date", "date"),
)
_FAMILY = {entity: family[0] for family in _FAMILIES for entity in family}

Case = tuple[dict[str, str], ColumnVerdict]
"""A label and the verdict on its column."""


def classified(folder: Path, labelled: Iterable[dict[str, str]]) -> list[Case]:
    """The verdicts on the CSV files of a folder beside their labels."""
    verdicts = {
        (file.stem, verdict.column.strip()): verdict
        for file in sorted(folder.glob("*.csv"))
        for verdict in scan(file, header=True).verdicts
    }
    return [(label, verdicts[label["table"], label["column"].strip()]) for label in labelled]


def _category(verdict: ColumnVerdict) -> str:
    return _CATEGORY.get(verdict.role, "none")


def _wanted(label: dict[str, str], verdict: ColumnVerdict) -> str:
    """The role in the lenient reading: a second reading that the label accepts is right."""
    found = _category(verdict)
    return found if found in label["alt_category"].split("|") else label["category"]


def is_right(case: Case) -> bool:
    """Whether the role is right, in the lenient reading."""
    return _wanted(*case) == _category(case[1])


def figures(cases: Sequence[Case]) -> dict[str, Any]:
    """Macro-F1 over the roles, direct identifiers, harm, entity types, undecided columns, calibration, confusions."""
    pairs = [(_wanted(*case), _category(case[1])) for case in cases]
    direct = [(label["category"] == "direct", _category(verdict) == "direct") for label, verdict in cases]
    both = sum(a and b for a, b in direct)
    harmful = [case for case, (wanted, _) in zip(cases, pairs, strict=True) if wanted in {"direct", "sensitive"}]
    personal = [case for case in cases if case[0]["category"] != "none"]
    kin = [_family(label["entity_type"]) == _family(verdict.entity_type) for label, verdict in personal]
    sure = [case for case in cases if case[1].confidence >= 0.9]
    return {
        "columns": len(cases),
        "macro-F1": _rounded(sum(_f1(pairs, category) for category in CATEGORIES), len(CATEGORIES)),
        "direct found": _rounded(both, sum(a for a, _ in direct)),
        "direct right": _rounded(both, sum(b for _, b in direct)),
        "harmful called insensitive": sum(verdict.role == "insensitive" for _, verdict in harmful),
        "harmful": len(harmful),
        "entity family": _rounded(sum(kin), len(kin)),
        "undecided": _rounded(sum(verdict.role == "undecided" for _, verdict in cases), len(cases)),
        "confident": len(sure),
        "right when confident": _rounded(sum(map(is_right, sure)), len(sure)),
        "confusions": {f"{a} as {b}": n for (a, b), n in Counter(pairs).most_common() if a != b},
    }


def _f1(pairs: Sequence[tuple[str, str]], category: str) -> float:
    hits = sum(a == b == category for a, b in pairs)
    return 2 * hits / max(1, sum((a == category) + (b == category) for a, b in pairs))


def _rounded(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _family(entity: str) -> str:
    return _FAMILY.get(entity, entity)


def labelled(folder: Path) -> list[Case]:
    """Labels and verdicts of a folder with ``labels.csv`` and ``tables/*.csv``."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8-sig") as file:
        return classified(folder / "tables", list(csv.DictReader(file)))


def splits(data: Path | None, folder: Path) -> dict[str, list[Case]]:
    """Labels and verdicts of every split that there is."""
    found = {}
    if data and (data / "pii").is_dir():
        found["labelled"] = labelled(data / "pii")
    tables = read_tables()
    for name in ("open", "held back", "found"):
        chosen = [table for table in tables if table.split == name]
        written = folder / name
        written.mkdir()
        for table in chosen:
            table.fill().to_csv(written / f"{table.name}.csv", index=False)
        found[name] = classified(written, labels(chosen))
    return found


_ROW, _PERSON = "(hash(i) >> 1)::BIGINT", "(hash(i // 4) >> 1)::BIGINT"  # four rows a person
_KINDS: dict[str, str] = {
    "customer_id": "(i * 7919) % 100000007 // 4",
    "full_name": f"['Anna', 'Ben', 'Carla', 'David', 'Eva'][1 + {_PERSON} % 5] || ' ' || "
    f"['Smith', 'Jones', 'Brown', 'Taylor'][1 + {_PERSON} // 5 % 4]",
    "email": f"'user' || {_PERSON} % 4000000 || '@example.org'",
    "birth_date": f"DATE '1940-01-01' + ({_PERSON} % 25000)::INTEGER",
    "postcode": f"printf('%05d', {_PERSON} % 90000)",
    "city": f"['Berlin', 'Paris', 'Madrid', 'Roma', 'Lisboa', 'Wien'][1 + {_PERSON} % 6]",
    "sex": f"['f', 'm'][1 + {_PERSON} % 2]",
    "ordered_at": f"TIMESTAMP '2020-01-01' + INTERVAL ({_ROW} % 100000000) SECOND",
    "amount": f"round({_ROW} % 1000000 / 100, 2)",
    "quantity": f"({_ROW} % 20)::INTEGER",
    "status": f"['new', 'paid', 'sent', 'returned'][1 + {_ROW} % 4]",
    "sku": f"'A' || {_ROW} % 5000",
}
_KEY = ("reference", "(i * 48271 % 2147483647)::VARCHAR")  # one column that no two rows share


def pace(rows: int, columns: int, form: str) -> dict[str, Any]:
    """A file of people's orders classified: CPU seconds after import, and how much memory it took."""
    kinds = list(_KINDS.items())
    repeated = [
        (f"{kinds[i % len(kinds)][0]}{i // len(kinds) or ''}", kinds[i % len(kinds)][1]) for i in range(columns)
    ]
    chosen = [_KEY, *repeated[1:]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"orders.{form}"
        with duckdb.connect() as con:
            texts = ", ".join(f"{sql.replace('(i', f'(i + {4 * i}')} AS {name}" for i, (name, sql) in enumerate(chosen))
            con.execute(f"COPY (SELECT {texts} FROM range({rows}) AS s(i)) TO '{path}'")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        scan(ROOT / "benchmarks" / "classification_evidence.csv")
        started = time.process_time()
        scan(path)
        return {
            "rows": rows,
            "columns": columns,
            "megabytes": path.stat().st_size >> 20,
            "cpu_s": round(time.process_time() - started, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "peak_before_mb": before >> 10,
        }


def main() -> None:
    """Print the figures of every split as JSON; with ``--wrong`` the wrong columns of those that may be looked at."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--tables", type=Path, help="only these: a folder with labels.csv and tables/*.csv")
    parser.add_argument("--wrong", action="store_true", help="list wrong columns on standard error")
    parser.add_argument("--pace", action="store_true", help="how long a large file takes, instead")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--form", choices=["csv", "parquet"], default="parquet")
    arguments = parser.parse_args()
    if arguments.pace:
        print(json.dumps(pace(arguments.rows, arguments.columns, arguments.form), indent=1))
        return
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        given = arguments.tables
        found = {given.name: labelled(given)} if given else splits(arguments.data, Path(folder))
    for name, cases in found.items():
        for label, verdict in cases if arguments.wrong and name != "held back" else ():
            case = (label, verdict)
            if not is_right(case) or _family(label["entity_type"]) != _family(verdict.entity_type):
                mark = "" if is_right(case) else "*"
                sys.stderr.write(
                    f"{mark}{label['table']}.{label['column']}: {label['entity_type']}/{label['category']} as "
                    f"{verdict.entity_type}/{verdict.role} {verdict.confidence:.2f} {'; '.join(verdict.evidence)}\n"
                )
    document: dict[str, Any] = {name: figures(cases) for name, cases in found.items()}
    print(json.dumps(document | {"CPU seconds": round(time.process_time() - started, 1)}, indent=1))


if __name__ == "__main__":
    main()
