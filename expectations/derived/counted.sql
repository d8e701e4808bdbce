-- one row per counted visit and fleet of its aircraft, with the days of its ends
SELECT
    visit_id, base_id, unnest(fleets) AS fleet_id, icao24, type_code, confidence, probability, ground_minutes, first_evidence_at,
    first_evidence_at::DATE AS first_on, last_evidence_at::DATE AS last_on, arrived_at::DATE AS arrived_on,
    departed_at::DATE AS departed_on
FROM base_visits
WHERE confidence >= 2
