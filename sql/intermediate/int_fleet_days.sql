/*
grain: one row per base, fleet and day on which counted visits began
key: [base_id, fleet_id, day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  day: {type: DATE, doc: "Day on which they began"}
  visits: {type: BIGINT, doc: "Visits that began that day"}
  began_at: {type: TIMESTAMPTZ, doc: "First evidence of the first of them"}
  last_began_at: {type: TIMESTAMPTZ, doc: "First evidence of the last of them"}
  busy_until_at: {type: TIMESTAMPTZ, doc: "Last evidence of any of them"}
  busy_until: {type: DATE, doc: "Last day on which any of them was present"}
*/
-- Episodes and spells are judged by days: millions of visits become a few hundred thousand rows first.
SELECT
    base_id,
    fleet_id,
    first_on AS day,
    count(*) AS visits,
    min(first_evidence_at) AS began_at,
    max(first_evidence_at) AS last_began_at,
    max(last_evidence_at) AS busy_until_at,
    max(last_on) AS busy_until
FROM intermediate.int_fleet_visits
GROUP BY base_id, fleet_id, first_on
