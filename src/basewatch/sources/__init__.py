"""One module a provider; contract.py says what each of them offers."""
