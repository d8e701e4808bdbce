"""Flight records that contradict themselves, each other, the fields' own positions or the registers.

All records of a reading are judged at once, by column. What is wrong with a record costs no more than it must: where
aircraft, place and day stand without the bad field, the field is voided and the record stays (a voided end counts
nowhere); else the record is rejected. Which of two values is the bad one is decided by a third that agrees with one of
them, and never by taste: where none does, neither stands.

    contradictions.py  the sorts, one that was found, and what comes of a reading
    frame.py           the records as arrays, and what was found of them
    aircraft.py        addresses against registrations and registers
    ids.py             records under one id
    ends.py            places and times of both ends, of one record and of one aircraft
    files.py           files that repeat another one, or are moved
    judging.py         all of these, in their order
"""

from basewatch.sources.consistency.contradictions import (
    LANDED_FIRST,
    NO_ADDRESS,
    NO_FIELD,
    OFF_CONTACT,
    OFF_FIELD,
    ONE_ADDRESS,
    SAME_ID,
    SAME_STAMPS,
    SHIFTED,
    TOLD_ALONE,
    TOO_FAST,
    TWO_PLACES,
    WRONG_ADDRESS,
    Contradiction,
    Judged,
)
from basewatch.sources.consistency.files import is_copy
from basewatch.sources.consistency.frame import AIRCRAFT, CONTACTS
from basewatch.sources.consistency.judging import judge

__all__ = [
    "AIRCRAFT",
    "CONTACTS",
    "LANDED_FIRST",
    "NO_ADDRESS",
    "NO_FIELD",
    "OFF_CONTACT",
    "OFF_FIELD",
    "ONE_ADDRESS",
    "SAME_ID",
    "SAME_STAMPS",
    "SHIFTED",
    "TOLD_ALONE",
    "TOO_FAST",
    "TWO_PLACES",
    "WRONG_ADDRESS",
    "Contradiction",
    "Judged",
    "is_copy",
    "judge",
]
