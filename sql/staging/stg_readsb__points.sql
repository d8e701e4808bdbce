/*
grain: one row per position near a watched base
key: [icao24, at_s, latitude, longitude]
empty_without: [raw.track_points]
kind: view
columns:
  icao24: {type: VARCHAR, doc: "24-bit address, lower case; a leading ~ marks an address that is not an ICAO one"}
  day: {type: DATE, doc: "UTC day under which the position was filed"}
  at_s: {type: BIGINT, unit: s, doc: "Whole seconds since 1970, for cheap windows"}
  latitude: {type: FLOAT, unit: deg, doc: "Latitude, WGS-84"}
  longitude: {type: FLOAT, unit: deg, doc: "Longitude, WGS-84"}
  is_ground: {type: BOOLEAN, doc: "The aircraft says that it is on the ground"}
  altitude_baro_ft: {type: INTEGER, unit: ft, doc: "Height by pressure, standard atmosphere"}
  altitude_geom_ft: {type: INTEGER, unit: ft, doc: "Height by satellite navigation"}
  ground_speed_kt: {type: FLOAT, unit: kt, doc: "Speed over ground"}
  track_deg: {type: FLOAT, unit: deg, doc: "True track"}
  vertical_rate_fpm: {type: INTEGER, unit: ft/min, doc: "Climb (positive) or sink"}
  callsign: {type: VARCHAR, doc: "Callsign, trimmed"}
  is_own_position: {type: BOOLEAN, doc: "Sent by the aircraft itself, not computed by others (multilateration, TIS-B), which errs by leaps"}
  is_stale: {type: BOOLEAN, doc: "Nothing was heard in the 20 s before: proof of life, not of place"}
  base_id: {type: VARCHAR, doc: "Nearest watched base"}
  distance_km: {type: FLOAT, unit: km, doc: "Distance to it"}
*/
SELECT
    lower(icao24) AS icao24,
    day,
    epoch_us(seen_at) // 1000000 AS at_s,
    latitude,
    longitude,
    coalesce(is_ground, FALSE) AS is_ground,
    altitude_baro_ft,
    altitude_geom_ft,
    ground_speed_kt,
    track_deg,
    vertical_rate_fpm,
    nullif(trim(callsign), '') AS callsign,
    coalesce(position_type LIKE 'adsb%' OR position_type LIKE 'adsr%', TRUE) AS is_own_position,
    coalesce(is_stale, FALSE) AS is_stale,
    base_id,
    distance_km
FROM raw.track_points
WHERE latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180
