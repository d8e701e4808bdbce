/*
grain: one row per base (or `all`) and band of probability, with what was said and how often it was right
key: [subject, base_id, band]
empty_without: [intermediate.int_hidden_stays]
columns:
  subject: {type: VARCHAR, values: [stay], doc: "What is measured: stays inferred from silences"}
  base_id: {type: VARCHAR, doc: "Watched base, or `all`"}
  band: {type: DOUBLE, doc: "Lower end of the band of probability, a tenth wide"}
  said: {type: DOUBLE, doc: "Mean of the probabilities in the band"}
  right: {type: DOUBLE, unit: share, doc: "How many of these stays took place"}
  cases: {type: INTEGER, unit: stays, doc: "How many were judged so; few cases say little"}
  is_pooled: {type: BOOLEAN, doc: "Too few were hidden at this base: the figures are of all bases"}
*/
SELECT
    'stay' AS subject,
    shown_for AS base_id,
    least(floor(10 * probability), 9) / 10 AS band,
    avg(probability::DECIMAL(18, 9)) AS said,
    avg(is_true::INTEGER) AS "right",
    count(*) AS cases,
    is_pooled
FROM intermediate.int_hidden_stays
WHERE probability IS NOT NULL
GROUP BY shown_for, is_pooled, band
ORDER BY subject, base_id, band
