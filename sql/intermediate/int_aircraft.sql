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
  is_military: {type: BOOLEAN, doc: "Whether the register lists it as military, null where no register knows it"}
  military_basis: {type: VARCHAR, doc: "What said so"}
  fleets: {type: "VARCHAR[]", doc: "Fleets that it belongs to under this callsign"}
*/
-- Identity by registration first, by address where no registration is recorded: addresses are re-used and re-issued.
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
        k.aircraft,
        k.registration,
        NULL AS callsign_prefix,
        NULL AS type_code
    FROM intermediate.int_aircraft_keys AS k
),

identities AS (
    SELECT
        aircraft,
        registration,
        callsign_prefix,
        max(type_code) AS type_code,
        replace(registration, '-', '') AS mark
    FROM recorded
    GROUP BY ALL
),

register AS (
    SELECT
        icao24,
        replace(upper(registration), '-', '') AS mark,
        type_code,
        operator,
        is_military,
        register
    FROM reference.aircraft
),

by_mark AS (
    SELECT
        mark,
        arg_min(type_code, (icao24, register)) AS type_code,
        arg_min(operator, (icao24, register)) AS operator,
        bool_or(is_military) AS is_military,
        arg_min(register, (is_military IS NOT TRUE, register)) AS register
    FROM register
    WHERE mark IS NOT NULL
    GROUP BY mark
),

by_address AS (
    SELECT
        icao24,
        arg_min(type_code, (coalesce(mark, ''), register)) AS type_code,
        arg_min(operator, (coalesce(mark, ''), register)) AS operator,
        bool_or(is_military) AS is_military,
        arg_min(register, (is_military IS NOT TRUE, register)) AS register,
        min(mark) AS mark
    FROM register
    GROUP BY icao24
),

known AS (
    SELECT
        i.aircraft,
        i.registration,
        i.callsign_prefix,
        i.mark,
        coalesce(i.type_code, m.type_code, a.type_code) AS type_code,
        coalesce(m.operator, a.operator) AS operator,
        coalesce(m.is_military, a.is_military) AS is_military,
        coalesce(m.register, a.register) AS register
    FROM identities AS i
    LEFT JOIN by_mark AS m ON i.mark = m.mark
    -- a register row for the address speaks of this aircraft only if it names no other registration
    LEFT JOIN by_address AS a
        ON i.aircraft = a.icao24 AND m.mark IS NULL AND (i.mark IS NULL OR a.mark IS NULL)
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

described AS (
    SELECT
        k.*,
        t.wake,
        c.country
    FROM known AS k
    LEFT JOIN countries AS c ON k.aircraft = c.aircraft
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
        replace(upper(registration), '-', '') AS mark,
        lower(operator) AS operator_name,
        CASE
            WHEN icao24 IS NOT NULL THEN 'address ' || icao24
            WHEN registration IS NOT NULL THEN 'mark ' || replace(upper(registration), '-', '')
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
        lower(operator) AS operator_name,
        unnest([
            'mark ' || mark,
            'operator ' || lower(operator),
            'callsign ' || callsign_prefix,
            'type ' || type_code,
            'any'
        ]) AS handle
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
        lower(d.operator) AS operator_name,
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
        AND (f.operator_name IS NULL OR f.operator_name = d.operator_name)
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
    CASE WHEN d.is_military IS NOT NULL THEN 'register: ' || d.register END AS military_basis,
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
