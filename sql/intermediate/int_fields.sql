/*
grain: one row per airfield on which an aircraft may land, the watched bases and all others on the list
key: [field_id]
columns:
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  base_id: {type: VARCHAR, doc: "The watched base; null for another field"}
  name: {type: VARCHAR, doc: "Name"}
  icao: {type: VARCHAR, doc: "ICAO code, or else the OurAirports identifier"}
  serves: {type: VARCHAR, values: [military, civil, shared, unknown], doc: "Whom it serves"}
  latitude: {type: DOUBLE, unit: deg, doc: "Latitude"}
  longitude: {type: DOUBLE, unit: deg, doc: "Longitude"}
  elevation_ft: {type: INTEGER, unit: ft, doc: "Elevation; 0 where unknown"}
*/
SELECT
    base_id AS field_id,
    base_id,
    name,
    coalesce(icao, ident) AS icao,
    CASE WHEN is_shared_with_civil THEN 'shared' ELSE 'military' END AS serves,
    latitude,
    longitude,
    coalesce(elevation_ft, 0)::INTEGER AS elevation_ft
FROM reference.bases
WHERE kind = 'air'

UNION ALL
SELECT
    f.ident AS field_id,
    NULL AS base_id,
    f.name,
    coalesce(f.icao, f.ident) AS icao,
    f.serves,
    f.latitude,
    f.longitude,
    coalesce(f.elevation_ft, 0)::INTEGER AS elevation_ft
FROM reference.fields AS f
-- a field that is itself watched stands there once
WHERE NOT EXISTS (
    SELECT 1
    FROM reference.bases AS b
    WHERE
        b.kind = 'air'
        AND abs(km_of_deg(b.latitude - f.latitude)) < $track_on_field_km
        AND abs(km_of_deg(east_deg(b.longitude - f.longitude, f.latitude))) < $track_on_field_km
)
