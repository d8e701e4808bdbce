/*
grain: one row per base (or `all`), hidden stay and base that it is judged for
key: [shown_for, case_id, base_id]
empty_without: [raw.hidden_stays]
columns:
  shown_for: {type: VARCHAR, doc: "Watched base, or `all`"}
  is_pooled: {type: BOOLEAN, doc: "Too few stays were hidden at this base: the row is one of all bases"}
  case_id: {type: VARCHAR, doc: "The silence that was made of a stay, or of a flight, by hiding a part of it"}
  base_id: {type: VARCHAR, doc: "Watched base that it is judged for"}
  is_true: {type: BOOLEAN, doc: "The aircraft was there"}
  evidence: {type: VARCHAR, doc: "Sort of evidence that was left; `none` where the base was not even listed"}
  height_band: {type: VARCHAR, doc: "Height above the base at which the aircraft was lost"}
  probability: {type: DOUBLE, doc: "That it was there, as the judge has it; null where not listed"}
  is_counted: {type: BOOLEAN, doc: "It would count as a visit there"}
*/
WITH own AS (
    SELECT
        base_id,
        count(*) FILTER (WHERE is_true) AS stays
    FROM raw.hidden_stays
    GROUP BY base_id
),

bases AS (
    SELECT
        b.base_id AS shown_for,
        coalesce(o.stays, 0) < $accuracy_least_cases AS is_pooled
    FROM reference.bases AS b
    LEFT JOIN own AS o ON b.base_id = o.base_id
    WHERE b.kind = 'air'
    UNION ALL
    SELECT
        'all' AS shown_for,
        FALSE AS is_pooled
)

SELECT
    b.shown_for,
    b.is_pooled,
    h.case_id,
    h.base_id,
    h.is_true,
    h.evidence,
    h.height_band,
    h.probability,
    h.is_counted
FROM bases AS b
INNER JOIN raw.hidden_stays AS h ON b.shown_for IN (h.base_id, 'all') OR b.is_pooled
