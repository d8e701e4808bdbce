"""SQL: staging."""
