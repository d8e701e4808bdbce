/*
grain: one row per subject, base (or `all`), sort of evidence and height, with how often what was known and hidden was found
key: [subject, base_id, evidence, height_band]
columns:
  subject: {type: VARCHAR, values: [stay, news_base, claim], doc: "What is measured: stays inferred from silences; bases that texts name; claims that they make"}
  base_id: {type: VARCHAR, doc: "Watched base, or `all`"}
  evidence: {type: VARCHAR, values: [aligned_loss, descent_loss, reappearance, inbound_only, none, text, names_alone, pause, resumption, flight], doc: "Of a stay the sort of evidence that was left, `none` where the base was not even listed. Of a base whether its names stood in a text or alone; of a claim its sort"}
  height_band: {type: VARCHAR, values: [under_1000_ft, 1000_to_3500_ft, 3500_to_10000_ft, over_10000_ft, none], doc: "Height above the base at which the aircraft was lost; `none` of what is read in texts"}
  hidden: {type: INTEGER, doc: "Cases: silences made by hiding the ends of stays which were heard, up to six of each; names and claims of labelled texts"}
  found: {type: INTEGER, doc: "Those that would count as a visit of the base; that were read as they are labelled"}
  wrong: {type: INTEGER, doc: "Silences that would count as a visit of the base, and were none; what was read in texts that say no such thing"}
  missed: {type: INTEGER, doc: "Those that would not count; that were not read"}
  is_pooled: {type: BOOLEAN, doc: "Too few were hidden at this base: the figures are of all bases"}
*/
-- What is read in texts was measured on the labelled cases of the project, by benchmarks/news_accuracy.py.
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
UNION ALL
SELECT
    subject,
    base_id,
    evidence,
    'none' AS height_band,
    hidden,
    found,
    wrong,
    hidden - found AS missed,
    FALSE AS is_pooled
FROM reference.reading_accuracy
WHERE base_id = 'all' OR base_id IN (SELECT base_id FROM reference.bases)
ORDER BY subject, base_id, evidence, height_band
