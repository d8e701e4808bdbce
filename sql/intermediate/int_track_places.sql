/*
grain: one row per airfield and square degree from which it can be reached within $track_loss_km
key: [place_id, cell]
columns:
  place_id: {type: VARCHAR, doc: "Base, or identifier of another field"}
  base_id: {type: VARCHAR, doc: "The watched base; null for another field"}
  icao: {type: VARCHAR, doc: "ICAO code, or else the OurAirports identifier"}
  name: {type: VARCHAR, doc: "Name"}
  serves: {type: VARCHAR, values: [military, civil, shared, unknown], doc: "Whom it serves"}
  latitude: {type: DOUBLE, unit: deg, doc: "Latitude"}
  longitude: {type: DOUBLE, unit: deg, doc: "Longitude"}
  elevation_ft: {type: INTEGER, unit: ft, doc: "Elevation; 0 where unknown"}
  cell: {type: INTEGER, doc: "Square degree: 360 times whole degrees of latitude plus whole degrees of longitude, both counted from the south-west corner of the world"}
*/
WITH rows_of_cells AS (
    SELECT
        *,
        unnest(range(-1, 2)) AS north
    FROM intermediate.int_fields
),

cells AS (
    SELECT
        *,
        least(5, ceil($track_loss_km / km_per_deg() / greatest(cos(radians(latitude)), 0.05)))::BIGINT AS reach
    FROM rows_of_cells
)

SELECT
    field_id AS place_id,
    base_id,
    icao,
    name,
    serves,
    latitude,
    longitude,
    elevation_ft,
    cell_of(floor(latitude)::INTEGER + north, floor(longitude)::INTEGER + unnest(range(-reach, reach + 1)))::INTEGER
        AS cell
FROM cells
