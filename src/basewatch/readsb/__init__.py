"""readsb's positions: from an archive's bytes, or a poll, to the points near watched bases."""
