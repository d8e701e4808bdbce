"""The lake: typed Parquet by source and day, and the ledger that says which of it counts."""
