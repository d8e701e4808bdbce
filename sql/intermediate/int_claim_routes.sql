/*
grain: one row per claim of flights on a route, with how many visits of the claimed days flew it
key: [article_id, base_id, claim_no]
empty_without: [intermediate.int_claim_windows]
columns:
  article_id: {type: VARCHAR, doc: "Article"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  claim_no: {type: INTEGER, doc: "Number of the claim in the article"}
  on_route: {type: BIGINT, doc: "Visits in the claimed days that came from, and went, where the route says"}
  off_route: {type: BIGINT, doc: "Visits in the claimed days that came from, or went, elsewhere"}
  unchecked: {type: VARCHAR, doc: "What of the route no record could be held against, in words; null where nothing is left open"}
*/
-- The stop of a route before the base is where the aircraft came from, the one after it where it went. A stop is known by
-- the names and codes of watched bases and by the codes and names of other fields. A base's own name or a code is one place,
-- so a visit from another place speaks against it. A town's name may stand for any field around it, and for another town
-- far away: a visit from near a field of that name speaks for it, and no visit speaks against it.
-- Kept in one file: one chain from a route to its visits; each step is read by the next, and by nothing else.
WITH routes AS (
    SELECT
        article_id,
        base_id,
        claim_no,
        fleet_id,
        type_code,
        claimed_from,
        claimed_to,
        string_split_regex(route, '\s*[-–—→]\s*') AS stops
    FROM intermediate.int_claim_windows
    WHERE claim = 'flight' AND route IS NOT NULL AND claimed_from IS NOT NULL AND claimed_to IS NOT NULL
),

stops AS (
    SELECT
        article_id,
        base_id,
        claim_no,
        unnest(stops) AS stop,
        generate_subscripts(stops, 1) AS stop_no
    FROM routes
),

names AS (
    SELECT DISTINCT
        stop,
        lower(strip_accents(stop)) AS name
    FROM stops
),

places AS (
    SELECT
        n.stop,
        b.base_id,
        b.latitude,
        b.longitude,
        k.strength = 'strong' AS is_certain
    FROM names AS n
    INNER JOIN reference.keywords AS k ON n.name = lower(strip_accents(k.alias))
    INNER JOIN reference.bases AS b ON k.base_id = b.base_id
    WHERE k.role = 'name'

    UNION ALL
    SELECT
        n.stop,
        c.base_id,
        c.latitude,
        c.longitude,
        TRUE AS is_certain
    FROM names AS n
    INNER JOIN intermediate.int_field_codes AS c ON n.name = lower(c.code)

    UNION ALL
    SELECT
        n.stop,
        NULL AS base_id,
        f.latitude,
        f.longitude,
        FALSE AS is_certain
    FROM names AS n
    INNER JOIN reference.fields AS f ON starts_with(lower(strip_accents(f.name)) || ' ', n.name || ' ')
),

-- the base must be one stop and no other: else nobody can say which stops are its neighbours
here AS (
    SELECT
        s.article_id,
        s.base_id,
        s.claim_no,
        min(s.stop_no) AS stop_no
    FROM stops AS s
    WHERE EXISTS (SELECT 1 FROM places AS p WHERE p.stop = s.stop AND p.base_id = s.base_id)
    GROUP BY s.article_id, s.base_id, s.claim_no
    HAVING count(*) = 1
),

visits AS (
    SELECT
        r.article_id,
        r.base_id,
        r.claim_no,
        v.visit_id,
        r.stops[h.stop_no - 1] AS origin_stop,
        r.stops[h.stop_no + 1] AS destination_stop,
        i.origin_icao,
        i.origin_base_id,
        i.destination_icao,
        i.destination_base_id
    FROM (
        SELECT
            *,
            unnest(generate_series(claimed_from::TIMESTAMP, claimed_to::TIMESTAMP, INTERVAL 1 DAY))::DATE AS day
        FROM routes
    ) AS r
    INNER JOIN intermediate.int_fleet_visits AS v
        ON
            r.base_id = v.base_id AND r.fleet_id = v.fleet_id AND r.day = v.first_on
            AND (r.type_code IS NULL OR r.type_code = v.type_code)
    INNER JOIN intermediate.int_visits AS i ON v.visit_id = i.visit_id
    LEFT JOIN here AS h ON r.article_id = h.article_id AND r.base_id = h.base_id AND r.claim_no = h.claim_no
),

ends AS (
    SELECT
        article_id,
        base_id,
        claim_no,
        visit_id,
        'from ' || origin_stop AS claimed,
        origin_stop AS stop,
        origin_icao AS icao,
        origin_base_id AS end_base_id
    FROM visits
    WHERE origin_stop IS NOT NULL

    UNION ALL
    SELECT
        article_id,
        base_id,
        claim_no,
        visit_id,
        'to ' || destination_stop AS claimed,
        destination_stop AS stop,
        destination_icao AS icao,
        destination_base_id AS end_base_id
    FROM visits
    WHERE destination_stop IS NOT NULL
),

compared AS (
    SELECT
        e.article_id,
        e.base_id,
        e.claim_no,
        e.visit_id,
        e.claimed,
        coalesce(e.icao, e.end_base_id) IS NOT NULL AS is_recorded,
        e.claimed || CASE
            WHEN coalesce(e.icao, e.end_base_id) IS NULL THEN ' (not on record)'
            ELSE ' (no field is known for certain by that name)'
        END AS open_end,
        coalesce(
            bool_or(
                distance_km(
                    coalesce(b.latitude, c.latitude) - p.latitude,
                    coalesce(b.longitude, c.longitude) - p.longitude,
                    p.latitude
                ) <= CASE WHEN p.is_certain THEN $track_on_field_km ELSE $claim_place_km END
            ),
            FALSE
        ) AS is_there,
        coalesce(bool_or(p.is_certain), FALSE) AND max(coalesce(b.latitude, c.latitude)) IS NOT NULL AS is_certain
    FROM ends AS e
    LEFT JOIN reference.bases AS b ON e.end_base_id = b.base_id
    LEFT JOIN intermediate.int_field_codes AS c ON e.icao = c.code
    LEFT JOIN places AS p ON e.stop = p.stop
    GROUP BY e.article_id, e.base_id, e.claim_no, e.visit_id, e.claimed, e.icao, e.end_base_id
),

flown AS (
    SELECT
        article_id,
        base_id,
        claim_no,
        visit_id,
        bool_or(is_recorded AND is_certain AND NOT is_there) AS is_off,
        bool_and(is_there) AS is_on,
        list(open_end) FILTER (WHERE NOT is_there) AS open_ends
    FROM compared
    GROUP BY article_id, base_id, claim_no, visit_id
),

counted AS (
    SELECT
        v.article_id,
        v.base_id,
        v.claim_no,
        count(*) FILTER (WHERE f.is_on) AS on_route,
        count(*) FILTER (WHERE f.is_off) AS off_route,
        count(*) FILTER (WHERE f.visit_id IS NULL) AS unplaced,
        list_sort(list_distinct(flatten(list(f.open_ends) FILTER (WHERE NOT f.is_on AND NOT f.is_off)))) AS open_ends
    FROM visits AS v
    LEFT JOIN flown AS f
        ON v.article_id = f.article_id AND v.base_id = f.base_id AND v.claim_no = f.claim_no AND v.visit_id = f.visit_id
    GROUP BY v.article_id, v.base_id, v.claim_no
)

SELECT
    r.article_id,
    r.base_id,
    r.claim_no,
    coalesce(c.on_route, 0) AS on_route,
    coalesce(c.off_route, 0) AS off_route,
    CASE
        WHEN c.unplaced > 0 THEN 'all of it, since the base is not one stop among others'
        WHEN len(c.open_ends) > 0 THEN array_to_string(c.open_ends, ' and ')
    END AS unchecked
FROM routes AS r
LEFT JOIN counted AS c ON r.article_id = c.article_id AND r.base_id = c.base_id AND r.claim_no = c.claim_no
