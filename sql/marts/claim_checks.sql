/*
grain: one row per claim of one article about one base, held against flight records alone
key: [claim_id]
columns:
  claim_id: {type: VARCHAR, doc: "Made from the mention and the number of the claim in it"}
  mention_id: {type: VARCHAR, doc: "The mention that makes it"}
  claim: {type: VARCHAR, values: [pause, resumption, flight], doc: "What is claimed"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet meant"}
  type_code: {type: VARCHAR, doc: "ICAO type claimed; null where none is"}
  claimed_count: {type: INTEGER, doc: "Flights claimed; null where no number is"}
  route: {type: VARCHAR, doc: "Route claimed; null where none is"}
  claimed_from: {type: DATE, unit: UTC, doc: "First day claimed"}
  claimed_to: {type: DATE, unit: UTC, doc: "Last day claimed"}
  gap_id: {type: VARCHAR, doc: "The spell without a visit that fits the claimed pause; null when none does"}
  verdict: {type: VARCHAR, values: [corroborated, contradicted, not_observable, no_data], doc: "What the record says of it"}
  visits_recorded: {type: INTEGER, doc: "Counted visits in the claimed window; null where nobody looked and none is on record"}
  days_observable: {type: INTEGER, unit: day, doc: "Days of the claimed window that could be seen"}
  visit_ids: {type: "VARCHAR[]", doc: "The visits that are the evidence; of very many, the first by identifier"}
  explanation: {type: VARCHAR, doc: "The verdict in one sentence"}
*/
WITH claims AS (
    SELECT
        w.*,
        m.mention_id,
        m.mention_id || '-' || w.claim_no AS claim_id
    FROM intermediate.int_claim_windows AS w
    INNER JOIN marts.news_mentions AS m ON w.article_id = m.article_id AND w.base_id = m.base_id
),

-- visits and claims of one base and fleet meet by month, and a pair of them in the first month that both touch: a range
-- over all visits of a base for every claim would be a product
claim_months AS (
    SELECT
        *,
        unnest(generate_series(
            date_trunc('month', least(claimed_from, silent_from))::TIMESTAMP,
            date_trunc('month', greatest(claimed_to, silent_to))::TIMESTAMP,
            INTERVAL 1 MONTH
        ))::DATE AS month
    FROM claims
),

asked AS (
    SELECT DISTINCT
        base_id,
        fleet_id
    FROM claims
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
        c.claim_id,
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
    GROUP BY c.claim_id
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
        c.claim_id,
        bool_or(f.first_on < c.core_from) AS has_earlier
    FROM claims AS c
    INNER JOIN firsts AS f
        ON c.base_id = f.base_id AND c.fleet_id = f.fleet_id AND (c.type_code IS NULL OR c.type_code = f.type_code)
    GROUP BY c.claim_id
),

days AS (
    SELECT
        c.claim_id,
        count(*) FILTER (WHERE d.day BETWEEN c.claimed_from AND c.claimed_to AND is_observable(d.observability))
            AS window_observable,
        count(*) FILTER (WHERE d.day BETWEEN c.claimed_from AND c.claimed_to AND d.observability <> 'missing') AS window_read,
        count(*) FILTER (WHERE d.day BETWEEN c.core_from AND c.core_to AND is_observable(d.observability))
            AS core_observable,
        count(*) FILTER (WHERE d.day BETWEEN c.core_from AND c.core_to AND d.observability <> 'missing') AS core_read
    FROM claims AS c
    INNER JOIN intermediate.int_base_days AS d
        ON c.base_id = d.base_id AND d.day BETWEEN least(c.claimed_from, c.silent_from) AND greatest(c.claimed_to, c.silent_to)
    GROUP BY c.claim_id
),

-- the spell that overlaps the claimed silence most
spells AS (
    SELECT
        c.claim_id,
        arg_max(g.gap_id, (least(g.last_day, c.silent_to) - greatest(g.first_day, c.silent_from), g.gap_id)) AS gap_id,
        bool_or(g.first_day <= c.core_from AND g.last_day >= c.core_to) AS fills
    FROM claims AS c
    INNER JOIN marts.base_gaps AS g ON c.base_id = g.base_id AND c.fleet_id = g.fleet_id
    WHERE g.first_day <= c.silent_to AND g.last_day >= c.silent_from AND c.claim <> 'flight'
    GROUP BY c.claim_id
),

measured AS (
    SELECT
        c.*,
        s.gap_id,
        coalesce(s.fills, FALSE) AS fills,
        coalesce(v.in_window, 0) AS in_window,
        coalesce(v.in_core, 0) AS in_core,
        coalesce(p.has_earlier, FALSE) AS has_earlier,
        v.silence_first,
        v.silence_last,
        coalesce(v.in_silence, 0) AS in_silence,
        coalesce(v.window_ids, []) AS window_ids,
        coalesce(v.silence_ids, []) AS silence_ids,
        coalesce(d.window_observable, 0) AS window_observable,
        coalesce(d.window_read, 0) AS window_read,
        coalesce(d.core_observable, 0) AS core_observable,
        coalesce(d.core_read, 0) AS core_read,
        c.claimed_to - c.claimed_from + 1 AS window_days,
        c.core_to - c.core_from + 1 AS core_days
    FROM claims AS c
    LEFT JOIN witnessed AS v ON c.claim_id = v.claim_id
    LEFT JOIN preceded AS p ON c.claim_id = p.claim_id
    LEFT JOIN days AS d ON c.claim_id = d.claim_id
    LEFT JOIN spells AS s ON c.claim_id = s.claim_id
),

judged AS (
    SELECT
        *,
        CASE
            WHEN claimed_from IS NULL OR claimed_to IS NULL THEN 'no_data'
            WHEN claim = 'flight'
                THEN
                    CASE
                        WHEN in_window >= coalesce(claimed_count, 1) THEN 'corroborated'
                        WHEN window_observable >= $claim_observable_share * window_days THEN 'contradicted'
                        WHEN window_read = 0 AND in_window = 0 THEN 'no_data'
                        ELSE 'not_observable'
                    END
            WHEN in_core > 0 THEN 'contradicted'
            WHEN core_read = 0 THEN 'no_data'
            WHEN core_observable < $claim_observable_share * core_days THEN 'not_observable'
            WHEN NOT has_earlier OR NOT fills THEN 'no_data'
            WHEN claim = 'pause' THEN 'corroborated'
            WHEN in_window > 0 THEN 'corroborated'
            WHEN window_observable >= $claim_observable_share * window_days THEN 'contradicted'
            ELSE 'not_observable'
        END AS verdict
    FROM measured
)

SELECT
    claim_id,
    mention_id,
    claim,
    base_id,
    fleet_id,
    type_code,
    claimed_count,
    route,
    claimed_from,
    claimed_to,
    gap_id,
    verdict,
    CASE WHEN window_read > 0 THEN in_window ELSE nullif(in_window, 0) END AS visits_recorded,
    window_observable AS days_observable,
    CASE WHEN claim <> 'flight' AND in_core > 0 THEN silence_ids ELSE window_ids END AS visit_ids,
    CASE
        WHEN claimed_from IS NULL OR claimed_to IS NULL
            THEN 'The claim gives no dates that a record could be held against.'
        WHEN claim = 'flight' AND verdict = 'corroborated'
            THEN format(
                '{} recorded {} from {} to {}, where {} claimed.',
                in_window, CASE WHEN in_window = 1 THEN 'visit' ELSE 'visits' END, claimed_from, claimed_to,
                CASE WHEN coalesce(claimed_count, 1) = 1 THEN '1 is' ELSE claimed_count || ' are' END
            )
        WHEN claim = 'flight' AND verdict = 'contradicted'
            THEN format(
                '{} recorded from {} to {}, where {} claimed, and {} of {} days could be seen.',
                CASE in_window WHEN 0 THEN 'No visit is' WHEN 1 THEN '1 visit is' ELSE in_window || ' visits are' END,
                claimed_from, claimed_to,
                CASE WHEN coalesce(claimed_count, 1) = 1 THEN '1 is' ELSE claimed_count || ' are' END,
                window_observable, window_days
            )
        WHEN claim = 'flight'
            THEN format(
                '{} recorded from {} to {}, but only {} of {} days could be seen: silence here proves nothing.',
                CASE in_window WHEN 0 THEN 'No visit is' WHEN 1 THEN '1 visit is' ELSE in_window || ' visits are' END,
                claimed_from, claimed_to, window_observable, window_days
            )
        WHEN in_core > 0
            THEN format(
                '{} recorded between {} and {} ({} of them from {} to {}, which no rounding of the claim covers): flights had not stopped.',
                CASE WHEN in_silence = 1 THEN '1 visit is' ELSE in_silence || ' visits are' END,
                silence_from_text, silence_to_text, in_core, core_from, core_to
            )
        WHEN core_read = 0
            THEN format('Nobody recorded flights from {} to {}: the claim can be neither confirmed nor denied.', core_from, core_to)
        WHEN core_observable < $claim_observable_share * core_days
            THEN format(
                'Only {} of {} days from {} to {} could be seen: silence here proves nothing.',
                core_observable, core_days, core_from, core_to
            )
        WHEN NOT has_earlier
            THEN format('No earlier visit is on record, so the silence from {} to {} cannot be called a pause.', core_from, core_to)
        WHEN NOT fills
            THEN format('No listed spell without a visit fills the days from {} to {}.', core_from, core_to)
        WHEN claim = 'pause'
            THEN format('No visit is recorded from {} to {}, and {} of {} days could be seen.', core_from, core_to, core_observable, core_days)
        WHEN verdict = 'corroborated'
            THEN format(
                'No visit is recorded from {} to {}, and {} from {} to {}.',
                core_from, core_to, CASE WHEN in_window = 1 THEN '1 visit is' ELSE in_window || ' visits are' END,
                claimed_from, claimed_to
            )
        ELSE format('No visit is recorded from {} to {} either.', claimed_from, claimed_to)
    END AS explanation
FROM (
    SELECT
        *,
        greatest(silence_first, silent_from) AS silence_from_text,
        least(silence_last, silent_to) AS silence_to_text
    FROM judged
) AS j
ORDER BY claim_id
