/*
grain: one row per inferred visit, explanation of its silence and term, with what the term speaks for it
key: [visit_id, explanation, term]
empty_without: [intermediate.int_visit_terms]
columns:
  visit_id: {type: VARCHAR, doc: "Visit"}
  explanation: {type: VARCHAR, doc: "What the silence may have been: a landing at the base, or at another field"}
  term: {type: VARCHAR, doc: "What was weighed; two terms joined by ` x ` are weighed together"}
  value: {type: DOUBLE, doc: "Its reading, in the unit of int_silence_terms; null where unknown, and for a pair"}
  points: {type: DOUBLE, unit: log-odds, doc: "For the explanation; negative against it. With those of `constant` they add up to the log-odds of the explanation"}
*/
SELECT
    visit_id,
    'a landing at ' || field_name || ' (' || field_id || ')' AS explanation,
    term,
    value,
    points
FROM intermediate.int_visit_terms
ORDER BY visit_id, explanation, term
