"""Bring sources into the restricted zone: files, globs and DuckDB tables; what cannot be read is set aside."""

from synth_assets.ingestion.location import SourceFormat
from synth_assets.ingestion.relation import open_relation, read_columns
from synth_assets.ingestion.snapshot import SchemaChange, Snapshot, ingest, schema_changes

__all__ = ["SchemaChange", "Snapshot", "SourceFormat", "ingest", "open_relation", "read_columns", "schema_changes"]
