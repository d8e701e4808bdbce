"""Every reason that claim_checks can find has one verdict and one sentence, and none is left over."""

from __future__ import annotations

import re

from basewatch.warehouse import models

MODEL = models.load()["marts.claim_checks"]
FOUND, MAPPED = MODEL.query.split("verdicts (reason, verdict) AS (")
LISTED, REST = MAPPED.split("\n),", 1)
CODE = r"'([a-z]+(?:_[a-z]+)*)'"


def test_each_reason_has_one_verdict_and_one_sentence() -> None:
    found = re.findall(rf"(?:THEN|ELSE) {CODE}", FOUND)
    verdicts = dict(re.findall(rf"\({CODE}, {CODE}\)", LISTED))
    sentences = REST.split("AS visit_ids,")[1]
    worded = [
        code
        for codes in re.findall(r"(?m)^ {8}WHEN w\.reason (?:=|IN) ([^\n]+?)(?: THEN|$)", sentences)
        for code in re.findall(CODE, codes)
    ]
    assert len(found) == len(set(found)) > 10
    assert set(found) == set(verdicts)
    assert sorted(found) == sorted(worded)


def test_verdicts_are_those_of_the_header() -> None:
    declared = next(column.values for column in MODEL.columns if column.name == "verdict")
    assert set(dict(re.findall(rf"\({CODE}, {CODE}\)", LISTED)).values()) == set(declared)
