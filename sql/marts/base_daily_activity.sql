/*
grain: one row per base, fleet and UTC day; counts are null where nothing could have been seen and nothing is on record
key: [base_id, fleet_id, day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet counted"}
  day: {type: DATE, unit: UTC, doc: "Day"}
  arrivals: {type: INTEGER, doc: "Arrivals with evidence that day; on a missing day a lower bound"}
  departures: {type: INTEGER, doc: "Departures with evidence that day; on a missing day a lower bound"}
  visits: {type: INTEGER, doc: "Stays present that day; on a missing day a lower bound"}
  observability: {type: VARCHAR, values: [observed, unmeasured, blind, missing], doc: "What could have been seen that day"}
  detection: {type: DOUBLE, doc: "Probability that a visit would be seen, 0 to 1; null if unmeasured"}
  background_aircraft: {type: INTEGER, doc: "Other aircraft heard near the base"}
  interference: {type: VARCHAR, values: [none, suspected], doc: "GNSS spoofing or jamming near the base"}
*/
WITH arrivals AS (
    SELECT
        base_id,
        fleet_id,
        arrived_on AS day,
        count(*) AS arrivals
    FROM intermediate.int_fleet_visits
    WHERE arrived_on IS NOT NULL
    GROUP BY ALL
),

departures AS (
    SELECT
        base_id,
        fleet_id,
        departed_on AS day,
        count(*) AS departures
    FROM intermediate.int_fleet_visits
    WHERE departed_on IS NOT NULL
    GROUP BY ALL
),

present AS (
    SELECT
        base_id,
        fleet_id,
        day,
        count(*) AS visits
    FROM (
        SELECT
            base_id,
            fleet_id,
            first_on AS day
        FROM intermediate.int_fleet_visits
        UNION ALL
        SELECT
            base_id,
            fleet_id,
            unnest(generate_series(first_on::TIMESTAMP + INTERVAL 1 DAY, last_on::TIMESTAMP, INTERVAL 1 DAY))::DATE AS day
        FROM intermediate.int_fleet_visits
        WHERE last_on > first_on
    ) AS stayed
    GROUP BY ALL
),

fleets AS (SELECT DISTINCT fleet_id FROM reference.fleets),

counted AS (
    SELECT
        d.base_id,
        f.fleet_id,
        d.day,
        coalesce(a.arrivals, 0) AS arrivals,
        coalesce(g.departures, 0) AS departures,
        coalesce(p.visits, 0) AS visits,
        d.observability,
        d.detection,
        d.background_aircraft,
        d.interference,
        d.observability IN ('observed', 'unmeasured') AS is_observable
    FROM intermediate.int_base_days AS d
    CROSS JOIN fleets AS f
    LEFT JOIN arrivals AS a ON d.base_id = a.base_id AND f.fleet_id = a.fleet_id AND d.day = a.day
    LEFT JOIN departures AS g ON d.base_id = g.base_id AND f.fleet_id = g.fleet_id AND d.day = g.day
    LEFT JOIN present AS p ON d.base_id = p.base_id AND f.fleet_id = p.fleet_id AND d.day = p.day
)

SELECT
    base_id,
    fleet_id,
    day,
    -- unknown is never zero: where nobody looked, only what is on record is shown
    CASE WHEN is_observable THEN arrivals ELSE nullif(arrivals, 0) END AS arrivals,
    CASE WHEN is_observable THEN departures ELSE nullif(departures, 0) END AS departures,
    CASE WHEN is_observable THEN visits ELSE nullif(visits, 0) END AS visits,
    observability,
    detection,
    background_aircraft,
    interference
FROM counted
ORDER BY base_id, fleet_id, day
