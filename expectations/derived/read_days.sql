-- one row per base and day that a source of flights or news was read for in whole, by the lake's own ledger
SELECT DISTINCT s.kind, b.base_id, d.day
FROM raw.source_days AS d
INNER JOIN reference.sources AS s ON d.source = s.source
INNER JOIN reference.bases AS b
    ON d.scope = 'base:' || b.base_id
    OR (d.scope = 'global' AND s.covers = 'all_bases' AND coalesce(list_contains(d.watched, b.base_id), TRUE))
WHERE s.covers <> 'never' AND d.status IN ('ok', 'empty')
