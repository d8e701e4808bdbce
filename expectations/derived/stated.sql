-- one row per flight record as it stands in the lake, under the identifier by which evidence lists quote it; `who` is the
-- key of its aircraft where no register and no other record knows better
SELECT *, coalesce(icao24, 'reg:' || upper(trim(registration))) AS who
FROM (
SELECT
    source, coalesce(url, 'record:' || record_id) AS evidence, lower(icao24) AS icao24, registration, callsign, type_code,
    origin, destination, NULL AS planned, departed_at, arrived_at, NULL AS first_seen_at, NULL AS last_seen_at,
    FALSE AS is_estimate
FROM raw.plain_flights
UNION ALL
SELECT
    source, 'flightradar24:' || record_id, lower(hex), reg, callsign, type, orig_icao, dest_icao_actual, dest_icao,
    datetime_takeoff, datetime_landed, first_seen, last_seen, FALSE
FROM raw.flightradar24_flights
UNION ALL
SELECT
    source, 'opensky:' || record_id, lower(icao24), registration, callsign, type_code, est_departure_airport,
    est_arrival_airport, NULL, first_seen, last_seen, first_seen, last_seen, TRUE
FROM raw.opensky_flights
)
