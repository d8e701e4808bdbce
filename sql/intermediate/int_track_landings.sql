/*
grain: one row per end, or presence, of a stay at a watched base that reports from the ground show
key: [icao24, base_id, direction, at_s]
empty_without: [intermediate.int_track_stretches]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "First stretch on the ground"}
  direction: {type: VARCHAR, values: [arrival, departure, presence], doc: "Which end; presence: the time on the ground itself"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  at_s: {type: BIGINT, unit: s, doc: "Landing, take-off, or first report from the ground"}
  until_s: {type: BIGINT, unit: s, doc: "The same; for a presence the last report from the ground"}
  confidence: {type: INTEGER, doc: "3: tied to a flight; 2: reports from the ground alone; 1: of what may be a vehicle"}
  is_tied: {type: BOOLEAN, doc: "Tied to a clean approach or climb-out, so that interference does not weaken it"}
  rule: {type: VARCHAR, doc: "Which rule fired, with its numbers"}
*/
-- Kept in one file: landing, take-off and presence are three readings of one time on the ground.
WITH lines AS (
    SELECT
        r.base_id,
        r.le_ident || '/' || r.he_ident AS runway,
        coalesce(r.le_latitude, b.latitude) AS le_latitude,
        coalesce(r.le_longitude, b.longitude) AS le_longitude,
        coalesce(r.he_latitude, b.latitude) AS he_latitude,
        coalesce(r.he_longitude, b.longitude) AS he_longitude,
        -- an end without coordinates lies somewhere within half the runway's length of the field's point
        CASE
            WHEN r.le_latitude + r.he_latitude IS NULL THEN coalesce(r.length_ft, 0) * 0.0003048 / 2
            ELSE 0
        END AS slack_km
    FROM reference.runways AS r
    INNER JOIN reference.bases AS b ON r.base_id = b.base_id

    UNION ALL
    SELECT
        base_id,
        'the field''s point' AS runway,
        latitude AS le_latitude,
        longitude AS le_longitude,
        latitude AS he_latitude,
        longitude AS he_longitude,
        0 AS slack_km
    FROM reference.bases
),

-- stray ground reports of a second or two say nothing, unless the aircraft all but stands
stretches AS (
    SELECT *
    FROM intermediate.int_track_stretches
    WHERE
        NOT is_ground
        OR (fresh_points >= $track_ground_min_points AND end_s - start_s >= $track_ground_min_s)
        OR (fresh_points > 0 AND slowest_kt <= $track_taxi_speed_kt)
),

legs AS (
    SELECT
        g.icao24,
        g.stretch_no,
        l.runway,
        l.slack_km,
        east_km(g.first_longitude - l.le_longitude, l.le_latitude) AS px,
        km_of_deg(g.first_latitude - l.le_latitude) AS py,
        east_km(l.he_longitude - l.le_longitude, l.le_latitude) AS rx,
        km_of_deg(l.he_latitude - l.le_latitude) AS ry
    FROM stretches AS g
    INNER JOIN lines AS l ON g.first_base_id = l.base_id
    WHERE g.is_ground
),

distances AS (
    SELECT
        *,
        greatest(0, least(1, coalesce((px * rx + py * ry) / nullif(rx * rx + ry * ry, 0), 0))) AS part
    FROM legs
),

on_field AS (
    SELECT
        icao24,
        stretch_no,
        min(greatest(sqrt(power(px - part * rx, 2) + power(py - part * ry, 2)) - slack_km, 0)) AS off_km
    FROM distances
    GROUP BY icao24, stretch_no
),

numbered AS (
    SELECT
        s.*,
        f.off_km,
        f.off_km IS NOT NULL AS is_on_field,
        count(f.off_km) OVER (
            PARTITION BY s.icao24 ORDER BY s.stretch_no ROWS UNBOUNDED PRECEDING
        ) AS ground_no
    FROM stretches AS s
    LEFT JOIN on_field AS f
        ON
            s.icao24 = f.icao24
            AND s.stretch_no = f.stretch_no
            AND f.off_km <= CASE WHEN s.is_helicopter THEN $track_helicopter_field_km ELSE $track_on_field_km END
),

-- what flew between one time on the ground and the next, within one piece of track
between_grounds AS (
    SELECT
        icao24,
        ground_no,
        piece_no,
        min(start_s) AS start_s,
        max(end_s) AS end_s,
        sum(end_s - start_s) AS airborne_s,
        sum(fresh_points) AS fresh_points,
        max(highest_ft) AS highest_ft,
        max(farthest_km) AS farthest_km,
        arg_max(last_height_ft, end_s) AS last_height_ft,
        arg_max(last_base_id, end_s) AS last_base_id,
        bool_and(is_sound) AS is_clean
    FROM numbered
    WHERE NOT is_ground
    GROUP BY icao24, ground_no, piece_no
),

last_before AS (
    SELECT * FROM between_grounds
    QUALIFY row_number() OVER (PARTITION BY icao24, ground_no ORDER BY piece_no DESC) = 1
),

grounds AS (
    SELECT
        n.icao24,
        n.stretch_no,
        n.piece_no,
        n.ground_no,
        n.first_base_id AS base_id,
        n.start_s,
        n.end_s,
        n.fresh_points,
        n.off_km,
        n.suspect,
        n.begins_by,
        n.type_code,
        n.serves,
        -- silence on the apron, a circuit inside the field's zone or a flicker of the ground bit do not end the time on
        -- the ground
        coalesce(
            lag(n.first_base_id) OVER flight <> n.first_base_id
            OR n.begins_by = 'leap'
            OR n.start_s - lag(n.end_s) OVER flight > $stay_max_days * 86400
            OR CASE
                WHEN l.icao24 IS NOT NULL
                    THEN
                        lag(n.piece_no) OVER flight <> n.piece_no
                        OR l.highest_ft >= $track_exit_height_ft
                        OR l.farthest_km >= $track_exit_km
                ELSE FALSE
            END,
            TRUE
        ) AS is_new
    FROM numbered AS n
    LEFT JOIN last_before AS l ON n.icao24 = l.icao24 AND n.ground_no - 1 = l.ground_no
    WHERE n.is_on_field
    WINDOW flight AS (PARTITION BY n.icao24 ORDER BY n.stretch_no)
),

runs_numbered AS (
    SELECT
        *,
        count_if(is_new) OVER (
            PARTITION BY icao24 ORDER BY stretch_no ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM grounds
),

runs AS (
    SELECT
        icao24,
        run_no,
        any_value(base_id) AS base_id,
        min(piece_no) AS piece_no,
        max(piece_no) AS last_piece_no,
        min(stretch_no) AS stretch_no,
        min(ground_no) AS first_ground_no,
        max(ground_no) AS last_ground_no,
        min(start_s) AS start_s,
        max(end_s) AS end_s,
        sum(fresh_points) AS reports,
        min(off_km) AS off_km,
        max(suspect) AS suspect,
        arg_min(begins_by, stretch_no) AS begins_by,
        bool_or(type_code IS NOT NULL OR serves = 'military') AS is_known,
        sum(fresh_points) < $track_ground_min_points OR max(end_s) - min(start_s) < $track_ground_min_s AS is_single
    FROM runs_numbered
    GROUP BY icao24, run_no
),

tied AS (
    SELECT
        r.*,
        coalesce(
            b.fresh_points >= $track_min_points
            AND b.airborne_s >= $track_airborne_min_s
            AND b.highest_ft >= $track_airborne_min_height_ft
            AND b.is_clean,
            FALSE
        ) AS lands,
        coalesce(
            r.begins_by = 'silence'
            AND l.is_clean
            AND r.start_s - l.end_s <= $track_anchor_gap_s
            AND l.last_base_id = r.base_id
            AND l.last_height_ft <= $track_anchor_height_ft,
            FALSE
        ) AS lands_after_hole,
        coalesce(
            a.fresh_points >= $track_min_points
            AND a.airborne_s >= $track_airborne_min_s
            AND a.highest_ft >= $track_airborne_min_height_ft
            AND a.is_clean,
            FALSE
        ) AS takes_off,
        coalesce(b.is_clean, TRUE) AND coalesce(a.is_clean, TRUE) AS is_clean,
        b.airborne_s AS airborne_before_s,
        a.start_s AS airborne_from_s,
        a.airborne_s AS airborne_after_s
    FROM runs AS r
    LEFT JOIN between_grounds AS b
        ON r.icao24 = b.icao24 AND r.first_ground_no - 1 = b.ground_no AND r.piece_no = b.piece_no
    LEFT JOIN last_before AS l ON r.icao24 = l.icao24 AND r.first_ground_no - 1 = l.ground_no
    LEFT JOIN between_grounds AS a
        ON r.icao24 = a.icao24 AND r.last_ground_no = a.ground_no AND r.last_piece_no = a.piece_no
),

judged AS (
    SELECT
        *,
        -- wheels that touch and roll on without a stop are no visit
        not(lands AND takes_off AND airborne_from_s - start_s < $track_stop_min_s) AS is_stop,
        format(
            '{:d} report{} from the ground, {:.1f} km from the runway',
            reports::BIGINT,
            CASE WHEN reports > 1 THEN 's' ELSE '' END,
            off_km
        ) AS shown
    FROM tied
)

SELECT
    icao24,
    stretch_no,
    'arrival' AS direction,
    base_id,
    start_s AS at_s,
    start_s AS until_s,
    3 - is_single::INTEGER AS confidence,
    lands AS is_tied,
    shown || CASE
        WHEN lands THEN format(', after {:d} min in the air', airborne_before_s::BIGINT // 60)
        ELSE format(', heard again within {:d} min of the descent to the field', $track_anchor_gap_s // 60)
    END AS rule
FROM judged
WHERE (lands OR lands_after_hole) AND is_stop

UNION ALL
SELECT
    icao24,
    stretch_no,
    'departure' AS direction,
    base_id,
    end_s AS at_s,
    end_s AS until_s,
    3 - is_single::INTEGER AS confidence,
    TRUE AS is_tied,
    shown || format(', before {:d} min in the air', airborne_after_s::BIGINT // 60) AS rule
FROM judged
WHERE takes_off AND is_stop

UNION ALL
SELECT
    icao24,
    stretch_no,
    'presence' AS direction,
    base_id,
    start_s AS at_s,
    end_s AS until_s,
    CASE
        WHEN lands OR lands_after_hole OR takes_off THEN 3
        WHEN is_known THEN 2
        ELSE 1
    END - is_single::INTEGER AS confidence,
    lands OR takes_off AS is_tied,
    shown || CASE
        WHEN lands OR lands_after_hole OR takes_off THEN ''
        WHEN is_known THEN ', with no arrival or departure on record'
        ELSE ', with no arrival or departure on record and no type in any register: it may be a vehicle'
    END AS rule
FROM judged
-- reports from the ground around an unbelievable flight are as unbelievable
WHERE is_stop AND ((suspect IS NULL AND is_clean) OR lands OR takes_off) AND (is_known OR lands OR takes_off OR NOT is_single)
