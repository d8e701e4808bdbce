"""A release as a page that an editor can print."""
