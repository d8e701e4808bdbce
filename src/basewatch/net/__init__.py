"""HTTP for every source: one polite client, what providers allow, and what never reaches a log."""
