/*
grain: one row per stay that needs no judging, on the ground by its own word or lost low over a field and back there
key: [icao24, field_id, at_s]
empty_without: [intermediate.int_track_stretches, intermediate.int_silences]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  field_id: {type: VARCHAR, doc: "The listed field nearest to it"}
  at_s: {type: BIGINT, unit: s, doc: "First report from the ground, or last position before the silence"}
  until_s: {type: BIGINT, unit: s, doc: "Last report from the ground, or first position after it"}
*/
-- Sure of its field as well: the field must be the listed one nearest to where it was, at either end of a silence.
WITH spells AS (
    SELECT
        icao24,
        start_s AS at_s,
        end_s AS until_s,
        first_latitude AS latitude,
        first_longitude AS longitude,
        first_latitude AS back_latitude,
        first_longitude AS back_longitude,
        0 AS height_ft,
        0 AS back_height_ft,
        $track_on_field_km / 1.852 AS lost_nm,
        $track_on_field_km / 1.852 AS back_nm
    FROM intermediate.int_track_stretches
    WHERE
        is_ground
        AND is_sound
        AND fresh_points >= $track_ground_min_points
        AND end_s - start_s >= $track_ground_min_s
        AND slowest_kt <= $track_taxi_speed_kt

    UNION ALL
    SELECT
        icao24,
        lost_s AS at_s,
        back_s AS until_s,
        lost_latitude AS latitude,
        lost_longitude AS longitude,
        back_latitude,
        back_longitude,
        lost_altitude_ft AS height_ft,
        back_altitude_ft AS back_height_ft,
        $sure_lost_nm AS lost_nm,
        $sure_back_nm AS back_nm
    FROM intermediate.int_silences
    WHERE gap_min > $sure_silence_min AND NOT is_ground_after
),

placed AS (
    SELECT
        s.*,
        f.field_id,
        f.elevation_ft,
        distance_km(f.latitude - s.latitude, f.longitude - s.longitude, s.latitude) / 1.852 AS nm,
        distance_km(f.latitude - s.back_latitude, f.longitude - s.back_longitude, s.latitude) / 1.852 AS nm_back
    FROM spells AS s
    INNER JOIN intermediate.int_field_cells AS c
        ON cell_of(floor(s.latitude)::INTEGER, floor(s.longitude)::INTEGER) = c.cell
    INNER JOIN intermediate.int_fields AS f ON c.field_id = f.field_id
    WHERE
        -- wide enough for every field that may be nearer to either end
        abs(f.latitude - s.latitude) < ($sure_lost_nm + 2 * $sure_back_nm) / 60
        AND abs(f.latitude - s.back_latitude) < 2 * $sure_back_nm / 60
),

nearest AS (
    SELECT
        *,
        min(nm) OVER spell AS least_nm,
        min(nm_back) OVER spell AS least_nm_back
    FROM placed
    WINDOW spell AS (PARTITION BY icao24, at_s)
)

SELECT
    icao24,
    field_id,
    at_s,
    until_s
FROM nearest
WHERE
    nm = least_nm
    AND nm_back = least_nm_back
    AND nm <= lost_nm
    AND nm_back <= back_nm
    AND height_ft - CASE WHEN height_ft = 0 AND lost_nm <> $sure_lost_nm THEN 0 ELSE elevation_ft END <= $sure_lost_ft
    AND back_height_ft - CASE WHEN lost_nm <> $sure_lost_nm THEN 0 ELSE elevation_ft END <= $sure_back_ft
QUALIFY row_number() OVER (PARTITION BY icao24, at_s ORDER BY field_id) = 1
