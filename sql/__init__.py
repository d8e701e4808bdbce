"""The SQL models (one file = one table), thresholds and reference facts."""
