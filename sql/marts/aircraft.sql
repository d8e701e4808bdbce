/*
grain: one row per aircraft on record and span of days with one identity
key: [icao24, valid_from]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address, or reg:<REGISTRATION> where no address is on record"}
  valid_from: {type: DATE, unit: UTC, doc: "First day under this registration, by records or else by a register with dates"}
  valid_to: {type: DATE, unit: UTC, doc: "Last day before another registration took the address; null while it holds"}
  registration: {type: VARCHAR, doc: "Registration mark; null where none is known"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  wake: {type: VARCHAR, values: [L, M, H, J], doc: "Wake category"}
  operator: {type: VARCHAR, doc: "Operator by the register, else as a record names it"}
  country: {type: VARCHAR, doc: "Country of the address block, ISO 3166-1 alpha-2"}
  is_military: {type: BOOLEAN, doc: "Whether a register or the flag in traces calls it military, or, where neither speaks, its address lies in a military range; null where nothing is known"}
  military_basis: {type: VARCHAR, doc: "What said so: the registers by name, the flag in traces, or the address range"}
  fleets: {type: "VARCHAR[]", doc: "Fleets that it belongs to"}
  first_seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "First record"}
  last_seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Last record"}
  conflicts: {type: "VARCHAR[]", doc: "Where registers and records disagree: other addresses of the registration, other registrations of the address, other types, military or not"}
*/
WITH described AS (
    SELECT
        aircraft,
        mark_of(registration) AS mark,
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

-- airframes that merely share a mark are no conflict (int_aircraft_addresses)
other_addresses AS (
    SELECT
        aircraft,
        mark,
        list_sort(list(DISTINCT address || ' (' || said_by || ')')) AS said
    FROM (
        SELECT
            aircraft,
            mark_of(registration) AS mark,
            icao24 AS address,
            'records' AS said_by
        FROM intermediate.int_aircraft_keys
        WHERE icao24 IS NOT NULL AND registration IS NOT NULL
        UNION ALL
        SELECT
            x.aircraft,
            x.mark,
            x.icao24 AS address,
            r.register AS said_by
        FROM intermediate.int_aircraft_addresses AS x
        INNER JOIN reference.aircraft AS r ON x.icao24 = r.icao24 AND x.mark = mark_of(r.registration)
    ) AS stated
    GROUP BY aircraft, mark
    HAVING count(DISTINCT address) > 1
),

-- a registration that records state and no span bears is one stated in error
misstated AS (
    SELECT DISTINCT
        k.aircraft,
        k.registration
    FROM intermediate.int_aircraft_keys AS k
    ANTI JOIN intermediate.int_aircraft_identities AS i
        ON k.aircraft = i.aircraft AND mark_of(k.registration) = i.mark
    WHERE k.registration IS NOT NULL AND k.sightings > 0
),

other_marks AS (
    SELECT
        icao24,
        list_sort(list(DISTINCT registration || ' (' || said_by || ')')) AS said
    FROM (
        SELECT
            aircraft AS icao24,
            registration,
            'records' AS said_by
        FROM misstated
        UNION ALL
        SELECT
            r.icao24,
            r.registration,
            r.register AS said_by
        FROM reference.aircraft AS r
        -- one that it bore at another time is no conflict
        ANTI JOIN intermediate.int_aircraft_identities AS i
            ON r.icao24 = i.aircraft AND mark_of(r.registration) = i.mark
        WHERE r.registration IS NOT NULL
    ) AS stated
    GROUP BY icao24
),

-- who says military and who does not, and under which types
other_views AS (
    SELECT
        x.aircraft,
        x.mark,
        string_agg(DISTINCT r.register, ', ' ORDER BY r.register) FILTER (WHERE r.is_military) AS military_by,
        string_agg(DISTINCT r.register, ', ' ORDER BY r.register) FILTER (WHERE NOT r.is_military) AS civil_by,
        list_sort(list(DISTINCT r.type_code || ' (' || r.register || ')') FILTER (WHERE r.type_code IS NOT NULL)) AS types,
        list_sort(list(DISTINCT r.type_code)) AS type_codes
    FROM intermediate.int_aircraft_addresses AS x
    INNER JOIN reference.aircraft AS r ON x.icao24 = r.icao24 AND x.mark = mark_of(r.registration)
    WHERE x.aircraft IS NOT NULL
    GROUP BY x.aircraft, x.mark
)

SELECT
    i.aircraft AS icao24,
    CASE WHEN i.valid_from > '1900-01-01'::DATE THEN i.valid_from ELSE coalesce(i.first_seen_at::DATE, i.valid_from) END AS valid_from,
    nullif(i.valid_to, '9999-12-31'::DATE) AS valid_to,
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
    flatten([
        coalesce(list_transform(a.said, LAMBDA said: 'address of ' || i.registration || ': ' || said), []),
        list_transform(
            coalesce(m.said, []),
            LAMBDA said: 'registration of ' || i.aircraft || ': ' || said
        ),
        CASE
            WHEN len(list_distinct(list_append(v.type_codes, d.type_code))) > 1
                THEN list_transform(v.types, LAMBDA said: 'type of ' || i.registration || ': ' || said)
            ELSE []
        END,
        CASE
            WHEN v.military_by IS NOT NULL AND v.civil_by IS NOT NULL
                THEN ['military: ' || v.military_by || ' yes, ' || v.civil_by || ' no']
            ELSE []
        END
    ]) AS conflicts
FROM intermediate.int_aircraft_identities AS i
LEFT JOIN described AS d ON i.aircraft = d.aircraft AND i.mark IS NOT DISTINCT FROM d.mark
LEFT JOIN other_addresses AS a ON i.aircraft = a.aircraft AND i.mark = a.mark
LEFT JOIN other_marks AS m ON i.aircraft = m.icao24
LEFT JOIN other_views AS v ON i.aircraft = v.aircraft AND i.mark = v.mark
ORDER BY i.aircraft, valid_from
