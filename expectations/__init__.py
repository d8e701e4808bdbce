"""Great Expectations suites, one a published table."""
