/*
grain: one row per code by which a provider may name an airfield
key: [code]
columns:
  code: {type: VARCHAR, doc: "ICAO code or OurAirports identifier"}
  icao: {type: VARCHAR, doc: "The code under which the field is published: ICAO, or else the OurAirports identifier"}
  base_id: {type: VARCHAR, doc: "The watched base; null for another field"}
  latitude: {type: DOUBLE, unit: deg, doc: "Latitude"}
  longitude: {type: DOUBLE, unit: deg, doc: "Longitude"}
*/
-- Providers name a field by either code, and many fields have no ICAO code: one field must not be published as two.
WITH places AS (
    SELECT
        icao,
        ident,
        base_id,
        latitude,
        longitude
    FROM reference.bases

    UNION ALL
    SELECT
        icao,
        ident,
        NULL AS base_id,
        latitude,
        longitude
    FROM reference.fields
),

codes AS (
    SELECT
        *,
        unnest([icao, ident]) AS code,
        unnest([1, 2]) AS choice
    FROM places
)

SELECT
    code,
    coalesce(icao, ident) AS icao,
    base_id,
    latitude,
    longitude
FROM codes
WHERE code IS NOT NULL
-- a base goes before another field at the same code, an ICAO code before an identifier that reads alike
QUALIFY row_number() OVER (PARTITION BY code ORDER BY base_id IS NULL, choice, base_id, ident) = 1
