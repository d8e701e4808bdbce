-- one row per code by which a provider may name an airfield, with every code under which that field is published
SELECT code, list(DISTINCT coalesce(icao, ident)) AS published, list(DISTINCT base_id) AS base_ids
FROM (
    SELECT unnest([icao, ident]) AS code, icao, ident, base_id FROM reference.bases
    UNION ALL
    SELECT unnest([icao, ident]) AS code, icao, ident, NULL AS base_id FROM reference.fields
)
WHERE code IS NOT NULL
GROUP BY code
