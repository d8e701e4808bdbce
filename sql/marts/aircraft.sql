/*
grain: one row per aircraft on record and span of days with one identity
key: [icao24, valid_from]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address, or reg:<REGISTRATION> where no address is on record"}
  valid_from: {type: DATE, unit: UTC, doc: "First day on record under this registration"}
  valid_to: {type: DATE, unit: UTC, doc: "Last day before another registration took the address; null while it holds"}
  registration: {type: VARCHAR, doc: "Registration mark; null where none is known"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  wake: {type: VARCHAR, values: [L, M, H, J], doc: "Wake category"}
  operator: {type: VARCHAR, doc: "Operator by the register"}
  country: {type: VARCHAR, doc: "Country of the address block, ISO 3166-1 alpha-2"}
  is_military: {type: BOOLEAN, doc: "Whether the register lists it as military; null where no register knows it"}
  military_basis: {type: VARCHAR, doc: "What said so"}
  fleets: {type: "VARCHAR[]", doc: "Fleets that it belongs to"}
  first_seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "First record"}
  last_seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Last record"}
  conflicts: {type: "VARCHAR[]", doc: "Where registers and records disagree: other addresses of the registration, other registrations of the address"}
*/
WITH seen AS (
    SELECT
        aircraft AS icao24,
        replace(registration, '-', '') AS mark,
        arg_max(registration, (sightings, registration)) AS registration,
        sum(sightings) AS sightings,
        min(first_seen_at) AS first_seen_at,
        max(last_seen_at) AS last_seen_at
    FROM intermediate.int_aircraft_keys
    WHERE sightings > 0
    GROUP BY ALL
),

-- a registration stated only while another is stated more often is an error of its records, no change of identity
misstated AS (
    SELECT DISTINCT
        s.icao24,
        s.mark,
        s.registration
    FROM seen AS s
    INNER JOIN seen AS o ON s.icao24 = o.icao24 AND s.mark <> o.mark
    WHERE s.first_seen_at >= o.first_seen_at AND s.last_seen_at <= o.last_seen_at AND s.sightings < o.sightings
),

registered AS (
    SELECT
        s.*,
        row_number() OVER (PARTITION BY s.icao24 ORDER BY s.first_seen_at, s.mark) = 1 AS is_first,
        row_number() OVER (PARTITION BY s.icao24 ORDER BY s.last_seen_at DESC, s.mark) = 1 AS is_last
    FROM seen AS s
    ANTI JOIN misstated AS m ON s.icao24 = m.icao24 AND s.mark = m.mark
    WHERE s.mark IS NOT NULL
),

-- records without a registration say nothing against one that other records of the same address give: they lengthen it
identified AS (
    SELECT
        r.icao24,
        r.mark,
        r.registration,
        CASE WHEN r.is_first THEN least(r.first_seen_at, b.first_seen_at) ELSE r.first_seen_at END AS first_seen_at,
        CASE WHEN r.is_last THEN greatest(r.last_seen_at, b.last_seen_at) ELSE r.last_seen_at END AS last_seen_at
    FROM registered AS r
    LEFT JOIN seen AS b ON r.icao24 = b.icao24 AND b.mark IS NULL

    UNION ALL
    SELECT
        icao24,
        mark,
        registration,
        first_seen_at,
        last_seen_at
    FROM seen
    WHERE mark IS NULL AND icao24 NOT IN (SELECT icao24 FROM registered)
),

-- two registrations of one address that were first seen on one day cannot be told apart by day: the one seen longer stays
dated AS (
    SELECT *
    FROM identified
    QUALIFY row_number() OVER (
        PARTITION BY icao24, first_seen_at::DATE ORDER BY last_seen_at DESC, registration
    ) = 1
),

described AS (
    SELECT
        aircraft,
        replace(registration, '-', '') AS mark,
        arg_min(type_code, (coalesce(callsign_prefix, ''), registration)) AS type_code,
        arg_min(wake, (coalesce(callsign_prefix, ''), registration)) AS wake,
        min(operator) AS operator,
        min(country) AS country,
        bool_or(is_military) AS is_military,
        min(military_basis) AS military_basis,
        list_sort(list_distinct(flatten(list(fleets)))) AS fleets
    FROM intermediate.int_aircraft
    GROUP BY ALL
),

other_addresses AS (
    SELECT
        mark,
        list_sort(list(DISTINCT address || ' (' || said_by || ')')) AS said
    FROM (
        SELECT
            replace(registration, '-', '') AS mark,
            icao24 AS address,
            'records' AS said_by
        FROM intermediate.int_aircraft_keys
        WHERE icao24 IS NOT NULL AND registration IS NOT NULL
        UNION ALL
        SELECT
            replace(upper(registration), '-', '') AS mark,
            icao24 AS address,
            register AS said_by
        FROM reference.aircraft
        WHERE registration IS NOT NULL
    ) AS stated
    GROUP BY mark
    HAVING count(DISTINCT address) > 1
),

other_marks AS (
    SELECT
        icao24,
        list_sort(list(DISTINCT registration || ' (' || said_by || ')')) AS said
    FROM (
        SELECT
            icao24,
            registration,
            'records' AS said_by
        FROM misstated
        UNION ALL
        SELECT
            icao24,
            registration,
            register AS said_by
        FROM reference.aircraft
        WHERE registration IS NOT NULL
    ) AS stated
    GROUP BY icao24
)

SELECT
    i.icao24,
    coalesce(i.first_seen_at::DATE, '1900-01-01'::DATE) AS valid_from,
    (lead(i.first_seen_at::DATE) OVER (PARTITION BY i.icao24 ORDER BY i.first_seen_at) - 1)::DATE AS valid_to,
    i.registration,
    d.type_code,
    d.wake,
    d.operator,
    d.country,
    d.is_military,
    d.military_basis,
    coalesce(d.fleets, ['all']) AS fleets,
    i.first_seen_at,
    i.last_seen_at,
    list_concat(
        coalesce(list_transform(a.said, lambda said: 'address of ' || i.registration || ': ' || said), []),
        list_transform(
            list_filter(
                coalesce(m.said, []),
                lambda said: NOT starts_with(replace(said, '-', ''), i.mark || ' (')
            ),
            lambda said: 'registration of ' || i.icao24 || ': ' || said
        )
    ) AS conflicts
FROM dated AS i
LEFT JOIN described AS d ON i.icao24 = d.aircraft AND i.mark IS NOT DISTINCT FROM d.mark
LEFT JOIN other_addresses AS a ON i.mark = a.mark
LEFT JOIN other_marks AS m ON i.icao24 = m.icao24 AND i.registration IS NOT NULL
ORDER BY i.icao24, valid_from
