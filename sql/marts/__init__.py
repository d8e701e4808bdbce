"""SQL: marts."""
