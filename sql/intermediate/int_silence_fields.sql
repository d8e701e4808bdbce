/*
grain: one row per silence and listed field where the aircraft may have been meanwhile
key: [icao24, stretch_no, field_id]
empty_without: [intermediate.int_silences]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  base_id: {type: VARCHAR, doc: "The watched base; null for another field"}
  latitude: {type: DOUBLE, unit: deg, doc: "Latitude of the field"}
  longitude: {type: DOUBLE, unit: deg, doc: "Longitude of the field"}
  lost_s: {type: BIGINT, unit: s, doc: "Last position before the silence"}
  back_s: {type: BIGINT, unit: s, doc: "First position after it; null where it was never heard again"}
  minutes_in: {type: DOUBLE, unit: min, doc: "Time to fly from the loss to the field"}
  minutes_out: {type: DOUBLE, unit: min, doc: "Time to fly from the field to where it was heard again"}
  kind: {type: DOUBLE, doc: "1 helicopter, 2 light, 3 turboprop, 4 jet, 5 heavy jet; null unknown"}
  is_ground_after: {type: DOUBLE, doc: "1 where it was next heard on the ground, else 0"}
  d1: {type: DOUBLE, unit: nm, doc: "Distance of the loss from the field"}
  d2: {type: DOUBLE, unit: nm, doc: "The same at the return"}
  h1: {type: DOUBLE, unit: ft, doc: "Height of the loss above the field"}
  h2: {type: DOUBLE, unit: ft, doc: "The same at the return"}
  be1: {type: DOUBLE, unit: deg, doc: "Angle at the loss between its track and the way to the field"}
  be2: {type: DOUBLE, unit: deg, doc: "Angle at the return between its track and the way from the field"}
  slack: {type: DOUBLE, doc: "Time left of the silence after flying both ways: the logarithm of one and the minutes, with its sign"}
  need: {type: DOUBLE, unit: share, doc: "Time to fly both ways, as a share of the silence"}
  length: {type: DOUBLE, doc: "Logarithm of one and the minutes of the silence"}
  direct: {type: DOUBLE, unit: ratio, doc: "Speed straight from loss to return, against the speed flown"}
  detour: {type: DOUBLE, doc: "Logarithm of the way by the field against the straight one"}
  off1: {type: DOUBLE, unit: deg, doc: "Angle at the loss between its track and the straight way to the return"}
  off2: {type: DOUBLE, unit: deg, doc: "Angle at the return between its track and that way"}
  height_change: {type: DOUBLE, unit: ft, doc: "Difference of the heights of loss and return"}
  height_most: {type: DOUBLE, unit: ft, doc: "The greater of both"}
  angle_sum: {type: DOUBLE, unit: deg, doc: "Sum of be1 and be2"}
  angle_most: {type: DOUBLE, unit: deg, doc: "The greater of both"}
  way_sum: {type: DOUBLE, unit: nm, doc: "Sum of d1 and d2"}
  way_most: {type: DOUBLE, unit: nm, doc: "The greater of both"}
  glide1: {type: DOUBLE, doc: "Height at the loss against that of a normal descent: logarithm of the ratio"}
  glide2: {type: DOUBLE, doc: "The same at the return, for a climb"}
  aim1: {type: DOUBLE, doc: "Time to sink to the field against time to reach it: logarithm of the ratio; null in level flight"}
  aim2: {type: DOUBLE, doc: "The same at the return, for the climb"}
  closing: {type: DOUBLE, unit: ratio, doc: "Way made towards the field in the last 300 s, against the way flown"}
  opening: {type: DOUBLE, unit: ratio, doc: "Way made away from it in the first 300 s"}
  line1: {type: DOUBLE, doc: "How far off the line of the field's nearest runway at the loss; null where no runway is known"}
  line2: {type: DOUBLE, doc: "The same at the return"}
  deaf: {type: DOUBLE, doc: "Logarithm of one and the days of the silence that were not taken in whole"}
  alive: {type: DOUBLE, doc: "Logarithm of one and the positions of others in the hour after the loss"}
  mismatch: {type: DOUBLE, doc: "1 where aircraft and field are of different sorts (military, civil), 0.5 where nobody knows, else 0"}
*/
-- Kept in one file: all terms are readings of one geometry, whose rows are many times those that are stored.
WITH silences AS (
    SELECT
        *,
        CASE kind
            WHEN 'helicopter' THEN $pace_helicopter
            WHEN 'light' THEN $pace_light
            WHEN 'turboprop' THEN $pace_turboprop
            ELSE 1
        END AS pace,
        great_circle_nm(lost_latitude, lost_longitude, back_latitude, back_longitude) AS straight_nm,
        -- straight on over long ways the bearing turns: it is taken at the loss
        bearing_deg(back_latitude - lost_latitude, back_longitude - lost_longitude, (lost_latitude + back_latitude) / 2)
            AS straight_deg
    FROM intermediate.int_silences
),

reached AS (
    SELECT
        s.*,
        f.field_id,
        f.base_id,
        f.latitude,
        f.longitude,
        f.elevation_ft,
        CASE
            WHEN s.serves = 'unknown' OR f.serves = 'unknown' THEN 0.5
            WHEN f.serves = 'shared' OR s.serves = f.serves THEN 0
            ELSE 1
        END AS mismatch,
        distance_km(
            f.latitude - s.lost_latitude, f.longitude - s.lost_longitude, (f.latitude + s.lost_latitude) / 2
        ) / 1.852 AS d1,
        great_circle_nm(f.latitude, f.longitude, s.back_latitude, s.back_longitude) AS d2
    FROM silences AS s
    INNER JOIN intermediate.int_field_cells AS c
        ON cell_of(floor(s.lost_latitude)::INTEGER, floor(s.lost_longitude)::INTEGER) = c.cell
    INNER JOIN intermediate.int_fields AS f ON c.field_id = f.field_id
),

flown AS (
    SELECT
        *,
        minutes_to_fly(d1, pace) AS minutes_in,
        CASE WHEN is_ground_after THEN 0 WHEN back_s IS NOT NULL THEN minutes_to_fly(d2, pace) END AS minutes_out,
        turn_deg(
            lost_track_deg,
            bearing_deg(latitude - lost_latitude, longitude - lost_longitude, (latitude + lost_latitude) / 2)
        ) AS be1,
        CASE
            WHEN NOT is_ground_after
                THEN turn_deg(
                    back_track_deg,
                    bearing_deg(back_latitude - latitude, back_longitude - longitude, (latitude + back_latitude) / 2)
                )
        END AS be2
    FROM reached
    WHERE d1 <= $silence_reach_nm
),

-- in reach; and of all that are, the few to which the ways fit best, and every watched base
likely AS (
    SELECT *
    FROM flown
    WHERE
        gap_min IS NULL
        OR gap_min >= $silence_least_share * (minutes_in + minutes_out) - $silence_least_slack_min
    QUALIFY
        (base_id IS NOT NULL AND d1 <= $silence_base_nm)
        OR row_number() OVER (
            PARTITION BY icao24, stretch_no
            ORDER BY
                minutes_in * (1 + coalesce(be1, 90) / 30) + coalesce(minutes_out, 0) * (1 + coalesce(be2, 90) / 60),
                field_id
        ) <= $silence_fields
),

heights AS (
    SELECT
        *,
        CASE WHEN is_ground_after THEN 0 ELSE d2 END AS return_nm,
        lost_altitude_ft - elevation_ft AS h1,
        CASE WHEN is_ground_after THEN 0 ELSE back_altitude_ft - elevation_ft END AS h2,
        minutes_in + minutes_out AS both_min,
        CASE WHEN lost_sink_fpm > $silence_level_fpm THEN lost_sink_fpm END AS sink_fpm,
        CASE WHEN back_climb_fpm > $silence_level_fpm THEN back_climb_fpm END AS climb_fpm,
        -- nobody flies slower; an unknown speed stays unknown
        CASE WHEN lost_speed_kt IS NOT NULL THEN greatest(lost_speed_kt, 60) END AS lost_kt,
        CASE WHEN back_speed_kt IS NOT NULL THEN greatest(back_speed_kt, 60) END AS back_kt,
        distance_km(
            latitude - lost_before_latitude, longitude - lost_before_longitude, latitude
        ) / 1.852 AS before_nm,
        distance_km(
            latitude - back_after_latitude, longitude - back_after_longitude, latitude
        ) / 1.852 AS after_nm
    FROM likely
),

-- how far an end lies off a runway's line, and its track off the runway's direction: a tenth of a mile more or less at the
-- threshold, more farther out
on_lines AS (
    SELECT
        h.icao24,
        h.stretch_no,
        h.field_id,
        min(line_off(
            east_deg(h.lost_longitude - l.longitude, l.latitude) * 60,
            (h.lost_latitude - l.latitude) * 60,
            l.heading_deg,
            h.lost_track_deg,
            1
        )) AS line1,
        min(line_off(
            east_deg(h.back_longitude - l.longitude, l.latitude) * 60,
            (h.back_latitude - l.latitude) * 60,
            l.heading_deg,
            h.back_track_deg,
            -1
        )) FILTER (WHERE NOT h.is_ground_after AND h.d2 <= $silence_line_nm) AS line2
    FROM heights AS h
    INNER JOIN intermediate.int_field_runways AS l ON h.field_id = l.field_id
    WHERE h.d1 <= $silence_line_nm
    GROUP BY h.icao24, h.stretch_no, h.field_id
)

SELECT
    h.icao24,
    h.stretch_no,
    h.field_id,
    h.base_id,
    h.latitude,
    h.longitude,
    h.lost_s,
    h.back_s,
    h.minutes_in,
    h.minutes_out,
    CASE h.kind
        WHEN 'helicopter' THEN 1
        WHEN 'light' THEN 2
        WHEN 'turboprop' THEN 3
        WHEN 'jet' THEN 4
        WHEN 'heavy' THEN 5
    END AS kind,
    h.is_ground_after::INTEGER AS is_ground_after,
    h.d1,
    h.return_nm AS d2,
    h.h1,
    h.h2,
    h.be1,
    h.be2,
    sign(h.gap_min - h.both_min) * ln(1 + abs(h.gap_min - h.both_min)) AS slack,
    h.both_min / h.gap_min AS need,
    ln(1 + h.gap_min) AS length,
    h.straight_nm / (h.gap_min / 60) / greatest(h.lost_kt, h.back_kt) AS direct,
    ln((h.d1 + h.d2 + 2) / (h.straight_nm + 2)) AS detour,
    CASE WHEN h.straight_nm > 1 THEN turn_deg(h.lost_track_deg, h.straight_deg) END AS off1,
    CASE WHEN h.straight_nm > 1 AND NOT h.is_ground_after THEN turn_deg(h.back_track_deg, h.straight_deg) END AS off2,
    abs(h.h2 - h.h1) AS height_change,
    CASE WHEN h.h2 IS NOT NULL THEN greatest(h.h1, h.h2) END AS height_most,
    h.be1 + h.be2 AS angle_sum,
    CASE WHEN h.be2 IS NOT NULL THEN greatest(h.be1, h.be2) END AS angle_most,
    CASE WHEN h.back_s IS NOT NULL THEN h.d1 + h.return_nm END AS way_sum,
    CASE WHEN h.back_s IS NOT NULL THEN greatest(h.d1, h.return_nm) END AS way_most,
    ln((greatest(h.h1, 50) + 100) / (318 * h.d1 + 300)) AS glide1,
    CASE
        WHEN NOT h.is_ground_after AND h.h2 IS NOT NULL
            THEN ln((greatest(h.h2, 50) + 100) / (280 * greatest(h.d2, 1) + 300))
    END AS glide2,
    ln((greatest(h.h1, 50) / h.sink_fpm + 0.5) / (60 * h.d1 / h.lost_kt + 0.5)) AS aim1,
    CASE
        WHEN NOT h.is_ground_after AND h.h2 IS NOT NULL
            THEN ln((greatest(h.h2, 50) / h.climb_fpm + 0.5) / (60 * h.d2 / h.back_kt + 0.5))
    END AS aim2,
    (h.before_nm - h.d1) / (h.lost_before_s / 3600 * h.lost_kt) AS closing,
    CASE
        WHEN NOT h.is_ground_after
            THEN (h.after_nm - h.d2) / (h.back_after_s / 3600 * h.back_kt)
    END AS opening,
    o.line1,
    o.line2,
    ln(1 + h.deaf_days) AS deaf,
    h.alive,
    h.mismatch
FROM heights AS h
LEFT JOIN on_lines AS o ON h.icao24 = o.icao24 AND h.stretch_no = o.stretch_no AND h.field_id = o.field_id
