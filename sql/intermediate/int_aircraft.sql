/*
grain: one row per aircraft, registration and callsign prefix under which it was recorded
key: [aircraft, registration, callsign_prefix]
columns:
  aircraft: {type: VARCHAR, doc: "Key of the aircraft"}
  registration: {type: VARCHAR, doc: "Registration, null where none is known"}
  callsign_prefix: {type: VARCHAR, doc: "First three letters of the callsign where a digit follows them, else null"}
  type_code: {type: VARCHAR, doc: "ICAO type: as recorded, else from the register"}
  wake: {type: VARCHAR, doc: "Wake category of the type"}
  operator: {type: VARCHAR, doc: "Operator by the register, else as a record names it"}
  country: {type: VARCHAR, doc: "Country of the address block, ISO 3166-1 alpha-2"}
  is_military: {type: BOOLEAN, doc: "Whether a register, a flag in traces or else its address range calls it military, null where nothing is known"}
  military_basis: {type: VARCHAR, doc: "What said so"}
  fleets: {type: "VARCHAR[]", doc: "Fleets that it belongs to under this callsign"}
*/
-- Identity by registration first, by address where no registration is known: addresses are re-used and re-issued.
-- Kept in one file: what registers say and what fleets ask for meet here alone, and each step is read by the next.
WITH recorded AS (
    SELECT
        aircraft,
        registration,
        callsign_prefix,
        arg_max(type_code, (first_evidence_at, type_code)) AS type_code
    FROM intermediate.int_stays
    GROUP BY ALL

    UNION
    SELECT DISTINCT
        aircraft,
        registration,
        NULL AS callsign_prefix,
        NULL AS type_code
    FROM intermediate.int_aircraft_keys

    UNION
    SELECT DISTINCT
        aircraft,
        registration,
        NULL AS callsign_prefix,
        NULL AS type_code
    FROM intermediate.int_aircraft_identities
),

identities AS (
    SELECT
        aircraft,
        registration,
        callsign_prefix,
        max(type_code) AS type_code,
        mark_of(registration) AS mark
    FROM recorded
    GROUP BY ALL
),

-- registers know many more addresses than are ever met
asked AS (
    SELECT icao24
    FROM intermediate.int_aircraft_addresses
    UNION
    SELECT aircraft AS icao24
    FROM identities
),

-- what each register says last of an address under one registration
register AS (
    SELECT
        icao24,
        mark_of(registration) AS mark,
        type_code,
        operator,
        is_military,
        register
    FROM reference.aircraft
    WHERE icao24 IN (SELECT icao24 FROM asked)
    QUALIFY row_number() OVER (
        PARTITION BY icao24, register, mark_of(registration) ORDER BY valid_from DESC NULLS LAST
    ) = 1
),

said_of_mark AS (
    SELECT
        x.aircraft,
        r.*
    FROM register AS r
    INNER JOIN intermediate.int_aircraft_addresses AS x ON r.mark = x.mark AND r.icao24 = x.icao24
    WHERE x.aircraft IS NOT NULL
),

by_mark AS (
    SELECT
        aircraft,
        mark,
        arg_min(type_code, (icao24, register)) AS type_code,
        arg_min(operator, (icao24, register)) AS operator,
        list_sort(list(DISTINCT lower(operator))) AS operator_names,
        bool_or(is_military) AS is_military,
        string_agg(DISTINCT register, ', ' ORDER BY register) FILTER (WHERE is_military) AS military_by,
        string_agg(DISTINCT register, ', ' ORDER BY register) FILTER (WHERE NOT is_military) AS civil_by
    FROM said_of_mark
    GROUP BY aircraft, mark
),

-- registers that give an address different registrations speak of its operator and type only with one voice
by_address AS (
    SELECT
        icao24,
        CASE WHEN count(DISTINCT mark) < 2 OR count(DISTINCT type_code) = 1 THEN arg_min(type_code, register) END AS type_code,
        CASE WHEN count(DISTINCT mark) < 2 OR count(DISTINCT lower(operator)) = 1 THEN arg_min(operator, register) END AS operator,
        CASE
            WHEN count(DISTINCT mark) < 2 OR count(DISTINCT lower(operator)) = 1 THEN list_sort(list(DISTINCT lower(operator)))
        END AS operator_names,
        bool_or(is_military) AS is_military,
        string_agg(DISTINCT register, ', ' ORDER BY register) FILTER (WHERE is_military) AS military_by,
        string_agg(DISTINCT register, ', ' ORDER BY register) FILTER (WHERE NOT is_military) AS civil_by,
        min(mark) AS mark
    FROM register
    GROUP BY icao24
),

-- the flag as traces carried it, the type as most often stated
flagged AS (
    SELECT
        aircraft,
        mark_of(registration) AS mark,
        arg_max(type_code, (sightings, type_code)) AS type_code,
        bool_or(is_military) AS is_military
    FROM intermediate.int_aircraft_keys
    GROUP BY ALL
),

-- a register row for the address speaks of this aircraft only if it names no other registration; joined by the address
-- alone, since DuckDB tries every pair of rows where a left join asks for more
registered AS (
    SELECT
        i.*,
        m AS by_mark,
        CASE WHEN m.mark IS NULL AND (i.mark IS NULL OR a.mark IS NULL) THEN a END AS by_address
    FROM identities AS i
    LEFT JOIN by_mark AS m ON i.aircraft = m.aircraft AND i.mark = m.mark
    LEFT JOIN by_address AS a ON i.aircraft = a.icao24
),

known AS (
    SELECT
        r.aircraft,
        r.registration,
        r.callsign_prefix,
        r.mark,
        coalesce(r.type_code, f.type_code, r.by_mark.type_code, r.by_address.type_code) AS type_code,
        coalesce(r.by_mark.operator, r.by_address.operator) AS operator,
        coalesce(r.by_mark.operator_names, r.by_address.operator_names) AS operator_names,
        coalesce(r.by_mark.is_military, r.by_address.is_military) AS is_register_military,
        coalesce(r.by_mark.military_by, r.by_address.military_by) AS military_by,
        coalesce(r.by_mark.civil_by, r.by_address.civil_by) AS civil_by,
        f.is_military AS is_flagged
    FROM registered AS r
    LEFT JOIN flagged AS f ON r.aircraft = f.aircraft AND r.mark IS NOT DISTINCT FROM f.mark
),

-- the first block that holds the address wins: small territories stand before the large block around them
countries AS (
    SELECT
        k.aircraft,
        arg_min(b.country, b.position) AS country
    FROM (SELECT DISTINCT aircraft FROM known WHERE regexp_full_match(aircraft, '[0-9a-f]{6}')) AS k
    INNER JOIN reference.icao_blocks AS b ON k.aircraft BETWEEN b.start_hex AND b.end_hex
    GROUP BY k.aircraft
),

ranges AS (
    SELECT
        k.aircraft,
        min(r.start_hex || '-' || r.end_hex) AS hexes
    FROM (SELECT DISTINCT aircraft FROM known WHERE regexp_full_match(aircraft, '[0-9a-f]{6}')) AS k
    INNER JOIN reference.military_ranges AS r ON k.aircraft BETWEEN r.start_hex AND r.end_hex
    GROUP BY k.aircraft
),

-- whoever calls it military counts, and is named; an address range only where nobody says anything
described AS (
    SELECT
        k.aircraft,
        k.registration,
        k.callsign_prefix,
        k.mark,
        k.type_code,
        k.operator,
        k.operator_names,
        t.wake,
        c.country,
        CASE
            WHEN k.is_register_military OR k.is_flagged THEN TRUE
            ELSE coalesce(k.is_register_military, k.is_flagged, CASE WHEN r.hexes IS NOT NULL THEN TRUE END)
        END AS is_military,
        CASE
            WHEN k.is_register_military OR k.is_flagged
                THEN concat_ws('; ', 'register: ' || k.military_by, CASE WHEN k.is_flagged THEN 'flag in traces' END)
            WHEN k.is_register_military IS NOT NULL THEN 'register: ' || k.civil_by
            WHEN k.is_flagged IS NOT NULL THEN 'flag in traces'
            WHEN r.hexes IS NOT NULL THEN 'address range ' || r.hexes
        END AS military_basis
    FROM known AS k
    LEFT JOIN countries AS c ON k.aircraft = c.aircraft
    LEFT JOIN ranges AS r ON k.aircraft = r.aircraft
    LEFT JOIN reference.aircraft_types AS t ON k.type_code = t.type_code
),

-- every address under which this registration was recorded
addresses AS (
    SELECT
        aircraft,
        registration,
        icao24
    FROM intermediate.int_aircraft_keys
    WHERE icao24 IS NOT NULL
    UNION
    SELECT
        aircraft,
        registration,
        aircraft AS icao24
    FROM described
),

-- rule and aircraft meet on the rule's narrowest condition, the others are looked at afterwards: lists of thousands of
-- addresses cost no more than short ones. A row with no condition describes a fleet, it does not fill it.
rules AS (
    SELECT
        *,
        mark_of(registration) AS mark,
        lower(operator) AS operator_name,
        CASE
            WHEN icao24 IS NOT NULL THEN 'address ' || icao24
            WHEN registration IS NOT NULL THEN 'mark ' || mark_of(registration)
            WHEN operator IS NOT NULL THEN 'operator ' || lower(operator)
            WHEN callsign_prefix IS NOT NULL THEN 'callsign ' || callsign_prefix
            WHEN type_code IS NOT NULL THEN 'type ' || type_code
            WHEN coalesce(registration_prefix, country, is_military::VARCHAR) IS NOT NULL THEN 'any'
        END AS handle
    FROM reference.fleets
    WHERE fleet_id NOT IN ('all', 'unidentified')
),

handles AS (
    SELECT
        aircraft,
        registration,
        callsign_prefix,
        type_code,
        country,
        is_military,
        mark,
        operator_names,
        unnest(
            list_concat(
                ['mark ' || mark, 'callsign ' || callsign_prefix, 'type ' || type_code, 'any'],
                list_transform(coalesce(operator_names, []), LAMBDA name: 'operator ' || name)
            )
        ) AS handle
    FROM described

    UNION ALL
    SELECT
        d.aircraft,
        d.registration,
        d.callsign_prefix,
        d.type_code,
        d.country,
        d.is_military,
        d.mark,
        d.operator_names,
        'address ' || a.icao24 AS handle
    FROM described AS d
    INNER JOIN addresses AS a ON d.aircraft = a.aircraft AND d.registration IS NOT DISTINCT FROM a.registration
),

memberships AS (
    SELECT
        d.aircraft,
        d.registration,
        d.callsign_prefix,
        list_sort(list(DISTINCT f.fleet_id)) AS fleets
    FROM handles AS d
    INNER JOIN rules AS f ON d.handle = f.handle
    WHERE
        (f.mark IS NULL OR f.mark = d.mark)
        AND (f.registration_prefix IS NULL OR starts_with(d.registration, f.registration_prefix))
        AND (f.callsign_prefix IS NULL OR f.callsign_prefix = d.callsign_prefix)
        AND (f.operator_name IS NULL OR list_contains(d.operator_names, f.operator_name))
        AND (f.type_code IS NULL OR f.type_code = d.type_code)
        AND (f.country IS NULL OR f.country = d.country)
        AND (f.is_military IS NULL OR f.is_military = d.is_military)
    GROUP BY d.aircraft, d.registration, d.callsign_prefix
),

-- what a record itself calls the operator identifies an aircraft of which nothing else is known
named AS (
    SELECT
        k.aircraft,
        min(r.operator) AS operator
    FROM intermediate.int_flight_records AS r
    INNER JOIN intermediate.int_aircraft_keys AS k
        ON r.icao24 IS NOT DISTINCT FROM k.icao24 AND r.registration IS NOT DISTINCT FROM k.registration
    WHERE r.registration IS NULL AND r.type_code IS NULL AND r.operator IS NOT NULL
    GROUP BY k.aircraft
)

SELECT
    d.aircraft,
    d.registration,
    d.callsign_prefix,
    d.type_code,
    d.wake,
    coalesce(d.operator, n.operator) AS operator,
    d.country,
    d.is_military,
    d.military_basis,
    list_concat(
        CASE
            WHEN coalesce(d.registration, d.type_code, d.operator, n.operator) IS NULL THEN ['all', 'unidentified']
            ELSE ['all']
        END,
        coalesce(m.fleets, [])
    ) AS fleets
FROM described AS d
LEFT JOIN memberships AS m
    ON
        d.aircraft = m.aircraft
        AND d.registration IS NOT DISTINCT FROM m.registration
        AND d.callsign_prefix IS NOT DISTINCT FROM m.callsign_prefix
LEFT JOIN named AS n ON d.aircraft = n.aircraft
