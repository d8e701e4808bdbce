/*
grain: one row per table, base, fleet, month, sort of change and cause, against the release before
key: [table_name, base_id, fleet_id, month, change, cause]
columns:
  table_name: {type: VARCHAR, doc: "Table whose rows changed"}
  base_id: {type: VARCHAR, doc: "Watched base; all where the table knows none"}
  fleet_id: {type: VARCHAR, doc: "Fleet; all where the table knows none"}
  month: {type: DATE, unit: UTC, doc: "First day of the month of the first evidence, day or date of the rows"}
  change: {type: VARCHAR, values: [added, removed, altered], doc: "What came of the rows; altered: also where late data moved a stay to another identifier"}
  cause: {type: VARCHAR, values: [new_source_day, late_source_day, restated_source_day, withdrawn, reference, parameter, code, learnt, as_of, unexplained], doc: "Why: a source-day that moved, an edit of a table or a setting, the code, what was learnt anew, the passing of time, or nothing that is known"}
  rows: {type: BIGINT, doc: "How many rows"}
  source_days: {type: "VARCHAR[]", doc: "Source-days that explain them, at most 20"}
  examples: {type: "VARCHAR[]", doc: "Keys of changed rows, at most 5"}
  accepted_because: {type: VARCHAR, doc: "Why the operator accepts a change without a cause; null where none was accepted"}
*/
SELECT
    table_name,
    base_id,
    fleet_id,
    month,
    change,
    cause,
    rows,
    source_days,
    examples,
    accepted_because
FROM raw.release_changes
ORDER BY table_name, base_id, fleet_id, month, change, cause
