/*
grain: one row per position of an aircraft, near a base, at an edge of its track, or of one on the watch list, in the order of flight
key: [icao24, at_s, latitude, longitude, is_edge]
empty_without: [staging.stg_readsb__points, staging.stg_readsb__edges, staging.stg_readsb__watched]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  at_s: {type: BIGINT, unit: s, doc: "Whole seconds since 1970"}
  stretch_no: {type: INTEGER, doc: "Running number of the aircraft's stretches: unbroken, and all in the air or all on the ground"}
  latitude: {type: FLOAT, unit: deg, doc: "Latitude"}
  longitude: {type: FLOAT, unit: deg, doc: "Longitude"}
  base_id: {type: VARCHAR, doc: "Nearest watched base; null at an edge and beyond the rings"}
  distance_km: {type: FLOAT, unit: km, doc: "Distance to it"}
  height_ft: {type: INTEGER, unit: ft, doc: "Height above the nearest base's field; above the sea where there is no base; null where none is known"}
  height_basis: {type: UTINYINT, doc: "4 the aircraft says that it is on the ground; 3 satellite navigation; 2 pressure, corrected by other aircraft near the base that day; 1 pressure alone; 0 none"}
  is_ground: {type: BOOLEAN, doc: "On the ground, by report, speed and height together"}
  is_fresh: {type: BOOLEAN, doc: "Good for judging place: neither stale nor an edge"}
  is_edge: {type: BOOLEAN, doc: "First or last position of a track, anywhere"}
  goes_on_after: {type: BOOLEAN, doc: "Such a position of a track that went on from there where positions are not kept"}
  is_height_off: {type: BOOLEAN, doc: "Pressure and satellite height contradict each other"}
  speed_kt: {type: FLOAT, unit: kt, doc: "Speed over ground"}
  track_deg: {type: FLOAT, unit: deg, doc: "True track"}
  rate_fpm: {type: INTEGER, unit: ft/min, doc: "Climb (positive) or sink, from heights where the aircraft does not say"}
  step_km: {type: FLOAT, unit: km, doc: "From the position before, null at the start of a stretch"}
  step_s: {type: INTEGER, unit: s, doc: "Since the position before, null at the start of a stretch"}
  callsign: {type: VARCHAR, doc: "Callsign"}
*/
-- The one pass over all positions: everything after it works on stretches or on the few positions around their ends.
-- Kept in one file: positions near a base, edges and far positions are put in one order before they are parted again.
WITH pressure AS (
    -- the day's air pressure near each base, told by aircraft that report both heights
    SELECT
        base_id,
        day,
        (sum(altitude_geom_ft - altitude_baro_ft) // count(*))::INTEGER AS offset_ft
    FROM staging.stg_readsb__points
    WHERE
        altitude_baro_ft < $track_pressure_below_ft
        AND abs(altitude_geom_ft - altitude_baro_ft) < $track_height_off_ft
    GROUP BY base_id, day
    HAVING approx_count_distinct(icao24) >= $track_pressure_min_aircraft
),

sightings AS (
    SELECT
        p.icao24,
        p.at_s,
        p.latitude,
        p.longitude,
        p.base_id,
        p.distance_km,
        CASE
            WHEN p.altitude_geom_ft IS NOT NULL THEN p.altitude_geom_ft
            WHEN p.altitude_baro_ft IS NOT NULL THEN p.altitude_baro_ft + coalesce(o.offset_ft, 0)
            -- too fast to count as standing there, but down: aircraft are often last heard rolling out
            WHEN p.is_ground THEN coalesce(b.elevation_ft, 0)::INTEGER
        END - coalesce(b.elevation_ft, 0)::INTEGER AS height_ft,
        coalesce(b.elevation_ft, 0)::INTEGER AS elevation_ft,
        CASE
            WHEN p.altitude_geom_ft IS NOT NULL THEN 3
            WHEN p.altitude_baro_ft IS NULL AND p.is_ground THEN 4
            WHEN p.altitude_baro_ft IS NULL THEN 0
            WHEN o.offset_ft IS NOT NULL THEN 2
            ELSE 1
        END AS height_basis,
        -- transponders say ground in the air and the other way round: speed and height decide
        p.is_ground
        AND coalesce(p.ground_speed_kt, 0) <= $track_ground_max_speed_kt
        AND coalesce(p.altitude_geom_ft - b.elevation_ft <= $track_ground_max_height_ft, TRUE) AS is_ground,
        NOT p.is_stale AS is_fresh,
        p.is_own_position,
        FALSE AS is_edge,
        FALSE AS goes_on_after,
        coalesce(
            abs(p.altitude_geom_ft - p.altitude_baro_ft - coalesce(o.offset_ft, 0))
            > $track_height_off_ft + $track_height_off_share * abs(p.altitude_baro_ft),
            FALSE
        ) AS is_height_off,
        p.ground_speed_kt AS speed_kt,
        p.track_deg,
        -- on the runway the rate is nothing, not level flight
        CASE WHEN NOT p.is_ground THEN p.vertical_rate_fpm END AS rate_fpm,
        p.callsign
    FROM staging.stg_readsb__points AS p
    INNER JOIN reference.bases AS b ON p.base_id = b.base_id
    LEFT JOIN pressure AS o ON p.base_id = o.base_id AND p.day = o.day

    UNION ALL
    SELECT
        icao24,
        at_s,
        latitude,
        longitude,
        NULL AS base_id,
        NULL AS distance_km,
        altitude_ft AS height_ft,
        0 AS elevation_ft,
        CASE WHEN altitude_ft IS NULL THEN 0 ELSE 1 END AS height_basis,
        is_ground AND coalesce(ground_speed_kt, 0) <= $track_ground_max_speed_kt AS is_ground,
        FALSE AS is_fresh,
        TRUE AS is_own_position,
        TRUE AS is_edge,
        edge IN ('first', 'after') AS goes_on_after,
        FALSE AS is_height_off,
        ground_speed_kt AS speed_kt,
        track_deg,
        vertical_rate_fpm AS rate_fpm,
        callsign
    FROM staging.stg_readsb__edges

    UNION ALL
    SELECT
        icao24,
        at_s,
        latitude,
        longitude,
        NULL AS base_id,
        NULL AS distance_km,
        CASE
            WHEN is_ground AND coalesce(ground_speed_kt, 0) <= $track_ground_max_speed_kt THEN NULL
            ELSE coalesce(altitude_geom_ft, altitude_baro_ft)
        END AS height_ft,
        0 AS elevation_ft,
        CASE
            WHEN altitude_geom_ft IS NOT NULL THEN 3
            WHEN altitude_baro_ft IS NOT NULL THEN 1
            WHEN is_ground THEN 4
            ELSE 0
        END AS height_basis,
        is_ground AND coalesce(ground_speed_kt, 0) <= $track_ground_max_speed_kt AS is_ground,
        NOT is_stale AS is_fresh,
        is_own_position,
        FALSE AS is_edge,
        FALSE AS goes_on_after,
        FALSE AS is_height_off,
        ground_speed_kt AS speed_kt,
        track_deg,
        CASE WHEN NOT is_ground THEN vertical_rate_fpm END AS rate_fpm,
        callsign
    FROM staging.stg_readsb__watched
),

ordered AS (
    SELECT
        *,
        at_s - lag(at_s) OVER flight AS step_s,
        lag(latitude) OVER flight AS latitude_before,
        lag(longitude) OVER flight AS longitude_before,
        lag(height_ft + elevation_ft) OVER flight AS altitude_before_ft,
        lag(is_ground) OVER flight AS was_ground,
        lag(is_own_position) OVER flight AS was_own_position
    FROM sightings
    -- edges that two sources kept may share all but their last columns: two builds order them alike
    WINDOW flight AS (PARTITION BY icao24 ORDER BY at_s, latitude, longitude, is_edge, goes_on_after DESC, height_ft, speed_kt)
),

eastward AS (
    SELECT
        * EXCLUDE (latitude_before, longitude_before),
        latitude - latitude_before AS north_deg,
        east_deg(longitude - longitude_before, latitude) AS east_deg
    FROM ordered
),

stepped AS (
    SELECT
        * EXCLUDE (north_deg, east_deg),
        km_of_deg(sqrt(north_deg * north_deg + east_deg * east_deg))::FLOAT AS step_km
    FROM eastward
),

marked AS (
    SELECT
        *,
        step_s IS NULL
        OR step_s > $track_split_s
        OR is_ground <> was_ground
        OR (
            is_own_position
            AND was_own_position
            AND step_km > $track_jump_min_km
            AND step_km > reach_km($track_max_speed_kt, step_s)
        ) AS is_new
    FROM stepped
)

SELECT
    icao24,
    at_s,
    (count_if(is_new) OVER flight)::INTEGER AS stretch_no,
    latitude,
    longitude,
    base_id,
    distance_km,
    height_ft,
    height_basis,
    is_ground,
    is_fresh,
    is_edge,
    goes_on_after,
    is_height_off,
    speed_kt,
    track_deg,
    coalesce(
        rate_fpm,
        CASE WHEN NOT is_new AND NOT is_edge AND height_basis < 4 AND step_s > 0 THEN (height_ft + elevation_ft - altitude_before_ft) * 60 // step_s END
    ) AS rate_fpm,
    CASE WHEN NOT is_new THEN step_km END AS step_km,
    CASE WHEN NOT is_new THEN step_s END AS step_s,
    callsign
FROM marked
WINDOW flight AS (
    PARTITION BY icao24 ORDER BY at_s, latitude, longitude, is_edge, goes_on_after DESC, height_ft, speed_kt ROWS UNBOUNDED PRECEDING
)
