/*
grain: one row per check of the run that published this release
key: [run_id, gate, check_name, table_name]
columns:
  run_id: {type: VARCHAR, doc: "The run that checked"}
  gate: {type: VARCHAR, doc: "Suite that holds the check"}
  check_name: {type: VARCHAR, doc: "Check"}
  table_name: {type: VARCHAR, doc: "Table checked"}
  success: {type: BOOLEAN, doc: "Whether it held"}
  severity: {type: VARCHAR, values: [critical, set_aside, warning], doc: "A failed critical check refuses the publish; of set_aside the rows that fail are not published; a warning is shown"}
  rows_set_aside: {type: BIGINT, doc: "Rows that were taken out for it: quarantine/<run_id>/set_aside/<table_name>/<check_name>.parquet"}
  observed: {type: VARCHAR, doc: "What was found"}
  unexpected_count: {type: BIGINT, doc: "Rows against the rule"}
  why: {type: VARCHAR, doc: "Why the rule matters"}
  checked_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When"}
*/
SELECT
    run_id,
    gate,
    check_name,
    table_name,
    success,
    severity,
    rows_set_aside,
    observed,
    unexpected_count,
    why,
    checked_at
FROM raw.quality_results
ORDER BY table_name, gate, check_name
