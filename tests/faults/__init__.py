"""The fault library: seeded faults in a small good world of each family, and what the product says of each.

`python benchmarks/faults.py` enters all of them; tests/faults/test_faults.py a seeded tenth.
"""
