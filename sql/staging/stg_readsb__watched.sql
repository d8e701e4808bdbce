/*
grain: one row per position of an aircraft on the watch list, beyond the rings around the bases
key: [icao24, at_s, latitude, longitude]
kind: view
columns:
  icao24: {type: VARCHAR, doc: "24-bit address, lower case; a leading ~ marks an address that is not an ICAO one"}
  day: {type: DATE, doc: "UTC day"}
  at_s: {type: BIGINT, unit: s, doc: "Whole seconds since 1970"}
  latitude: {type: DOUBLE, unit: deg, doc: "Latitude"}
  longitude: {type: DOUBLE, unit: deg, doc: "Longitude"}
  is_ground: {type: BOOLEAN, doc: "The aircraft says that it is on the ground"}
  altitude_baro_ft: {type: INTEGER, unit: ft, doc: "Pressure altitude"}
  altitude_geom_ft: {type: INTEGER, unit: ft, doc: "Height by satellite navigation"}
  ground_speed_kt: {type: FLOAT, unit: kt, doc: "Speed over ground"}
  track_deg: {type: FLOAT, unit: deg, doc: "True track"}
  vertical_rate_fpm: {type: INTEGER, unit: ft/min, doc: "Climb (positive) or sink"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  is_own_position: {type: BOOLEAN, doc: "The aircraft's own satellite fix, not computed by receivers"}
  is_stale: {type: BOOLEAN, doc: "Older than the moment it is filed under"}
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
    coalesce(is_stale, FALSE) AS is_stale
FROM raw.watched_points
WHERE latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180
