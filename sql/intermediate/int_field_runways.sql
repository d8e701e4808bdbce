/*
grain: one row per runway of a listed field
key: [field_id, runway]
columns:
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  runway: {type: VARCHAR, doc: "Its two designators"}
  heading_deg: {type: DOUBLE, unit: deg, doc: "True heading of the lower designator"}
  latitude: {type: DOUBLE, unit: deg, doc: "Latitude of its middle, or of the field where that is unknown"}
  longitude: {type: DOUBLE, unit: deg, doc: "Longitude of the same"}
*/
SELECT
    r.base_id AS field_id,
    r.le_ident || '/' || r.he_ident AS runway,
    r.heading_deg_true AS heading_deg,
    coalesce((r.le_latitude + r.he_latitude) / 2, b.latitude) AS latitude,
    coalesce(wrapped_deg(r.le_longitude + wrapped_deg(r.he_longitude - r.le_longitude) / 2), b.longitude) AS longitude
FROM reference.runways AS r
INNER JOIN reference.bases AS b ON r.base_id = b.base_id
WHERE NOT r.is_closed

UNION ALL
SELECT
    r.ident AS field_id,
    r.le_ident || '/' || r.he_ident AS runway,
    r.heading_deg_true AS heading_deg,
    coalesce((r.le_latitude + r.he_latitude) / 2, f.latitude) AS latitude,
    coalesce(wrapped_deg(r.le_longitude + wrapped_deg(r.he_longitude - r.le_longitude) / 2), f.longitude) AS longitude
FROM reference.field_runways AS r
INNER JOIN intermediate.int_fields AS f ON r.ident = f.field_id
