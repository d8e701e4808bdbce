/*
grain: one row per flight with a watched base at either end, stitched over days and silences
key: [icao24, first_s]
empty_without: [intermediate.int_track_ends]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  first_s: {type: BIGINT, unit: s, doc: "First position of the flight"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  departed_at: {type: TIMESTAMPTZ, doc: "Take-off; null when there is no evidence of it"}
  arrived_at: {type: TIMESTAMPTZ, doc: "Landing; null when there is no evidence of it"}
  origin_icao: {type: VARCHAR, doc: "Where it came from: ICAO code, or else OurAirports identifier; null when unknown"}
  destination_icao: {type: VARCHAR, doc: "Where it went: ICAO code, or else OurAirports identifier; null when unknown"}
  origin_base_id: {type: VARCHAR, doc: "The origin, where it is a watched base"}
  destination_base_id: {type: VARCHAR, doc: "The destination, where it is a watched base"}
  origin_state: {type: VARCHAR, values: [field, out_of_area, undetermined], doc: "Known; began beyond what was heard; or several fields fit"}
  destination_state: {type: VARCHAR, values: [field, out_of_area, undetermined], doc: "The same for the other end"}
  sources: {type: "VARCHAR[]", doc: "Sources that brought it"}
  confidence: {type: INTEGER, doc: "Of the weaker base end that is known"}
*/
-- Kept in one file: each step adds columns to the same stretches, which would be stored anew at every cut.
WITH counted_ends AS (
    SELECT * FROM intermediate.int_track_ends
    WHERE confidence >= 2 AND direction <> 'presence'
),

losses AS (
    SELECT DISTINCT
        icao24,
        stretch_no
    FROM counted_ends
    WHERE direction = 'arrival' AND evidence <> 'touchdown'
),

climbs AS (
    SELECT DISTINCT
        icao24,
        stretch_no
    FROM counted_ends
    WHERE evidence = 'reappearance'
),

stretches AS (
    SELECT
        s.*,
        (s.first_height_ft + coalesce(f.elevation_ft, 0))::INTEGER AS first_altitude_ft,
        (s.last_height_ft + coalesce(l.elevation_ft, 0))::INTEGER AS last_altitude_ft,
        a.icao24 IS NOT NULL AS lands,
        d.icao24 IS NOT NULL AS takes_off
    FROM intermediate.int_track_stretches AS s
    LEFT JOIN reference.bases AS f ON s.first_base_id = f.base_id
    LEFT JOIN reference.bases AS l ON s.last_base_id = l.base_id
    LEFT JOIN losses AS a ON s.icao24 = a.icao24 AND s.stretch_no = a.stretch_no
    LEFT JOIN climbs AS d ON s.icao24 = d.icao24 AND s.stretch_no = d.stretch_no
    WHERE
        NOT s.is_ground
        OR s.fresh_points = 0
        OR s.end_s - s.start_s >= $track_ground_min_s
        OR s.slowest_kt <= $track_taxi_speed_kt
),

-- the place at each end of a stretch: the nearest field, if it is low enough and no other is nearly as near
corners AS (
    SELECT
        icao24,
        stretch_no,
        'first' AS corner,
        first_latitude AS latitude,
        first_longitude AS longitude,
        first_altitude_ft AS altitude_ft,
        is_ground,
        serves
    FROM stretches
    WHERE first_base_id IS NULL OR is_ground
    UNION ALL
    SELECT
        icao24,
        stretch_no,
        'last' AS corner,
        last_latitude AS latitude,
        last_longitude AS longitude,
        last_altitude_ft AS altitude_ft,
        is_ground,
        serves
    FROM stretches
    WHERE last_base_id IS NULL OR is_ground
),

reached AS (
    SELECT
        c.icao24,
        c.stretch_no,
        c.corner,
        p.place_id,
        p.base_id,
        p.icao,
        distance_km(p.latitude - c.latitude, p.longitude - c.longitude, c.latitude)
        + CASE
            WHEN c.is_ground THEN 0
            WHEN (c.serves = 'military' AND p.serves = 'civil') OR (c.serves = 'civil' AND p.serves = 'military')
                THEN $track_class_penalty_km
            ELSE 0
        END AS distance_km
    FROM corners AS c
    INNER JOIN intermediate.int_track_places AS p
        ON cell_of(floor(c.latitude)::INTEGER, floor(c.longitude)::INTEGER) = p.cell
    WHERE c.is_ground OR c.altitude_ft - p.elevation_ft <= $track_inbound_height_ft
),

nearest AS (
    SELECT
        *,
        lead(distance_km) OVER (PARTITION BY icao24, stretch_no, corner ORDER BY distance_km, place_id) AS runner_up_km
    FROM reached
    WHERE distance_km <= $track_loss_km
    QUALIFY row_number() OVER (PARTITION BY icao24, stretch_no, corner ORDER BY distance_km, place_id) = 1
),

places AS (
    SELECT
        icao24,
        stretch_no,
        corner,
        icao,
        base_id
    FROM nearest
    WHERE runner_up_km IS NULL OR runner_up_km >= $track_runner_up_ratio * greatest(distance_km, $track_on_field_km)
),

ordered AS (
    SELECT
        *,
        lag(is_ground) OVER flight AS was_ground,
        lag(lands) OVER flight AS had_landed,
        lag(stretch_no) OVER flight AS stretch_before,
        lead(stretch_no) OVER flight AS stretch_after,
        lead(is_ground) OVER flight AS ground_after,
        start_s - lag(end_s) OVER flight AS quiet_s,
        lead(start_s) OVER flight - end_s AS quiet_after_s,
        distance_km(
            first_latitude - lag(last_latitude) OVER flight,
            first_longitude - lag(last_longitude) OVER flight,
            first_latitude
        ) AS way_km,
        distance_km(
            lead(first_latitude) OVER flight - last_latitude,
            lead(first_longitude) OVER flight - last_longitude,
            last_latitude
        ) AS way_after_km
    FROM stretches
    WINDOW flight AS (PARTITION BY icao24 ORDER BY stretch_no)
),

-- a gap is flown through if it was covered at the pace of a flight, and nothing says that a landing lies in it
cut AS (
    SELECT
        *,
        quiet_s IS NULL
        OR was_ground
        OR had_landed
        OR takes_off
        OR quiet_s > $track_leg_gap_s
        OR (
            quiet_s > $track_fresh_gap_s
            AND (
                (first_altitude_ft < $track_fresh_below_ft AND climb_ft > $track_fresh_climb_ft)
                OR pace_kt(way_km, quiet_s)
                NOT BETWEEN CASE WHEN quiet_s > $track_join_gap_s THEN $track_leg_min_speed_kt ELSE 0 END
                AND $track_leg_max_speed_kt
            )
        ) AS is_new,
        coalesce(
            quiet_after_s <= $track_join_gap_s
            OR pace_kt(way_after_km, quiet_after_s) BETWEEN $track_leg_min_speed_kt AND $track_leg_max_speed_kt,
            FALSE
        ) AS reaches_next,
        coalesce(
            quiet_s <= $track_join_gap_s
            OR pace_kt(way_km, quiet_s) BETWEEN $track_leg_min_speed_kt AND $track_leg_max_speed_kt,
            FALSE
        ) AS reached_from_before
    FROM ordered
),

numbered AS (
    SELECT
        *,
        count_if(is_new) OVER (
            PARTITION BY icao24 ORDER BY stretch_no ROWS UNBOUNDED PRECEDING
        ) AS flight_no
    FROM cut
),

flights AS (
    SELECT
        icao24,
        flight_no,
        min(first_s) AS first_s,
        min(start_s) AS start_s,
        max(end_s) AS end_s,
        min(stretch_no) AS first_stretch_no,
        max(stretch_no) AS last_stretch_no,
        arg_min(first_altitude_ft, stretch_no) AS first_altitude_ft,
        arg_max(last_altitude_ft, stretch_no) AS last_altitude_ft,
        arg_min(first_base_id IS NULL, stretch_no) AS begins_far,
        arg_max(last_base_id IS NULL, stretch_no) AS ends_far,
        -- a ground position just before or after, far from any base, is the field itself
        arg_min(CASE WHEN was_ground AND reached_from_before THEN stretch_before END, stretch_no) AS ground_before,
        arg_max(CASE WHEN ground_after AND reaches_next THEN stretch_after END, stretch_no) AS ground_after,
        arg_max(callsign, stretch_no) AS callsign,
        list_sort(list(DISTINCT source)) AS sources
    FROM numbered
    WHERE NOT is_ground
    GROUP BY icao24, flight_no
),

flights_with_ends AS (
    SELECT
        *,
        coalesce(ground_before, first_stretch_no) AS origin_stretch_no,
        CASE WHEN ground_before IS NULL THEN 'first' ELSE 'last' END AS origin_corner,
        coalesce(ground_after, last_stretch_no) AS destination_stretch_no,
        CASE WHEN ground_after IS NULL THEN 'last' ELSE 'first' END AS destination_corner
    FROM flights
),

taken_off AS (
    SELECT
        e.icao24,
        e.base_id,
        e.at_s,
        e.confidence,
        f.flight_no
    FROM counted_ends AS e
    ASOF INNER JOIN flights AS f ON e.icao24 = f.icao24 AND e.at_s <= f.end_s
    WHERE e.direction = 'departure' AND f.start_s - e.at_s <= $track_anchor_gap_s
    QUALIFY row_number() OVER (PARTITION BY f.icao24, f.flight_no ORDER BY e.at_s) = 1
),

landed AS (
    SELECT
        e.icao24,
        e.base_id,
        e.at_s,
        e.confidence,
        f.flight_no
    FROM counted_ends AS e
    ASOF INNER JOIN flights AS f ON e.icao24 = f.icao24 AND e.at_s >= f.start_s
    WHERE e.direction = 'arrival' AND e.at_s - f.end_s <= $track_anchor_gap_s
    QUALIFY row_number() OVER (PARTITION BY f.icao24, f.flight_no ORDER BY e.at_s DESC) = 1
)

SELECT
    f.icao24,
    f.first_s,
    f.callsign,
    to_timestamp(d.at_s) AS departed_at,
    to_timestamp(a.at_s) AS arrived_at,
    CASE WHEN d.base_id IS NOT NULL THEN coalesce(o.icao, o.ident) ELSE p.icao END AS origin_icao,
    CASE WHEN a.base_id IS NOT NULL THEN coalesce(t.icao, t.ident) ELSE q.icao END AS destination_icao,
    CASE WHEN d.base_id IS NOT NULL THEN d.base_id ELSE p.base_id END AS origin_base_id,
    CASE WHEN a.base_id IS NOT NULL THEN a.base_id ELSE q.base_id END AS destination_base_id,
    CASE
        WHEN d.base_id IS NOT NULL OR p.icao24 IS NOT NULL THEN 'field'
        WHEN f.begins_far AND f.first_altitude_ft > $track_inbound_height_ft THEN 'out_of_area'
        ELSE 'undetermined'
    END AS origin_state,
    CASE
        WHEN a.base_id IS NOT NULL OR q.icao24 IS NOT NULL THEN 'field'
        WHEN f.ends_far AND f.last_altitude_ft > $track_inbound_height_ft THEN 'out_of_area'
        ELSE 'undetermined'
    END AS destination_state,
    f.sources,
    least(d.confidence, a.confidence) AS confidence
FROM flights_with_ends AS f
LEFT JOIN taken_off AS d ON f.icao24 = d.icao24 AND f.flight_no = d.flight_no
LEFT JOIN landed AS a ON f.icao24 = a.icao24 AND f.flight_no = a.flight_no
LEFT JOIN reference.bases AS o ON d.base_id = o.base_id
LEFT JOIN reference.bases AS t ON a.base_id = t.base_id
LEFT JOIN places AS p
    ON f.icao24 = p.icao24 AND f.origin_stretch_no = p.stretch_no AND f.origin_corner = p.corner
LEFT JOIN places AS q
    ON f.icao24 = q.icao24 AND f.destination_stretch_no = q.stretch_no AND f.destination_corner = q.corner
WHERE d.base_id IS NOT NULL OR a.base_id IS NOT NULL
