"""Suites that derive again what is published, one a table, and views that they share."""
