/*
grain: one row per claim of an article about a base, from the source that read most of it
key: [article_id, base_id, claim_no]
empty_without: [raw.news_claims]
columns:
  article_id: {type: VARCHAR, doc: "Article"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  claim_no: {type: INTEGER, doc: "Number of the claim among the article's claims about the base"}
  claim: {type: VARCHAR, values: [pause, resumption, flight], doc: "What is claimed"}
  fleet_id: {type: VARCHAR, doc: "Fleet meant: all, or one whose words the text holds"}
  type_code: {type: VARCHAR, doc: "ICAO type claimed"}
  claimed_count: {type: INTEGER, doc: "Flights claimed"}
  printed_type: {type: VARCHAR, doc: "Type as printed, where it is a misprint that is not believed"}
  route: {type: VARCHAR, doc: "Route claimed, as printed"}
  claimed_from: {type: DATE, unit: UTC, doc: "First day claimed"}
  claimed_to: {type: DATE, unit: UTC, doc: "Last day claimed"}
  duration_days: {type: INTEGER, unit: day, doc: "Length claimed of a pause"}
  is_rounded: {type: BOOLEAN, doc: "Whether the length or the days are a round figure"}
  verb_strength: {type: VARCHAR, values: [landed, seen_towards, claimed], doc: "How much the verb says"}
  window_basis: {type: VARCHAR, values: [stated, flights, published], doc: "Where the days come from: the sentence, the claimed flights, or the day of publication"}
  statement: {type: VARCHAR, doc: "The sentence, shortened"}
*/
WITH sized AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY source, day, article_id, base_id) AS claims_read
    FROM raw.news_claims
)

SELECT
    article_id,
    base_id,
    claim_no,
    claim,
    fleet_id,
    type_code,
    claimed_count,
    printed_type,
    route,
    claimed_from,
    claimed_to,
    duration_days,
    is_rounded,
    verb_strength,
    window_basis,
    statement
FROM sized
QUALIFY rank() OVER (PARTITION BY article_id, base_id ORDER BY claims_read DESC, source, day) = 1
