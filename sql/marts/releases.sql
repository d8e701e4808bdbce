/*
grain: one row per release kept, this one the newest
key: [release_id]
columns:
  release_id: {type: VARCHAR, doc: "Release"}
  published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When it was made"}
  run_id: {type: VARCHAR, doc: "Run that made it"}
  rows: {type: "MAP(VARCHAR, BIGINT)", doc: "Rows a table"}
  code_version: {type: VARCHAR, doc: "Version of basewatch"}
  models_sha256: {type: VARCHAR, doc: "Hash of the SQL models"}
  parameters_sha256: {type: VARCHAR, doc: "Hash of the thresholds, the reference tables and what was learnt"}
  learnt_sha256: {type: VARCHAR, doc: "Hash of what was learnt; empty where the shipped weights serve, null for a release of before it was kept"}
  as_of: {type: DATE, unit: UTC, doc: "Last day of its data"}
  accepted_because: {type: VARCHAR, doc: "Why changes without a cause were accepted, by check; null where none was"}
*/
SELECT
    release_id,
    published_at,
    run_id,
    rows,
    code_version,
    models_sha256,
    parameters_sha256,
    learnt_sha256,
    as_of,
    accepted_because
FROM raw.releases
ORDER BY published_at, release_id
