/*
grain: one row per claim of an article about a base, with what counted visits and looked-at days have to say of its days
key: [article_id, base_id, claim_no]
empty_without: [intermediate.int_claim_windows]
columns:
  article_id: {type: VARCHAR, doc: "Article"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  claim_no: {type: INTEGER, doc: "Number of the claim in the article"}
  in_window: {type: BIGINT, doc: "Visits of the fleet and type meant that began in the claimed days"}
  window_ids: {type: "VARCHAR[]", doc: "Of these, the first by identifier"}
  in_silence: {type: BIGINT, doc: "Visits present on any of the days that the claim says were without flights"}
  silence_first: {type: DATE, doc: "First day of the first of them"}
  silence_last: {type: DATE, doc: "Last day of the last of them"}
  silence_ids: {type: "VARCHAR[]", doc: "Of these, the first by identifier"}
  in_core: {type: BIGINT, doc: "Visits present on the days that no rounding of the claimed length covers"}
  has_earlier: {type: BOOLEAN, doc: "A visit is on record before those days"}
  window_observable: {type: BIGINT, unit: day, doc: "Claimed days that could be seen"}
  window_read: {type: BIGINT, unit: day, doc: "Claimed days that somebody looked at, in whole"}
  core_observable: {type: BIGINT, unit: day, doc: "Days without flights, less rounding, that could be seen"}
  core_read: {type: BIGINT, unit: day, doc: "The same, that somebody looked at, in whole"}
*/
-- Visits and claims of one base and fleet meet by month, and a pair of them in the first month that both touch: a range
-- over all visits of a base for every claim would be a product.
WITH claim_months AS (
    SELECT
        *,
        unnest(generate_series(
            date_trunc('month', least(claimed_from, silent_from))::TIMESTAMP,
            date_trunc('month', greatest(claimed_to, silent_to))::TIMESTAMP,
            INTERVAL 1 MONTH
        ))::DATE AS month
    FROM intermediate.int_claim_windows
),

asked AS (
    SELECT DISTINCT
        base_id,
        fleet_id
    FROM intermediate.int_claim_windows
),

visits AS (
    SELECT
        v.visit_id,
        v.base_id,
        v.fleet_id,
        v.type_code,
        v.first_on,
        v.last_on,
        month_of(v.first_on) AS first_month,
        month_of(v.last_on) AS last_month
    FROM intermediate.int_fleet_visits AS v
    SEMI JOIN asked AS a ON v.base_id = a.base_id AND v.fleet_id = a.fleet_id
),

visit_months AS (
    SELECT
        *,
        first_month AS month
    FROM visits
    UNION ALL
    SELECT
        *,
        unnest(generate_series(first_month::TIMESTAMP + INTERVAL 1 MONTH, last_month::TIMESTAMP, INTERVAL 1 MONTH))::DATE AS month
    FROM visits
    WHERE last_month > first_month
),

-- visits of the fleet and type meant; a stay counts for a window by its first evidence, and against a silence by any day of it
witnessed AS (
    SELECT
        c.article_id,
        c.base_id,
        c.claim_no,
        count(*) FILTER (WHERE v.first_on BETWEEN c.claimed_from AND c.claimed_to) AS in_window,
        count(*) FILTER (WHERE v.first_on <= c.core_to AND v.last_on >= c.core_from) AS in_core,
        min(v.first_on) FILTER (WHERE v.first_on <= c.silent_to AND v.last_on >= c.silent_from) AS silence_first,
        max(v.last_on) FILTER (WHERE v.first_on <= c.silent_to AND v.last_on >= c.silent_from) AS silence_last,
        count(*) FILTER (WHERE v.first_on <= c.silent_to AND v.last_on >= c.silent_from) AS in_silence,
        -- a list of all that land at a busy field within months helps nobody: the counts are of all, the list is of the first
        min(v.visit_id, $claim_evidence_max) FILTER (WHERE v.first_on BETWEEN c.claimed_from AND c.claimed_to)
            AS window_ids,
        min(v.visit_id, $claim_evidence_max) FILTER (WHERE v.first_on <= c.silent_to AND v.last_on >= c.silent_from)
            AS silence_ids
    FROM claim_months AS c
    INNER JOIN visit_months AS v ON c.base_id = v.base_id AND c.fleet_id = v.fleet_id AND c.month = v.month
    WHERE
        (c.type_code IS NULL OR c.type_code = v.type_code)
        AND c.month = greatest(v.first_month, month_of(least(c.claimed_from, c.silent_from)))
    GROUP BY c.article_id, c.base_id, c.claim_no
),

firsts AS (
    SELECT
        base_id,
        fleet_id,
        type_code,
        min(first_on) AS first_on
    FROM visits
    GROUP BY ALL
),

preceded AS (
    SELECT
        c.article_id,
        c.base_id,
        c.claim_no,
        bool_or(f.first_on < c.core_from) AS has_earlier
    FROM intermediate.int_claim_windows AS c
    INNER JOIN firsts AS f
        ON c.base_id = f.base_id AND c.fleet_id = f.fleet_id AND (c.type_code IS NULL OR c.type_code = f.type_code)
    GROUP BY c.article_id, c.base_id, c.claim_no
),

days AS (
    SELECT
        c.article_id,
        c.base_id,
        c.claim_no,
        count(*) FILTER (WHERE d.day BETWEEN c.claimed_from AND c.claimed_to AND is_observable(d.observability))
            AS window_observable,
        count(*) FILTER (WHERE d.day BETWEEN c.claimed_from AND c.claimed_to AND d.observability <> 'missing') AS window_read,
        count(*) FILTER (WHERE d.day BETWEEN c.core_from AND c.core_to AND is_observable(d.observability))
            AS core_observable,
        count(*) FILTER (WHERE d.day BETWEEN c.core_from AND c.core_to AND d.observability <> 'missing') AS core_read
    FROM intermediate.int_claim_windows AS c
    INNER JOIN intermediate.int_base_days AS d
        ON c.base_id = d.base_id AND d.day BETWEEN least(c.claimed_from, c.silent_from) AND greatest(c.claimed_to, c.silent_to)
    GROUP BY c.article_id, c.base_id, c.claim_no
)

SELECT
    c.article_id,
    c.base_id,
    c.claim_no,
    coalesce(v.in_window, 0) AS in_window,
    coalesce(v.window_ids, []) AS window_ids,
    coalesce(v.in_silence, 0) AS in_silence,
    v.silence_first,
    v.silence_last,
    coalesce(v.silence_ids, []) AS silence_ids,
    coalesce(v.in_core, 0) AS in_core,
    coalesce(p.has_earlier, FALSE) AS has_earlier,
    coalesce(d.window_observable, 0) AS window_observable,
    coalesce(d.window_read, 0) AS window_read,
    coalesce(d.core_observable, 0) AS core_observable,
    coalesce(d.core_read, 0) AS core_read
FROM intermediate.int_claim_windows AS c
LEFT JOIN witnessed AS v ON c.article_id = v.article_id AND c.base_id = v.base_id AND c.claim_no = v.claim_no
LEFT JOIN preceded AS p ON c.article_id = p.article_id AND c.base_id = p.base_id AND c.claim_no = p.claim_no
LEFT JOIN days AS d ON c.article_id = d.article_id AND c.base_id = d.base_id AND c.claim_no = d.claim_no
