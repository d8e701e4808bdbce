/*
grain: one row per airfield and square degree from which it can be reached within $silence_reach_nm
key: [field_id, cell]
columns:
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  cell: {type: INTEGER, doc: "Square degree, see macro cell_of"}
*/
WITH rows_of_cells AS (
    SELECT
        field_id,
        latitude,
        longitude,
        unnest(range(-ceil($silence_reach_nm / 60)::BIGINT, ceil($silence_reach_nm / 60)::BIGINT + 1)) AS north
    FROM intermediate.int_fields
),

cells AS (
    SELECT
        *,
        least(180, ceil($silence_reach_nm / 60 / greatest(cos(radians(abs(latitude) + abs(north))), 0.05)))::BIGINT AS reach
    FROM rows_of_cells
)

SELECT DISTINCT
    field_id,
    cell_of(floor(latitude)::INTEGER + north, floor(longitude)::INTEGER + unnest(range(-reach, reach + 1)))::INTEGER
        AS cell
FROM cells
