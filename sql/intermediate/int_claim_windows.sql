/*
grain: one row per claim of an article about a base, with the days that speak for or against it
key: [article_id, base_id, claim_no]
empty_without: [staging.stg_news__claims]
columns:
  article_id: {type: VARCHAR, doc: "Article"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  claim_no: {type: INTEGER, doc: "Number of the claim in the article"}
  claim: {type: VARCHAR, values: [pause, resumption, flight], doc: "What is claimed"}
  fleet_id: {type: VARCHAR, doc: "Fleet meant"}
  type_code: {type: VARCHAR, doc: "Type claimed"}
  claimed_count: {type: INTEGER, doc: "Flights claimed"}
  route: {type: VARCHAR, doc: "Route claimed"}
  claimed_from: {type: DATE, doc: "First day claimed"}
  claimed_to: {type: DATE, doc: "Last day claimed"}
  silent_from: {type: DATE, doc: "First day that the claim says was without flights; null where it says so of none"}
  silent_to: {type: DATE, doc: "Last such day"}
  core_from: {type: DATE, doc: "The same, less what rounding of the claimed length may cover"}
  core_to: {type: DATE, doc: "The same"}
*/
-- A claimed pause runs from the claimed resumption back by its stated length. "Nearly", "about" and months instead of
-- days trim $claim_trim_share off each end of what a visit must fall into to contradict it.
WITH claims AS (
    SELECT * FROM staging.stg_news__claims
),

pauses AS (
    SELECT
        article_id,
        base_id,
        arg_min(claimed_from, claim_no) AS silent_from,
        arg_min(claimed_to, claim_no) AS silent_to,
        arg_min(coalesce(is_rounded, FALSE), claim_no) AS is_rounded
    FROM claims
    WHERE claim = 'pause' AND claimed_from IS NOT NULL AND claimed_to IS NOT NULL
    GROUP BY article_id, base_id
),

spans AS (
    SELECT
        c.*,
        CASE c.claim
            WHEN 'pause' THEN c.claimed_from
            WHEN 'resumption'
                THEN coalesce(p.silent_from, (c.claimed_from - $claim_quiet_days::INTEGER)::DATE)
        END AS silent_from,
        CASE c.claim
            WHEN 'pause' THEN c.claimed_to
            WHEN 'resumption' THEN coalesce(p.silent_to, (c.claimed_from - 1)::DATE)
        END AS silent_to,
        CASE WHEN c.claim = 'resumption' THEN coalesce(p.is_rounded, FALSE) ELSE c.is_rounded END AS is_trimmed
    FROM claims AS c
    LEFT JOIN pauses AS p ON c.article_id = p.article_id AND c.base_id = p.base_id
)

SELECT
    article_id,
    base_id,
    claim_no,
    claim,
    fleet_id,
    type_code,
    claimed_count,
    route,
    claimed_from,
    claimed_to,
    silent_from,
    silent_to,
    (silent_from + CASE WHEN is_trimmed THEN floor((silent_to - silent_from + 1) * $claim_trim_share) ELSE 0 END::INTEGER)::DATE
        AS core_from,
    (silent_to - CASE WHEN is_trimmed THEN floor((silent_to - silent_from + 1) * $claim_trim_share) ELSE 0 END::INTEGER)::DATE
        AS core_to
FROM spans
