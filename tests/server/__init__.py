"""A real local HTTP server that behaves as the providers' documents say, with their errors on demand.

Written from the providers' tables (paths, parameters, limits, errors), apart from the clients under test: it counts
every request per host and time and writes down each breach of a stated rule in `violations`.
"""
