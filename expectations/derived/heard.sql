-- one row per identity that tracks in the lake carry: what traces and polls said of an address, and who brought it
SELECT DISTINCT source, icao24, trim(callsign) AS callsign, registration, type_code FROM raw.track_points
UNION
SELECT DISTINCT source, icao24, trim(callsign), registration, type_code FROM raw.watched_points
UNION
SELECT DISTINCT source, icao24, trim(callsign), registration, type_code FROM raw.track_edges
