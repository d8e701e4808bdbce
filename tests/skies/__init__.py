"""Flights with known truth: skies, single cases, series of visits, and days of other traffic.

- `stories.make(scenario, seed)` gives a cruel sky: months of flights at several airfields, heard by receivers that hear
  only some of it. Every rate and share is drawn anew for each seed.
- `cases.draw(seed, regions, each, …)` gives single aircraft that truly visit a field, or only look as if they did.
- `series.steady(rng, rate)` gives years of visits at one rate, with or without a pause: the truth of gaps.
- `listening.draw(rng, kind, …)` gives years of other traffic near a base whose receivers fail: the truth of days.

`lake` and `decoder` put them into a database as an archive's decoder would. All else knows nothing of the library, and
shares no threshold with it.
"""
