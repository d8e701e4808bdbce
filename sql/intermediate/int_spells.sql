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
WITH days AS (
    SELECT
        base_id,
        fleet_id,
        max(busy_until) OVER (PARTITION BY base_id, fleet_id ORDER BY day ROWS UNBOUNDED PRECEDING) AS last_visit_on,
        lead(day) OVER (PARTITION BY base_id, fleet_id ORDER BY day) AS next_on
    FROM intermediate.int_fleet_days
),

spells AS (
    SELECT
        base_id,
        fleet_id,
        last_visit_on,
        next_on,
        coalesce((next_on - 1)::DATE, $as_of) AS last_day
    FROM days
    WHERE coalesce((next_on - 1)::DATE, $as_of) - last_visit_on >= $min_gap_days
),

enders AS (
    SELECT
        s.base_id,
        s.fleet_id,
        s.next_on,
        arg_min(v.visit_id, (v.first_evidence_at, v.visit_id)) AS visit_id
    FROM spells AS s
    INNER JOIN intermediate.int_fleet_visits AS v
        ON s.base_id = v.base_id AND s.fleet_id = v.fleet_id AND s.next_on = v.first_on
    GROUP BY s.base_id, s.fleet_id, s.next_on
)

SELECT
    s.base_id,
    s.fleet_id,
    s.last_visit_on,
    (s.last_visit_on + 1)::DATE AS first_day,
    s.last_day,
    s.last_day - s.last_visit_on AS gap_days,
    s.next_on IS NULL AS is_ongoing,
    e.visit_id AS ended_by
FROM spells AS s
LEFT JOIN enders AS e ON s.base_id = e.base_id AND s.fleet_id = e.fleet_id AND s.next_on = e.next_on
