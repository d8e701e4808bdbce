"""Random flight lists whose truth is known: a world of flights, its files in every form, damage, and the right counts.

Nothing here is imported from the code that reads flight files: the truth comes from the flights, not from their files.
"""
