"""A small seeded simulator of flights near airfields, with known truth; it knows nothing of the library it tests."""
