"""What open tools find in the same tables; run with the Python of an environment that holds one of them.

    .peers/TOOL/bin/python benchmarks/classification_peers.py detectpii|presidio|dataprofiler DATA OUT.csv

``DATA`` holds ``tables/*.csv``; ``OUT.csv`` is for the scorer of the tables. Nothing is downloaded: Presidio runs on
its patterns with an empty language model, detectpii on names and values, DataProfiler on the model in its own package.
What a tool calls a thing is given the type and the role that it has in a table about people.
"""
# mypy: ignore-errors

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 500
Finder = Callable[[Any], dict[str, str]]
"""A table to the tool's own word for each column."""

TYPES = {
    "person": ("person_name", "direct"),
    "name": ("person_name", "direct"),
    "email": ("email", "direct"),
    "email_address": ("email", "direct"),
    "phone": ("phone", "direct"),
    "phone_number": ("phone", "direct"),
    "ssn": ("national_id", "direct"),
    "us_ssn": ("national_id", "direct"),
    "us_itin": ("national_id", "direct"),
    "uk_nhs": ("national_id", "direct"),
    "nrp": ("nationality", "quasi"),
    "us_passport": ("passport", "direct"),
    "us_driver_license": ("drivers_license", "direct"),
    "drivers_license": ("drivers_license", "direct"),
    "credit_card": ("credit_card", "direct"),
    "iban_code": ("iban", "direct"),
    "ban": ("bank_account", "direct"),
    "us_bank_number": ("bank_account", "direct"),
    "ip_address": ("ip_address", "direct"),
    "ipv4": ("ip_address", "direct"),
    "ipv6": ("ip_address", "direct"),
    "mac_address": ("mac_address", "direct"),
    "user_name": ("username", "direct"),
    "username": ("username", "direct"),
    "address": ("street_address", "direct"),
    "po_box": ("address_part", "direct"),
    "uuid": ("person_id", "direct"),
    "birth_date": ("date_of_birth", "quasi"),
    "gender": ("gender", "quasi"),
    "nationality": ("nationality", "quasi"),
    "zipcode": ("postcode", "quasi"),
    "zip_code": ("postcode", "quasi"),
    "location": ("city", "quasi"),
    "age": ("age", "quasi"),
    "password": ("password", "sensitive"),
    "medical_license": ("national_id", "direct"),
}
"""Words of the tools, in lower case; what is not here (dates, links, numbers) is nobody's."""


def detectpii() -> Finder:
    """Names first, then values of the column as one text, as its documentation does."""
    from detectpii.detector.column_value_regex import ColumnValueRegexDetector
    from detectpii.detector.english_column_name_regex import EnglishColumnNameRegexDetector
    from detectpii.model import Column

    by_name, by_value = EnglishColumnNameRegexDetector(), ColumnValueRegexDetector()

    def find(table: Any) -> dict[str, str]:
        found = {}
        for name in table.columns:
            told = by_name.detect(column=Column(name=str(name)))
            if told is None:
                samples = [by_value.detect(column=Column(name=str(name)), sample=v) for v in table[name].dropna()[:20]]
                kinds = Counter(kind.type for kind in samples if kind is not None)
                told_type = kinds.most_common(1)[0][0] if kinds and sum(kinds.values()) > 10 else None
            else:
                told_type = told.type
            if told_type:
                found[str(name)] = told_type
        return found

    return find


def presidio() -> Finder:
    """Presidio structured with its patterns; the language model knows no entities."""
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_structured import PandasAnalysisBuilder

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    builder = PandasAnalysisBuilder(AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"]))

    def find(table: Any) -> dict[str, str]:
        return dict(builder.generate_analysis(table.astype(str), n=min(100, len(table))).entity_mapping)

    return find


def dataprofiler() -> Finder:
    """The label of each column by the network in the package."""
    import dataprofiler

    options = dataprofiler.ProfilerOptions()
    options.structured_options.multiprocess.is_enabled = False

    def find(table: Any) -> dict[str, str]:
        report = dataprofiler.Profiler(table, options=options).report({"output_format": "compact"})
        labels = {stats["column_name"]: stats.get("data_label") for stats in report["data_stats"]}
        return {str(name): str(label).split("|")[0] for name, label in labels.items() if label}

    return find


def main() -> None:
    """Write what a tool finds; seconds go to standard error."""
    import pandas

    tool, data, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    find = {"detectpii": detectpii, "presidio": presidio, "dataprofiler": dataprofiler}[tool]()
    started = time.process_time()
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "column", "entity_type", "category"])
        for path in sorted((data / "tables").glob("*.csv")):
            table = pandas.read_csv(path, dtype=str, nrows=ROWS)
            found = find(table)
            for name in table.columns:
                kind = TYPES.get(found.get(str(name), "").lower(), ("none", "none"))
                writer.writerow([path.stem, name, *kind])
    sys.stderr.write(f"{tool}: {time.process_time() - started:.1f} CPU s\n")


if __name__ == "__main__":
    main()
