"""Heatmap files whose truth is known: aircraft, what readsb writes of them each half hour, and damage of every kind.

Nothing here is imported from the code that reads heatmaps: the truth comes from the aircraft, not from their files.
"""
