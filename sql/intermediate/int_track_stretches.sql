/*
grain: one row per stretch of an aircraft's track, unbroken and all in the air or all on the ground
key: [icao24, stretch_no]
empty_without: [intermediate.int_track_points]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "Running number of the aircraft's stretches"}
  piece_no: {type: INTEGER, doc: "Running number of the aircraft's pieces: stretches that follow each other without silence or leap"}
  is_ground: {type: BOOLEAN, doc: "On the ground"}
  is_helicopter: {type: BOOLEAN, doc: "The type is a helicopter"}
  serves: {type: VARCHAR, values: [military, civil, unknown], doc: "Whose aircraft it is, as far as registers and callsign tell"}
  start_s: {type: BIGINT, unit: s, doc: "First sighting"}
  end_s: {type: BIGINT, unit: s, doc: "Last sighting"}
  begins_by: {type: VARCHAR, values: [silence, leap, state, glitch], doc: "What parts it from the stretch before; the first of all begins by silence"}
  ends_by: {type: VARCHAR, values: [silence, leap, state, glitch], doc: "What parts it from the stretch after; the last of all ends by silence"}
  silent_before_s: {type: BIGINT, unit: s, doc: "Silence before; null for the first"}
  silent_after_s: {type: BIGINT, unit: s, doc: "Silence after; null for the last"}
  is_cut_before: {type: BOOLEAN, doc: "It was heard before its first good position, where positions are not kept"}
  is_cut_after: {type: BOOLEAN, doc: "It was heard after its last position that is kept"}
  edge_s: {type: BIGINT, unit: s, doc: "Its last position of all, where that is an edge alone; else null"}
  fresh_points: {type: INTEGER, doc: "Positions good for judging place"}
  first_s: {type: BIGINT, unit: s, doc: "First good position (an edge where there is none)"}
  first_latitude: {type: FLOAT, unit: deg, doc: "Its latitude"}
  first_longitude: {type: FLOAT, unit: deg, doc: "Its longitude"}
  first_base_id: {type: VARCHAR, doc: "Its nearest base"}
  first_distance_km: {type: FLOAT, unit: km, doc: "Distance to that base"}
  first_height_ft: {type: INTEGER, unit: ft, doc: "Height above that base's field; above the sea at an edge"}
  first_height_basis: {type: UTINYINT, doc: "4 ground by its own word, 3 satellite, 2 corrected pressure, 1 pressure, 0 none"}
  last_s: {type: BIGINT, unit: s, doc: "Last good position (an edge where there is none)"}
  last_latitude: {type: FLOAT, unit: deg, doc: "Its latitude"}
  last_longitude: {type: FLOAT, unit: deg, doc: "Its longitude"}
  last_base_id: {type: VARCHAR, doc: "Its nearest base"}
  last_distance_km: {type: FLOAT, unit: km, doc: "Distance to that base"}
  last_height_ft: {type: INTEGER, unit: ft, doc: "Height above that base's field; above the sea at an edge"}
  last_height_basis: {type: UTINYINT, doc: "4 ground by its own word, 3 satellite, 2 corrected pressure, 1 pressure, 0 none"}
  lowest_ft: {type: INTEGER, unit: ft, doc: "Lowest height above the field"}
  highest_ft: {type: INTEGER, unit: ft, doc: "Greatest height above the field"}
  farthest_km: {type: FLOAT, unit: km, doc: "Greatest distance from the nearest base"}
  slowest_kt: {type: FLOAT, unit: kt, doc: "Least speed over ground"}
  climb_ft: {type: INTEGER, unit: ft, doc: "From the first height to the greatest"}
  suspect: {type: VARCHAR, doc: "Why the positions cannot be true; null where nothing speaks against them"}
  is_sound: {type: BOOLEAN, doc: "Believed: nothing speaks against it, or it only leapt and then made minutes of way"}
  callsign: {type: VARCHAR, doc: "Callsign last heard"}
  registration: {type: VARCHAR, doc: "Registration mark that day"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator that day"}
  source: {type: VARCHAR, doc: "Source that brought it"}
  networks: {type: VARCHAR, doc: "Networks that heard it that day"}
*/
-- A position that is not fresh (stale, or the edge of a track) proves that the aircraft was heard; it gives the place of
-- a stretch only where the stretch has no other.
-- Kept in one file: each step adds columns to the same stretches, which would be stored anew at every cut.
WITH drawn AS (
    SELECT
        icao24,
        stretch_no,
        bool_or(is_ground) AS is_ground,
        min(at_s) AS start_s,
        max(at_s) AS end_s,
        coalesce(
            min(at_s) FILTER (WHERE is_edge) < min(at_s) FILTER (WHERE is_fresh)
            AND min(at_s) FILTER (WHERE is_edge) IS DISTINCT FROM min(at_s) FILTER (WHERE NOT is_edge),
            FALSE
        ) AS is_cut_before,
        -- one position may be the edge of two parts of the track: from there to the next nothing is missing
        coalesce(
            max(at_s) FILTER (WHERE goes_on_after) > max(at_s) FILTER (WHERE NOT goes_on_after), bool_and(goes_on_after)
        ) AS is_cut_after,
        CASE
            -- a track of one position, its first and last, is none
            WHEN
                coalesce(max(at_s) FILTER (WHERE is_edge) > max(at_s) FILTER (WHERE NOT is_edge), bool_and(is_edge))
                AND (min(at_s) < max(at_s) OR NOT bool_or(goes_on_after))
                THEN max(at_s) FILTER (WHERE is_edge)
        END AS edge_s,
        (count(*) FILTER (WHERE is_fresh))::INTEGER AS fresh_points,
        coalesce(min(at_s) FILTER (WHERE is_fresh), min(at_s)) AS first_s,
        coalesce(max(at_s) FILTER (WHERE is_fresh), max(at_s)) AS last_s,
        min(height_ft) AS lowest_ft,
        max(height_ft) AS highest_ft,
        max(distance_km) AS farthest_km,
        min(speed_kt) AS slowest_kt,
        count(*) FILTER (WHERE is_height_off) AS off_points,
        sum(step_km) AS path_km,
        sum(speed_kt * step_s) * 1.852 / 3600 AS flown_km,
        min(latitude) AS south,
        max(latitude) AS north,
        min(longitude) AS west,
        max(longitude) AS east
    FROM intermediate.int_track_points
    GROUP BY icao24, stretch_no
),

corners AS (
    SELECT
        p.icao24,
        p.stretch_no,
        p.at_s,
        p.latitude,
        p.longitude,
        p.base_id,
        p.distance_km,
        p.height_ft,
        p.height_basis,
        p.callsign
    FROM intermediate.int_track_points AS p
    INNER JOIN drawn AS d ON p.icao24 = d.icao24 AND p.stretch_no = d.stretch_no
    WHERE (p.at_s = d.first_s OR p.at_s = d.last_s) AND (p.is_fresh OR d.fresh_points = 0)
    -- two positions of one second: the same one on every run
    QUALIFY row_number() OVER (PARTITION BY p.icao24, p.stretch_no, p.at_s ORDER BY p.latitude, p.longitude, p.is_edge) = 1
),

placed AS (
    SELECT
        d.*,
        km_of_deg(greatest(d.north - d.south, (d.east - d.west) * cos(radians(d.south)))) AS spread_km,
        f.latitude AS first_latitude,
        f.longitude AS first_longitude,
        f.base_id AS first_base_id,
        f.distance_km AS first_distance_km,
        f.height_ft AS first_height_ft,
        f.height_basis AS first_height_basis,
        l.latitude AS last_latitude,
        l.longitude AS last_longitude,
        l.base_id AS last_base_id,
        l.distance_km AS last_distance_km,
        l.height_ft AS last_height_ft,
        l.height_basis AS last_height_basis,
        coalesce(l.callsign, f.callsign) AS callsign
    FROM drawn AS d
    INNER JOIN corners AS f ON d.icao24 = f.icao24 AND d.stretch_no = f.stretch_no AND d.first_s = f.at_s
    INNER JOIN corners AS l ON d.icao24 = l.icao24 AND d.stretch_no = l.stretch_no AND d.last_s = l.at_s
),

neighboured AS (
    SELECT
        *,
        lag(last_latitude) OVER flight AS latitude_before,
        lag(last_longitude) OVER flight AS longitude_before,
        lag(end_s) OVER flight AS end_before_s,
        lead(start_s) OVER flight AS start_after_s,
        lead(first_latitude) OVER flight AS latitude_after,
        lead(first_longitude) OVER flight AS longitude_after
    FROM placed
    WINDOW flight AS (PARTITION BY icao24 ORDER BY stretch_no)
),

-- one or two wild positions between two halves of a sound track (multilateration does this) are not a leap
sound AS (
    SELECT
        * EXCLUDE (
            latitude_before,
            longitude_before,
            end_before_s,
            start_after_s,
            latitude_after,
            longitude_after
        )
    FROM neighboured
    WHERE NOT coalesce(
        end_s - start_s <= $track_glitch_max_s
        AND start_after_s - end_before_s <= $track_split_s
        AND distance_km(first_latitude - latitude_before, first_longitude - longitude_before, first_latitude)
        > greatest($track_jump_min_km, reach_km($track_max_speed_kt, start_s - end_before_s))
        AND distance_km(latitude_after - last_latitude, longitude_after - last_longitude, last_latitude)
        > greatest($track_jump_min_km, reach_km($track_max_speed_kt, start_after_s - end_s))
        AND distance_km(latitude_after - latitude_before, longitude_after - longitude_before, latitude_after)
        <= greatest($track_jump_min_km, reach_km($track_max_speed_kt, start_after_s - end_before_s)),
        FALSE
    )
),

parted AS (
    SELECT
        *,
        start_s - lag(end_s) OVER flight AS silent_before_s,
        lag(is_ground) OVER flight AS was_ground,
        distance_km(
            first_latitude - lag(last_latitude) OVER flight,
            first_longitude - lag(last_longitude) OVER flight,
            first_latitude
        ) AS leap_km
    FROM sound
    WINDOW flight AS (PARTITION BY icao24 ORDER BY stretch_no)
),

begun AS (
    SELECT
        *,
        CASE
            WHEN silent_before_s IS NULL THEN 'silence'
            WHEN
                leap_km > $track_jump_min_km
                AND leap_km > reach_km($track_max_speed_kt, silent_before_s)
                THEN 'leap'
            WHEN silent_before_s > $track_split_s THEN 'silence'
            WHEN is_ground <> was_ground THEN 'state'
            ELSE 'glitch'
        END AS begins_by
    FROM parted
),

ended AS (
    SELECT
        *,
        coalesce(lead(begins_by) OVER flight, 'silence') AS ends_by,
        lead(silent_before_s) OVER flight AS silent_after_s,
        count_if(begins_by IN ('silence', 'leap')) OVER (
            PARTITION BY icao24 ORDER BY stretch_no ROWS UNBOUNDED PRECEDING
        ) AS piece_no
    FROM begun
    WINDOW flight AS (PARTITION BY icao24 ORDER BY stretch_no)
),

heard AS (
    SELECT
        icao24,
        day,
        source,
        network,
        registration,
        type_code,
        db_flags
    FROM raw.track_points
    GROUP BY ALL

    UNION ALL
    SELECT
        icao24,
        day,
        source,
        network,
        registration,
        type_code,
        db_flags
    FROM raw.track_edges
    GROUP BY ALL

    -- of a whole day far from bases nothing else is kept
    UNION ALL
    SELECT
        icao24,
        day,
        source,
        network,
        registration,
        type_code,
        db_flags
    FROM raw.watched_points
    GROUP BY ALL
),

identities AS (
    SELECT
        lower(icao24) AS icao24,
        day,
        min(source) AS source,
        string_agg(DISTINCT network, ', ' ORDER BY network) AS networks,
        max(code_or_null(registration)) AS registration,
        max(code_or_null(type_code)) AS type_code,
        bool_or(db_flags & 1 = 1) AS is_military
    FROM heard
    GROUP BY lower(icao24), day
),

register AS (
    SELECT
        icao24,
        bool_or(is_military) AS is_military,
        max(type_code) AS type_code
    FROM reference.aircraft
    GROUP BY icao24
),

judged AS (
    SELECT
        e.icao24,
        e.stretch_no,
        e.piece_no,
        e.is_ground,
        coalesce(y.is_helicopter, FALSE) AS is_helicopter,
        CASE
            WHEN i.is_military OR r.is_military THEN 'military'
            -- an airline's callsign, unless a register of noted aircraft or a fleet lays claim to it
            WHEN
                r.icao24 IS NULL
                AND regexp_full_match(e.callsign, '[A-Z]{3}[0-9]{1,4}[A-Z]{0,2}')
                AND e.callsign[:3] NOT IN (SELECT callsign_prefix FROM reference.fleets WHERE callsign_prefix IS NOT NULL)
                THEN 'civil'
            ELSE 'unknown'
        END AS serves,
        e.start_s,
        e.end_s,
        e.begins_by,
        e.ends_by,
        e.silent_before_s,
        e.silent_after_s,
        e.is_cut_before,
        e.is_cut_after,
        e.edge_s,
        e.fresh_points,
        e.first_s,
        e.first_latitude,
        e.first_longitude,
        e.first_base_id,
        e.first_distance_km,
        e.first_height_ft,
        e.first_height_basis,
        e.last_s,
        e.last_latitude,
        e.last_longitude,
        e.last_base_id,
        e.last_distance_km,
        e.last_height_ft,
        e.last_height_basis,
        e.lowest_ft,
        e.highest_ft,
        e.farthest_km,
        e.slowest_kt,
        e.highest_ft - e.first_height_ft AS climb_ft,
        CASE
            WHEN 'leap' IN (e.begins_by, e.ends_by) THEN 'it leaps'
            WHEN e.off_points > $track_suspect_share * e.fresh_points THEN 'pressure and satellite height contradict each other'
            WHEN e.is_ground OR coalesce(y.is_helicopter, FALSE) THEN NULL
            WHEN
                e.spread_km < $track_still_km
                AND e.end_s - e.start_s >= $track_still_min_s
                AND e.flown_km > 2 * $track_still_km
                THEN 'it stands still in the air'
            WHEN
                e.begins_by = 'silence'
                AND e.end_s - e.start_s >= $track_circling_min_s
                AND e.spread_km < $track_circling_km
                AND e.flown_km > $track_circling_ratio * e.spread_km
                THEN 'it appears and circles over one spot'
            WHEN
                e.flown_km > $track_pace_min_km
                AND (
                    e.path_km > $track_pace_ratio * e.flown_km
                    OR e.flown_km > $track_pace_ratio * e.path_km
                )
                THEN 'its speed does not fit the way it makes'
        END AS suspect,
        e.callsign,
        i.registration,
        coalesce(i.type_code, r.type_code) AS type_code,
        i.source,
        i.networks
    FROM ended AS e
    LEFT JOIN identities AS i ON e.icao24 = i.icao24 AND day_of_s(e.start_s) = i.day
    LEFT JOIN register AS r ON e.icao24 = r.icao24
    LEFT JOIN reference.aircraft_types AS y ON coalesce(i.type_code, r.type_code) = y.type_code
)

SELECT
    icao24,
    stretch_no,
    piece_no,
    is_ground,
    is_helicopter,
    serves,
    start_s,
    end_s,
    begins_by,
    ends_by,
    silent_before_s,
    silent_after_s,
    is_cut_before,
    is_cut_after,
    edge_s,
    fresh_points,
    first_s,
    first_latitude,
    first_longitude,
    first_base_id,
    first_distance_km,
    first_height_ft,
    first_height_basis,
    last_s,
    last_latitude,
    last_longitude,
    last_base_id,
    last_distance_km,
    last_height_ft,
    last_height_basis,
    lowest_ft,
    highest_ft,
    farthest_km,
    slowest_kt,
    climb_ft,
    suspect,
    suspect IS NULL
    OR (
        suspect = 'it leaps'
        AND end_s - start_s >= $track_recovered_s
        AND coalesce(farthest_km >= $track_exit_km, FALSE)
    ) AS is_sound,
    callsign,
    registration,
    type_code,
    source,
    networks
FROM judged
