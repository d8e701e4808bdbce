/*
grain: one row per base (or `all`), sort of evidence and height, with how often a stay that was hidden was found again
key: [subject, base_id, evidence, height_band]
columns:
  subject: {type: VARCHAR, values: [stay], doc: "What is measured: stays inferred from silences"}
  base_id: {type: VARCHAR, doc: "Watched base, or `all`"}
  evidence: {type: VARCHAR, values: [aligned_loss, descent_loss, reappearance, inbound_only, none], doc: "Sort of evidence that was left; `none` where the base was not even listed"}
  height_band: {type: VARCHAR, values: [under_1000_ft, 1000_to_3500_ft, 3500_to_10000_ft, over_10000_ft], doc: "Height above the base at which the aircraft was lost"}
  hidden: {type: INTEGER, unit: stays, doc: "Silences that were made by hiding the ends of stays which were heard; a stay gives up to six"}
  found: {type: INTEGER, unit: stays, doc: "Those that would count as a visit of the base"}
  wrong: {type: INTEGER, unit: stays, doc: "Silences that would count as a visit of the base, and were none"}
  missed: {type: INTEGER, unit: stays, doc: "Those that would not count"}
  is_pooled: {type: BOOLEAN, doc: "Too few were hidden at this base: the figures are of all bases"}
*/
SELECT
    'stay' AS subject,
    shown_for AS base_id,
    evidence,
    height_band,
    count(*) FILTER (WHERE is_true) AS hidden,
    count(*) FILTER (WHERE is_true AND is_counted) AS found,
    count(*) FILTER (WHERE NOT is_true AND is_counted) AS wrong,
    count(*) FILTER (WHERE is_true AND NOT is_counted) AS missed,
    is_pooled
FROM intermediate.int_hidden_stays
GROUP BY shown_for, is_pooled, evidence, height_band
ORDER BY subject, base_id, evidence, height_band
