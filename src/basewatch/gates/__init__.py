"""The gates: what a candidate must meet before it is published."""
