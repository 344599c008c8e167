"""Dagster resources: thin handles on the warehouse and the budget."""
