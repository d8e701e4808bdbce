"""SQL: intermediate."""
