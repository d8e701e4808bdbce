/*
grain: one row per base, fleet and UTC day; counts are null where nothing could have been seen and nothing is on record
key: [base_id, fleet_id, day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet counted"}
  day: {type: DATE, unit: UTC, doc: "UTC calendar day"}
  arrivals: {type: INTEGER, doc: "Arrivals with evidence that day; on a missing day a lower bound"}
  departures: {type: INTEGER, doc: "Departures with evidence that day; on a missing day a lower bound"}
  visits: {type: INTEGER, doc: "Stays present that day; on a missing day a lower bound"}
  observability: {type: VARCHAR, values: [observed, unmeasured, blind, missing], doc: "What could have been seen that day"}
  detection: {type: DOUBLE, doc: "Probability that a visit would be seen, 0 to 1; null if unmeasured"}
  background_aircraft: {type: INTEGER, doc: "Other aircraft heard near the base"}
  interference: {type: VARCHAR, values: [none, suspected], doc: "GNSS spoofing or jamming near the base"}
*/
WITH events AS (
    SELECT
        base_id,
        fleet_id,
        arrived_on AS day,
        count(*) AS arrivals,
        0 AS departures,
        0 AS begun,
        0 AS gone
    FROM intermediate.int_fleet_visits
    WHERE arrived_on IS NOT NULL
    GROUP BY ALL

    UNION ALL
    SELECT
        base_id,
        fleet_id,
        departed_on AS day,
        0 AS arrivals,
        count(*) AS departures,
        0 AS begun,
        0 AS gone
    FROM intermediate.int_fleet_visits
    WHERE departed_on IS NOT NULL
    GROUP BY ALL

    UNION ALL
    SELECT
        base_id,
        fleet_id,
        first_on AS day,
        0 AS arrivals,
        0 AS departures,
        count(*) AS begun,
        0 AS gone
    FROM intermediate.int_fleet_visits
    GROUP BY ALL

    UNION ALL
    SELECT
        base_id,
        fleet_id,
        (last_on + 1)::DATE AS day,
        0 AS arrivals,
        0 AS departures,
        0 AS begun,
        count(*) AS gone
    FROM intermediate.int_fleet_visits
    GROUP BY ALL
),

days AS (
    SELECT
        base_id,
        fleet_id,
        day,
        sum(arrivals) AS arrivals,
        sum(departures) AS departures,
        sum(begun) AS begun,
        sum(gone) AS gone
    FROM events
    GROUP BY base_id, fleet_id, day
),

fleets AS (SELECT DISTINCT fleet_id FROM reference.fleets),

counted AS (
    SELECT
        d.base_id,
        f.fleet_id,
        d.day,
        coalesce(e.arrivals, 0) AS arrivals,
        coalesce(e.departures, 0) AS departures,
        -- present: begun up to today and not gone by today; the spine holds the first day of every visit
        sum(coalesce(e.begun, 0) - coalesce(e.gone, 0)) OVER (
            PARTITION BY d.base_id, f.fleet_id ORDER BY d.day ROWS UNBOUNDED PRECEDING
        ) AS visits,
        d.observability,
        d.detection,
        d.background_aircraft,
        d.interference,
        is_observable(d.observability) AS is_observable
    FROM intermediate.int_base_days AS d
    CROSS JOIN fleets AS f
    LEFT JOIN days AS e ON d.base_id = e.base_id AND f.fleet_id = e.fleet_id AND d.day = e.day
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
