/*
grain: one row per registration on record and address under which a record or a register gives it
key: [mark, icao24]
columns:
  mark: {type: VARCHAR, doc: "Registration without hyphens"}
  icao24: {type: VARCHAR, doc: "Address"}
  airframe: {type: VARCHAR, doc: "Addresses of one registration with the same value are one airframe"}
  aircraft: {type: VARCHAR, doc: "Key of the airframe; null where its address is not on record and several registers' addresses stand for it"}
  type_code: {type: VARCHAR, doc: "ICAO type designator: as recorded, else by a register"}
  is_recorded: {type: BOOLEAN, doc: "Whether a record or trace states an address of the airframe; false: registers alone"}
*/
-- One airframe can stand under two addresses (RA-85563: 149C77 in flight records, 154E3B in a register). Its
-- registration ties them, but only within the address block of one country and one aircraft type: air forces number
-- their aircraft alike (the French PC-21, NH90 and Atlantique 16 are three), and marks are given again. The address
-- most often on record is the key.
WITH borne AS (
    SELECT
        of_mark AS mark,
        icao24,
        sightings,
        type_code,
        0 AS rank
    FROM intermediate.int_aircraft_statements
    WHERE of_mark IS NOT NULL AND icao24 IS NOT NULL

    UNION ALL
    SELECT
        mark_of(a.registration) AS mark,
        a.icao24,
        0 AS sightings,
        a.type_code,
        1 AS rank
    FROM reference.aircraft AS a
    SEMI JOIN intermediate.int_aircraft_statements AS s ON mark_of(a.registration) = s.of_mark
),

addresses AS (
    SELECT
        mark,
        icao24,
        sum(sightings) AS sightings,
        arg_min(type_code, (rank, -sightings, type_code)) AS type_code
    FROM borne
    GROUP BY mark, icao24
),

several AS (
    SELECT
        a.mark,
        a.icao24,
        min(b.position) AS block
    FROM addresses AS a
    SEMI JOIN (
        SELECT mark FROM addresses
        GROUP BY mark
        HAVING count(*) > 1
    ) AS s ON a.mark = s.mark
    LEFT JOIN reference.icao_blocks AS b ON a.icao24 BETWEEN b.start_hex AND b.end_hex
    GROUP BY a.mark, a.icao24
),

framed AS (
    SELECT
        a.mark,
        a.icao24,
        a.sightings,
        a.type_code,
        a.mark AS airframe
    FROM addresses AS a
    ANTI JOIN several AS s ON a.mark = s.mark

    UNION ALL
    SELECT
        a.mark,
        a.icao24,
        a.sightings,
        a.type_code,
        -- an address of no known type goes with the commonest of its country; one in no block is by itself
        concat_ws(
            ' ',
            a.mark,
            coalesce(s.block::VARCHAR, a.icao24),
            coalesce(a.type_code, arg_max(a.type_code, (a.sightings, a.type_code)) OVER (PARTITION BY a.mark, s.block))
        ) AS airframe
    FROM addresses AS a
    INNER JOIN several AS s ON a.mark = s.mark AND a.icao24 = s.icao24
),

keyed AS (
    SELECT
        airframe,
        mark,
        sum(sightings) > 0 AS is_recorded,
        CASE
            WHEN sum(sightings) > 0 THEN arg_max(icao24, (sightings, icao24))
            WHEN count(*) = 1 THEN min(icao24)
        END AS icao24
    FROM framed
    GROUP BY airframe, mark
),

spelling_of_mark AS (
    SELECT
        mark,
        arg_max(registration, (sightings, registration)) AS registration
    FROM intermediate.int_aircraft_statements
    WHERE mark IS NOT NULL
    GROUP BY mark
),

airframes_of_mark AS (
    SELECT
        mark,
        count(*) AS airframes
    FROM keyed
    GROUP BY mark
)

SELECT
    f.mark,
    f.icao24,
    f.airframe,
    coalesce(k.icao24, CASE WHEN n.airframes = 1 THEN 'reg:' || s.registration END) AS aircraft,
    f.type_code,
    k.is_recorded
FROM framed AS f
INNER JOIN keyed AS k ON f.airframe = k.airframe
INNER JOIN airframes_of_mark AS n ON f.mark = n.mark
LEFT JOIN spelling_of_mark AS s ON f.mark = s.mark
