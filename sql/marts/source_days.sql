/*
grain: one row per source, scope and UTC day that was looked at, and what came of it
key: [source, scope, day]
columns:
  source: {type: VARCHAR, doc: "Source"}
  scope: {type: VARCHAR, doc: "global, base:<id> or aircraft:<id>: what the look covered"}
  day: {type: DATE, unit: UTC, doc: "UTC calendar day"}
  status: {type: VARCHAR, values: [ok, empty, missing, partial, failed, late, expired], doc: "What came of it"}
  files: {type: INTEGER, doc: "Files read"}
  bytes: {type: BIGINT, unit: B, doc: "Their size"}
  records_read: {type: BIGINT, doc: "Records in them"}
  records_kept: {type: BIGINT, doc: "Records in the lake"}
  records_rejected: {type: BIGINT, doc: "Records put aside as unusable"}
  sha256: {type: VARCHAR, doc: "Hash of what was read"}
  chosen_copy: {type: VARCHAR, doc: "Which of several copies was read, and why"}
  ingested_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When the row was written"}
  error: {type: VARCHAR, doc: "Why the day is not ok"}
  source_detail: {type: VARCHAR, doc: "How the day was read. An archive: traces, heatmap or both, what of each, the decoder's version and how near a base it looked"}
*/
SELECT
    source,
    scope,
    day,
    status,
    files,
    bytes,
    records_read,
    records_kept,
    records_rejected,
    sha256,
    chosen_copy,
    ingested_at,
    error,
    source_detail
FROM raw.source_days
ORDER BY source, scope, day
