/*
grain: one row per spell of days without a visit of the fleet, after its first visit to the base
key: [base_id, fleet_id, first_day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  last_visit_on: {type: DATE, doc: "Last day with a visit before the spell"}
  first_day: {type: DATE, doc: "First day without a visit"}
  last_day: {type: DATE, doc: "Last day without a visit; as_of while the spell lasts"}
  gap_days: {type: INTEGER, unit: day, doc: "Length"}
  is_ongoing: {type: BOOLEAN, doc: "No visit has ended it yet"}
  ended_by: {type: VARCHAR, doc: "The visit that ended it"}
*/
WITH stays AS (
    SELECT
        base_id,
        fleet_id,
        visit_id,
        first_on,
        max(last_on) OVER (
            PARTITION BY base_id, fleet_id ORDER BY first_evidence_at, visit_id ROWS UNBOUNDED PRECEDING
        ) AS busy_until,
        lead(first_on) OVER (PARTITION BY base_id, fleet_id ORDER BY first_evidence_at, visit_id) AS next_on,
        lead(visit_id) OVER (PARTITION BY base_id, fleet_id ORDER BY first_evidence_at, visit_id) AS next_id
    FROM intermediate.int_fleet_visits
)

SELECT
    base_id,
    fleet_id,
    busy_until AS last_visit_on,
    (busy_until + 1)::DATE AS first_day,
    coalesce((next_on - 1)::DATE, $as_of) AS last_day,
    coalesce((next_on - 1)::DATE, $as_of) - busy_until AS gap_days,
    next_on IS NULL AS is_ongoing,
    next_id AS ended_by
FROM stays
WHERE coalesce((next_on - 1)::DATE, $as_of) - busy_until >= $min_gap_days
