/*
grain: one row per silence of an aircraft that was last heard in the air
key: [icao24, stretch_no]
empty_without: [intermediate.int_track_stretches]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  stretch_after_no: {type: INTEGER, doc: "The stretch that ends the silence; null where it was never heard again"}
  kind: {type: VARCHAR, values: [helicopter, light, turboprop, jet, heavy, unknown], doc: "How it flies, by type and wake"}
  serves: {type: VARCHAR, values: [military, civil, unknown], doc: "Whose aircraft it is, as far as registers and callsign tell"}
  gap_min: {type: DOUBLE, unit: min, doc: "Length of the silence; null where it was never heard again"}
  is_ground_after: {type: BOOLEAN, doc: "It was next heard on the ground"}
  deaf_days: {type: INTEGER, unit: day, doc: "Days within the silence that were not taken in whole; for one never heard again of the day after the loss"}
  alive: {type: DOUBLE, doc: "Logarithm of one and the positions of others, heard in the hour after the loss near the base nearest to it; null where nobody counted"}
  lost_s: {type: BIGINT, unit: s, doc: "Last position before"}
  lost_latitude: {type: DOUBLE, unit: deg, doc: "Its latitude"}
  lost_longitude: {type: DOUBLE, unit: deg, doc: "Its longitude"}
  lost_altitude_ft: {type: INTEGER, unit: ft, doc: "Height above the sea there, corrected for air pressure where that is known"}
  lost_speed_kt: {type: DOUBLE, unit: kt, doc: "Speed over ground there"}
  lost_track_deg: {type: DOUBLE, unit: deg, doc: "True track there"}
  lost_sink_fpm: {type: DOUBLE, unit: ft/min, doc: "Rate at which it lost height: the larger of what it said and of the last 90 s"}
  lost_before_s: {type: INTEGER, unit: s, doc: "Age of the position some 300 s before the loss; null where there is none"}
  lost_before_latitude: {type: DOUBLE, unit: deg, doc: "Latitude of that position"}
  lost_before_longitude: {type: DOUBLE, unit: deg, doc: "Longitude of that position"}
  back_s: {type: BIGINT, unit: s, doc: "First position after; null where it was never heard again"}
  back_latitude: {type: DOUBLE, unit: deg, doc: "Its latitude"}
  back_longitude: {type: DOUBLE, unit: deg, doc: "Its longitude"}
  back_altitude_ft: {type: INTEGER, unit: ft, doc: "Height above the sea there"}
  back_speed_kt: {type: DOUBLE, unit: kt, doc: "Speed over ground there"}
  back_track_deg: {type: DOUBLE, unit: deg, doc: "True track there"}
  back_climb_fpm: {type: DOUBLE, unit: ft/min, doc: "Rate at which it gained height: the larger of what it said and of the first 90 s"}
  back_after_s: {type: INTEGER, unit: s, doc: "Time from there to the position some 300 s on; null where there is none"}
  back_after_latitude: {type: DOUBLE, unit: deg, doc: "Latitude of that position"}
  back_after_longitude: {type: DOUBLE, unit: deg, doc: "Longitude of that position"}
*/
-- A silence is between two stretches of one track. Where positions are not kept beyond the ring, an edge tells that the
-- track went on: its silence begins and ends out there, and nothing is judged. An edge from which nothing goes on is an end
-- like any other, though it stands alone.
-- Kept in one file: both ends of a silence are read from the same few positions around it.
WITH whole AS (
    SELECT DISTINCT day
    FROM intermediate.int_covered_days
    WHERE kind = 'flight' AND is_archive AND is_whole
),

flights AS (
    -- stray ground reports of a second or two say nothing, unless the aircraft all but stands
    SELECT *
    FROM intermediate.int_track_stretches
    WHERE
        is_sound
        AND (
            NOT is_ground
            OR fresh_points = 0
            OR end_s - start_s >= $track_ground_min_s
            OR slowest_kt <= $track_taxi_speed_kt
        )
),

followed AS (
    SELECT
        s.*,
        lead(s.stretch_no) OVER flight AS stretch_after_no,
        lead(s.is_ground) OVER flight AS is_ground_after,
        lead(s.is_cut_before) OVER flight AS is_cut_after_silence,
        lead(s.fresh_points) OVER flight AS points_after,
        lead(s.start_s) OVER flight AS back_start_s,
        lead(s.first_s) OVER flight AS back_s
    FROM flights AS s
    WINDOW flight AS (PARTITION BY s.icao24 ORDER BY s.stretch_no)
),

silent AS (
    SELECT
        f.icao24,
        f.stretch_no,
        f.stretch_after_no,
        coalesce(f.is_ground_after, FALSE) AS is_ground_after,
        f.serves,
        CASE
            WHEN f.is_helicopter THEN 'helicopter'
            WHEN y.wake = 'L' THEN 'light'
            WHEN y.description[3:3] IN ('T', 'P') THEN 'turboprop'
            WHEN y.wake IN ('H', 'J') THEN 'heavy'
            WHEN y.description[3:3] = 'J' THEN 'jet'
            ELSE 'unknown'
        END AS kind,
        f.fresh_points,
        coalesce(f.edge_s, f.last_s) AS lost_s,
        -- where the first thing heard is an edge, the silence ended there
        CASE WHEN f.is_cut_after_silence AND f.points_after > 0 THEN f.back_start_s ELSE f.back_s END AS back_s
    FROM followed AS f
    LEFT JOIN reference.aircraft_types AS y ON f.type_code = y.type_code
    WHERE
        NOT f.is_ground
        AND NOT f.is_cut_after
        AND (f.fresh_points > 0 OR f.points_after > 0)
        -- of a few positions no line is drawn; but where an edge says that they are all of its track that was near, the
        -- aircraft itself may say where it was bound
        AND (f.fresh_points >= $track_min_points OR f.is_cut_before OR f.edge_s IS NOT NULL)
        AND f.end_s - coalesce(f.edge_s, f.last_s) <= $track_stale_tail_s
        AND (f.back_s IS NULL OR f.back_start_s - coalesce(f.edge_s, f.last_s) > $track_split_s)
),

ends AS (
    SELECT
        icao24,
        stretch_no,
        stretch_no AS seen_no,
        'lost' AS side,
        lost_s AS at_s
    FROM silent
    UNION ALL
    SELECT
        icao24,
        stretch_no,
        stretch_after_no AS seen_no,
        'back' AS side,
        back_s AS at_s
    FROM silent
    WHERE back_s IS NOT NULL
),

tails AS (
    SELECT
        e.icao24,
        e.stretch_no,
        e.side,
        abs(p.at_s - e.at_s) AS t,
        p.latitude,
        p.longitude,
        p.height_ft + coalesce(b.elevation_ft, 0) AS altitude_ft,
        p.speed_kt,
        p.track_deg,
        CASE e.side WHEN 'lost' THEN -p.rate_fpm ELSE p.rate_fpm END AS towards_fpm,
        p.is_edge
    FROM ends AS e
    INNER JOIN intermediate.int_track_points AS p ON e.icao24 = p.icao24 AND e.seen_no = p.stretch_no
    LEFT JOIN reference.bases AS b ON p.base_id = b.base_id
    WHERE
        CASE e.side WHEN 'lost' THEN e.at_s - p.at_s ELSE p.at_s - e.at_s END BETWEEN 0 AND $track_tail_s + 30
        AND (p.is_fresh OR p.is_edge)
),

shapes AS (
    SELECT
        icao24,
        stretch_no,
        side,
        arg_min(latitude, (t, is_edge, latitude, longitude)) AS latitude,
        arg_min(longitude, (t, is_edge, latitude, longitude)) AS longitude,
        arg_min(altitude_ft, (t, is_edge)) AS altitude_ft,
        arg_min(speed_kt, (t, is_edge)) AS speed_kt,
        arg_min(track_deg, (t, is_edge)) AS track_deg,
        greatest(
            avg(towards_fpm) FILTER (WHERE t <= 20),
            CASE
                WHEN (count(DISTINCT t) FILTER (WHERE t <= $track_course_s AND altitude_ft IS NOT NULL)) >= 2
                    THEN 60 * regr_slope(altitude_ft, t) FILTER (WHERE t <= $track_course_s)
            END
        ) AS towards_fpm,
        max(t) AS far_s,
        arg_max(latitude, (t, latitude, longitude)) AS far_latitude,
        arg_max(longitude, (t, latitude, longitude)) AS far_longitude,
        max(t) FILTER (WHERE t <= $track_course_s) AS course_s,
        arg_max(latitude, (t, latitude, longitude)) FILTER (WHERE t <= $track_course_s) AS course_latitude,
        arg_max(longitude, (t, latitude, longitude)) FILTER (WHERE t <= $track_course_s) AS course_longitude
    FROM tails
    GROUP BY icao24, stretch_no, side
),

spans AS (
    SELECT
        icao24,
        stretch_no,
        day_of_s(lost_s) AS lost_on,
        least(coalesce(day_of_s(back_s), day_of_s(lost_s) + 1), day_of_s(lost_s) + 60, $as_of) AS back_on
    FROM silent
),

listened AS (
    SELECT
        day,
        count(*) OVER (ORDER BY day) AS so_far
    FROM whole
),

-- days of the span, less those that were taken in whole
deaf AS (
    SELECT
        s.icao24,
        s.stretch_no,
        (s.back_on - s.lost_on + 1 - coalesce(b.so_far, 0) + coalesce(a.so_far, 0))::INTEGER AS deaf_days
    FROM spans AS s
    ASOF LEFT JOIN listened AS b ON s.back_on >= b.day
    ASOF LEFT JOIN listened AS a ON s.lost_on > a.day
),

hours AS (
    SELECT
        base_id,
        day,
        unnest(range(24)) AS hour,
        unnest(points_per_hour) AS points
    FROM staging.stg_readsb__background
),

nearest_bases AS (
    SELECT
        l.icao24,
        l.stretch_no,
        s.lost_s,
        b.base_id
    FROM shapes AS l
    INNER JOIN silent AS s ON l.icao24 = s.icao24 AND l.stretch_no = s.stretch_no
    INNER JOIN reference.bases AS b
        ON abs(b.latitude - l.latitude) < 2 AND abs(east_deg(b.longitude - l.longitude, l.latitude)) < 2
    WHERE l.side = 'lost'
    QUALIFY
        row_number() OVER (
            PARTITION BY l.icao24, l.stretch_no
            ORDER BY distance_km(b.latitude - l.latitude, b.longitude - l.longitude, l.latitude), b.base_id
        ) = 1
),

alive AS (
    SELECT
        n.icao24,
        n.stretch_no,
        ln(1 + sum(h.points)) AS alive
    FROM nearest_bases AS n
    INNER JOIN hours AS h
        ON
            n.base_id = h.base_id
            AND day_of_s(n.lost_s + 3600) = h.day
            AND ((n.lost_s + 3600) // 3600) % 24 = h.hour
    GROUP BY n.icao24, n.stretch_no
),

courses AS (
    SELECT
        *,
        coalesce(
            track_deg,
            CASE
                WHEN course_s >= 10
                    THEN bearing_deg(
                        latitude - course_latitude, longitude - course_longitude, latitude
                    ) + CASE side WHEN 'lost' THEN 0 ELSE 180 END
            END
        ) AS course_deg,
        coalesce(
            speed_kt,
            CASE
                WHEN course_s >= 10
                    THEN pace_kt(
                        distance_km(latitude - course_latitude, longitude - course_longitude, latitude), course_s
                    )
            END
        ) AS pace
    FROM shapes
)

SELECT
    s.icao24,
    s.stretch_no,
    s.stretch_after_no,
    s.kind,
    s.serves,
    (s.back_s - s.lost_s) / 60 AS gap_min,
    s.is_ground_after,
    d.deaf_days,
    a.alive,
    s.lost_s,
    l.latitude AS lost_latitude,
    l.longitude AS lost_longitude,
    l.altitude_ft AS lost_altitude_ft,
    l.pace AS lost_speed_kt,
    l.course_deg AS lost_track_deg,
    l.towards_fpm AS lost_sink_fpm,
    CASE WHEN l.far_s >= 60 THEN l.far_s END AS lost_before_s,
    CASE WHEN l.far_s >= 60 THEN l.far_latitude END AS lost_before_latitude,
    CASE WHEN l.far_s >= 60 THEN l.far_longitude END AS lost_before_longitude,
    s.back_s,
    r.latitude AS back_latitude,
    r.longitude AS back_longitude,
    r.altitude_ft AS back_altitude_ft,
    r.pace AS back_speed_kt,
    r.course_deg AS back_track_deg,
    r.towards_fpm AS back_climb_fpm,
    CASE WHEN r.far_s >= 60 THEN r.far_s END AS back_after_s,
    CASE WHEN r.far_s >= 60 THEN r.far_latitude END AS back_after_latitude,
    CASE WHEN r.far_s >= 60 THEN r.far_longitude END AS back_after_longitude
FROM silent AS s
INNER JOIN courses AS l ON s.icao24 = l.icao24 AND s.stretch_no = l.stretch_no AND l.side = 'lost'
LEFT JOIN courses AS r ON s.icao24 = r.icao24 AND s.stretch_no = r.stretch_no AND r.side = 'back'
LEFT JOIN deaf AS d ON s.icao24 = d.icao24 AND s.stretch_no = d.stretch_no
LEFT JOIN alive AS a ON s.icao24 = a.icao24 AND s.stretch_no = a.stretch_no
WHERE
    l.altitude_ft IS NOT NULL
    AND (s.fresh_points >= $track_min_points OR (l.speed_kt IS NOT NULL AND l.track_deg IS NOT NULL))
