/*
grain: one row per base, UTC day and network that listened, on days that were taken in whole
key: [base_id, day, source, network]
empty_without: [staging.stg_readsb__background]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  day: {type: DATE, doc: "UTC day"}
  source: {type: VARCHAR, doc: "Code of the source module"}
  network: {type: VARCHAR, doc: "Network whose receivers listened"}
  aircraft_100nm: {type: INTEGER, doc: "Other aircraft heard within 100 NM, at any height; null where that was not looked at"}
  aircraft_50nm: {type: INTEGER, doc: "Other aircraft heard within 50 NM; 0 where none was"}
  aircraft_25nm: {type: INTEGER, doc: "The same within 25 NM"}
  aircraft_low: {type: INTEGER, doc: "The same, low enough to prove that the field could be seen"}
  arrivals: {type: INTEGER, doc: "Of them, those that came down towards the field"}
  arrivals_followed: {type: INTEGER, doc: "Of those, the ones heard so low that the rules of a visit would have told where they went"}
  jumped_aircraft: {type: INTEGER, doc: "Aircraft that made impossible leaps"}
  stacked_aircraft: {type: INTEGER, doc: "Most aircraft that claimed one spot at one time in the air"}
  is_low_heard: {type: BOOLEAN, doc: "Any aircraft, watched ones too, was heard low near the field"}
  is_field_heard: {type: BOOLEAN, doc: "Any aircraft, watched ones too, was heard on the ground there or on its last miles"}
*/
-- Networks that reported any base on a day. A day that was taken in whole and on which a source reported none was silent
-- everywhere: it belongs to those that listened last (or first, before anybody was heard).
WITH reports AS (
    SELECT
        source,
        day,
        list(DISTINCT network ORDER BY network) AS networks,
        bool_or(aircraft_100nm IS NOT NULL) AS is_wide
    FROM staging.stg_readsb__background
    GROUP BY source, day
),

-- a network that ever listened at a base is expected there on every day that was looked at
listeners AS (
    SELECT DISTINCT
        source,
        network,
        base_id
    FROM staging.stg_readsb__background
),

looked AS (
    SELECT
        c.source,
        c.base_id,
        c.day,
        coalesce(b.networks, a.networks) AS networks,
        coalesce(b.is_wide, a.is_wide) AS is_wide
    FROM intermediate.int_covered_days AS c
    ASOF LEFT JOIN reports AS b ON c.source = b.source AND c.day >= b.day
    ASOF LEFT JOIN reports AS a ON c.source = a.source AND c.day <= a.day
    WHERE c.is_whole AND c.is_archive
),

spine AS (
    SELECT
        n.base_id,
        k.day,
        n.source,
        n.network,
        k.is_wide
    FROM looked AS k
    INNER JOIN listeners AS n ON k.source = n.source AND k.base_id = n.base_id AND list_contains(k.networks, n.network)
),

-- watched aircraft, which the counts leave out, were heard by the same receivers
ends AS (
    SELECT
        first_base_id AS base_id,
        source,
        first_s AS at_s,
        is_ground,
        first_distance_km AS distance_km,
        first_height_ft AS height_ft
    FROM intermediate.int_track_stretches
    WHERE is_sound AND fresh_points > 0

    UNION ALL
    SELECT
        last_base_id AS base_id,
        source,
        last_s AS at_s,
        is_ground,
        last_distance_km AS distance_km,
        last_height_ft AS height_ft
    FROM intermediate.int_track_stretches
    WHERE is_sound AND fresh_points > 0
),

heard AS (
    SELECT
        base_id,
        source,
        day_of_s(at_s) AS day,
        coalesce(
            bool_or(
                CASE
                    WHEN is_ground THEN distance_km <= $background_field_km
                    ELSE distance_km <= $background_low_loss_km AND height_ft <= $background_low_loss_ft
                END
            ), FALSE
        ) AS is_field_heard
    FROM ends
    WHERE
        base_id IS NOT NULL
        AND CASE
            WHEN is_ground THEN distance_km <= $background_field_km
            ELSE distance_km <= $background_near_nm * 1.852 AND height_ft <= $background_low_ft
        END
    GROUP BY ALL
)

SELECT
    s.base_id,
    s.day,
    s.source,
    s.network,
    CASE WHEN s.is_wide THEN coalesce(b.aircraft_100nm, 0) END AS aircraft_100nm,
    coalesce(b.aircraft_50nm, 0) AS aircraft_50nm,
    coalesce(b.aircraft_25nm, 0) AS aircraft_25nm,
    coalesce(b.aircraft_low, 0) AS aircraft_low,
    coalesce(b.arrivals, 0) AS arrivals,
    -- lost below this height, a visit is told by the descent; each arrival has one last height
    least(
        coalesce(b.arrivals, 0),
        greatest(
            coalesce(b.arrivals_followed, 0),
            coalesce(len(list_filter(b.last_heights_ft, LAMBDA h: h <= $background_low_ft)), 0)
        )
    ) AS arrivals_followed,
    coalesce(b.jumped_aircraft, 0) AS jumped_aircraft,
    coalesce(b.stacked_aircraft, 0) AS stacked_aircraft,
    coalesce(b.aircraft_low > 0, FALSE) OR h.base_id IS NOT NULL AS is_low_heard,
    coalesce(b.arrivals_followed > 0, FALSE) OR coalesce(h.is_field_heard, FALSE) AS is_field_heard
FROM spine AS s
LEFT JOIN staging.stg_readsb__background AS b
    ON s.base_id = b.base_id AND s.day = b.day AND s.source = b.source AND s.network = b.network
LEFT JOIN heard AS h ON s.base_id = h.base_id AND s.day = h.day AND s.source = h.source
