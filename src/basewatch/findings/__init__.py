"""Single findings of a release: what one says, what it rests on, and how to quote it."""
