/*
grain: one row per source, base and UTC day for which the ledger says that the source was read there, in whole or in part
key: [source, base_id, day]
columns:
  source: {type: VARCHAR, doc: "Code of the source module"}
  kind: {type: VARCHAR, values: [flight, news, press], doc: "What it brings"}
  base_id: {type: VARCHAR, doc: "Base"}
  day: {type: DATE, doc: "UTC day"}
  is_whole: {type: BOOLEAN, doc: "Read in whole; false: in part, so that silence there proves nothing"}
  is_archive: {type: BOOLEAN, doc: "The source looks at every watched base; false: at what it was asked for, or what was declared complete"}
*/
-- What a row of the ledger means for a base. Read as a whole, an archive covers every base that was watched when it was
-- read: a base added later was not looked for, and its silence there is unknown. A query for one airport, or a declared set
-- of records, covers that base alone. A scan for listed aircraft (scope `aircraft:`) covers no base, and neither does a
-- source that never covers: a folder of chosen articles says nothing of what they do not name.
WITH readings AS (
    SELECT
        d.source,
        s.kind,
        d.scope,
        d.day,
        d.watched,
        d.status IN ('ok', 'empty') AS is_whole,
        s.covers = 'all_bases' AS is_archive
    FROM raw.source_days AS d
    INNER JOIN reference.sources AS s ON d.source = s.source
    WHERE s.covers <> 'never' AND d.status IN ('ok', 'empty', 'partial')
),

covered AS (
    SELECT
        r.source,
        r.kind,
        b.base_id,
        r.day,
        r.is_whole,
        r.is_archive
    FROM readings AS r
    CROSS JOIN reference.bases AS b
    WHERE r.is_archive AND r.scope = 'global' AND (r.watched IS NULL OR list_contains(r.watched, b.base_id))

    UNION ALL
    SELECT
        source,
        kind,
        replace(scope, 'base:', '') AS base_id,
        day,
        is_whole,
        is_archive
    FROM readings
    WHERE starts_with(scope, 'base:')
)

SELECT
    source,
    kind,
    base_id,
    day,
    bool_or(is_whole) AS is_whole,
    is_archive
FROM covered
GROUP BY source, kind, base_id, day, is_archive
