"""A watch of one's own begun: a field looked up, rules of fleets read, a configuration and reference files written."""
