"""Lake and releases in S3-compatible storage: a lease, a pointer, and a working copy that is brought up to it."""
