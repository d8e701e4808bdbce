"""SQL: reference."""
