"""From tables about people to tables that other teams may use."""

__version__ = "0.1.0"
