-- one row per identity that tracks in the lake carry: what traces and polls said of an address, and who brought it;
-- is_near: not only by positions far from every base, of which no aircraft is published
SELECT DISTINCT source, icao24, trim(callsign) AS callsign, registration, type_code, TRUE AS is_near FROM raw.track_points
UNION
SELECT DISTINCT source, icao24, trim(callsign), registration, type_code, FALSE FROM raw.watched_points
UNION
SELECT DISTINCT source, icao24, trim(callsign), registration, type_code, TRUE FROM raw.track_edges
