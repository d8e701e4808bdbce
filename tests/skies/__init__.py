"""Cruel skies with known truth: months of flights at several airfields, heard by receivers that hear only some of it.

`stories.make(scenario, seed)` gives a sky. All of it but `lake` knows nothing of the library, shares no threshold with
it, and draws every rate and share anew for each seed.
"""
