"""The nightly job over a range of days: the flow for deployments, which name it by this file."""

from basewatch.flows.nightly import backfill

__all__ = ["backfill"]
