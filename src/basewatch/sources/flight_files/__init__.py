"""Flight records that the user already has, as providers, spreadsheets and data libraries write them.

    opening.py       a file's bytes to tables: compression, archives, encodings, delimiters, JSON, Parquet, Excel
    forms.py         a table to a known form, by its columns
    reading.py       a table of a known form to lake rows, rejects, and what of the file could not be read
    by_column.py     rows of which there is nothing to tell, each distinct cell of a column read once
    sameness.py      which records are one and the same
    restatements.py  what a file says otherwise than it did before
    covers.py        which of the days that are declared complete the files do not bear out
    source.py        the source itself: fetch, decode, check

Records prove what they state and nothing else: only days that `covers` declares complete for a base count as looked
at, and only as far as the files were wholly read.
"""

from basewatch.sources.flight_files.source import check, decode, fetch, grain, taken_for

__all__ = ["check", "decode", "fetch", "grain", "taken_for"]
