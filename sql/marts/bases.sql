/*
grain: one row per watched place
key: [base_id]
columns:
  base_id: {type: VARCHAR, doc: "Identifier"}
  name: {type: VARCHAR, doc: "Name"}
  icao: {type: VARCHAR, doc: "ICAO location indicator; null where there is none"}
  iata: {type: VARCHAR, doc: "IATA code"}
  country: {type: VARCHAR, doc: "ISO 3166-1 alpha-2"}
  kind: {type: VARCHAR, values: [air, naval], doc: "Sort of base"}
  latitude: {type: DOUBLE, unit: degree, doc: "WGS-84"}
  longitude: {type: DOUBLE, unit: degree, doc: "WGS-84"}
  elevation_ft: {type: DOUBLE, unit: ft, doc: "Field elevation; null where unknown"}
  is_shared_with_civil: {type: BOOLEAN, doc: "Civil flights use the same runways"}
  aliases: {type: "VARCHAR[]", doc: "Names under which texts speak of it"}
*/
SELECT
    b.base_id,
    b.name,
    b.icao,
    b.iata,
    b.country,
    b.kind,
    b.latitude,
    b.longitude,
    b.elevation_ft,
    b.is_shared_with_civil,
    coalesce(list_sort(list(DISTINCT k.alias) FILTER (WHERE k.alias IS NOT NULL)), []) AS aliases
FROM reference.bases AS b
LEFT JOIN reference.keywords AS k ON b.base_id = k.base_id AND k.role = 'name'
GROUP BY ALL
ORDER BY b.base_id
