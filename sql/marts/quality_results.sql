/*
grain: one row per check of the run that published this release
key: [run_id, gate, check_name, table_name]
columns:
  run_id: {type: VARCHAR, doc: "The run that checked"}
  gate: {type: VARCHAR, doc: "Suite that holds the check"}
  check_name: {type: VARCHAR, doc: "Check"}
  table_name: {type: VARCHAR, doc: "Table checked"}
  success: {type: BOOLEAN, doc: "Whether it held"}
  severity: {type: VARCHAR, values: [critical, warning], doc: "A failed critical check refuses the publish"}
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
    observed,
    unexpected_count,
    why,
    checked_at
FROM raw.quality_results
ORDER BY table_name, gate, check_name
