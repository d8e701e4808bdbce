/*
grain: one row per claim of one article about one base, held against flight records alone
key: [claim_id]
empty_without: [intermediate.int_claim_windows]
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
  verdict: {type: VARCHAR, values: [corroborated, partly, contradicted, not_observable, no_data], doc: "What the record says of it; partly: what could be checked holds, and the explanation names what could not"}
  visits_recorded: {type: INTEGER, doc: "Counted visits in the claimed window; null where nobody looked and none is on record"}
  days_observable: {type: INTEGER, unit: day, doc: "Days of the claimed window that could be seen"}
  visit_ids: {type: "VARCHAR[]", doc: "The visits that are the evidence; of very many, the first by identifier"}
  explanation: {type: VARCHAR, doc: "The verdict in one sentence"}
*/
-- One reason is found for each claim, by the first rule that holds; verdict and sentence both follow from it.
-- Kept in one file: a reason, its verdict and its sentence are read side by side.
WITH claims AS (
    SELECT
        w.*,
        e.* EXCLUDE (article_id, base_id, claim_no),
        coalesce(w.claimed_count, 1) AS needed,
        coalesce(r.on_route, 0) AS on_route,
        coalesce(r.off_route, 0) AS off_route,
        r.unchecked,
        m.mention_id,
        m.published_basis,
        m.published_from,
        m.published_to,
        m.mention_id || '-' || w.claim_no AS claim_id,
        w.claimed_to - w.claimed_from + 1 AS window_days,
        w.core_to - w.core_from + 1 AS core_days
    FROM intermediate.int_claim_windows AS w
    INNER JOIN intermediate.int_claim_evidence AS e
        ON w.article_id = e.article_id AND w.base_id = e.base_id AND w.claim_no = e.claim_no
    LEFT JOIN intermediate.int_claim_routes AS r
        ON w.article_id = r.article_id AND w.base_id = r.base_id AND w.claim_no = r.claim_no
    INNER JOIN marts.news_mentions AS m ON w.article_id = m.article_id AND w.base_id = m.base_id
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

reasoned AS (
    SELECT
        c.*,
        s.gap_id,
        CASE
            WHEN (c.claimed_from IS NULL OR c.claimed_to IS NULL) AND c.published_basis = 'ambiguous' THEN 'undated_article'
            WHEN c.claimed_from IS NULL OR c.claimed_to IS NULL THEN 'undated'
            WHEN c.claim = 'flight'
                THEN
                    CASE
                        WHEN c.in_window >= c.needed AND (c.route IS NULL OR c.on_route >= c.needed) THEN 'flights_recorded'
                        WHEN c.in_window - c.off_route >= c.needed THEN 'flights_in_part'
                        WHEN c.in_window >= c.needed AND c.window_observable >= $claim_observable_share * c.window_days
                            THEN 'flights_elsewhere'
                        WHEN c.in_window >= c.needed THEN 'flights_elsewhere_unseen'
                        WHEN c.window_observable >= $claim_observable_share * c.window_days THEN 'flights_missing'
                        WHEN c.window_read = 0 AND c.in_window = 0 THEN 'flights_unread'
                        ELSE 'flights_unseen'
                    END
            WHEN c.in_core > 0 THEN 'silence_broken'
            WHEN c.core_read = 0 THEN 'silence_unread'
            WHEN c.core_observable < $claim_observable_share * c.core_days THEN 'silence_unseen'
            WHEN NOT c.has_earlier THEN 'nothing_before'
            WHEN NOT coalesce(s.fills, FALSE) THEN 'no_spell'
            WHEN c.claim = 'pause' THEN 'silence_recorded'
            WHEN c.in_window > 0 THEN 'return_recorded'
            WHEN c.window_observable >= $claim_observable_share * c.window_days THEN 'return_missing'
            ELSE 'return_unseen'
        END AS reason
    FROM claims AS c
    LEFT JOIN spells AS s ON c.claim_id = s.claim_id
),

verdicts (reason, verdict) AS (
    VALUES
    ('undated', 'no_data'),
    ('undated_article', 'no_data'),
    ('flights_recorded', 'corroborated'),
    ('flights_in_part', 'partly'),
    ('flights_elsewhere', 'contradicted'),
    ('flights_elsewhere_unseen', 'not_observable'),
    ('flights_missing', 'contradicted'),
    ('flights_unread', 'no_data'),
    ('flights_unseen', 'not_observable'),
    ('silence_broken', 'contradicted'),
    ('silence_unread', 'no_data'),
    ('silence_unseen', 'not_observable'),
    ('nothing_before', 'no_data'),
    ('no_spell', 'no_data'),
    ('silence_recorded', 'corroborated'),
    ('return_recorded', 'corroborated'),
    ('return_missing', 'contradicted'),
    ('return_unseen', 'not_observable')
),

worded AS (
    SELECT
        *,
        CASE WHEN needed = 1 THEN '1 is' ELSE needed || ' are' END AS claimed_are,
        CASE in_window WHEN 0 THEN 'No visit is' WHEN 1 THEN '1 visit is' ELSE in_window || ' visits are' END AS visits_are,
        CASE WHEN in_silence = 1 THEN '1 visit is' ELSE in_silence || ' visits are' END AS silence_visits_are,
        greatest(silence_first, silent_from) AS broken_from,
        least(silence_last, silent_to) AS broken_to
    FROM reasoned
)

SELECT
    w.claim_id,
    w.mention_id,
    w.claim,
    w.base_id,
    w.fleet_id,
    w.type_code,
    w.claimed_count,
    w.route,
    w.claimed_from,
    w.claimed_to,
    w.gap_id,
    v.verdict,
    CASE WHEN w.window_read > 0 THEN w.in_window ELSE nullif(w.in_window, 0) END AS visits_recorded,
    w.window_observable AS days_observable,
    CASE WHEN w.claim <> 'flight' AND w.in_core > 0 THEN w.silence_ids ELSE w.window_ids END AS visit_ids,
    CASE
        WHEN w.reason = 'undated' THEN 'The claim gives no dates that a record could be held against.'
        WHEN w.reason = 'undated_article'
            THEN format(
                'The date of the article can be read in more than one way, from {} to {}, so the days that the claim means are not known.',
                w.published_from::DATE, w.published_to::DATE
            )
        WHEN w.reason = 'flights_recorded'
            THEN format(
                '{} recorded {} from {} to {}, where {} claimed.',
                w.in_window, CASE WHEN w.in_window = 1 THEN 'visit' ELSE 'visits' END, w.claimed_from, w.claimed_to, w.claimed_are
            )
        WHEN w.reason = 'flights_in_part'
            THEN format(
                '{} recorded from {} to {}, where {} claimed; of the route {} this could not be checked: {}.',
                w.visits_are, w.claimed_from, w.claimed_to, w.claimed_are, w.route, w.unchecked
            )
        WHEN w.reason IN ('flights_elsewhere', 'flights_elsewhere_unseen')
            THEN format(
                '{} recorded from {} to {}, where {} claimed on the route {}, but {} of them came from or went elsewhere, and {}{} of {} days could be seen.',
                w.visits_are, w.claimed_from, w.claimed_to, w.claimed_are, w.route, w.off_route,
                CASE WHEN w.reason = 'flights_elsewhere' THEN '' ELSE 'only ' END, w.window_observable, w.window_days
            )
        WHEN w.reason = 'flights_missing'
            THEN format(
                '{} recorded from {} to {}, where {} claimed, and {} of {} days could be seen.',
                w.visits_are, w.claimed_from, w.claimed_to, w.claimed_are, w.window_observable, w.window_days
            )
        WHEN w.reason = 'silence_broken'
            THEN format(
                '{} recorded between {} and {} ({} of them from {} to {}, which no rounding of the claim covers): flights had not stopped.',
                w.silence_visits_are, w.broken_from, w.broken_to, w.in_core, w.core_from, w.core_to
            )
        WHEN w.reason = 'silence_unread'
            THEN format(
                'Nobody recorded flights from {} to {}: the claim can be neither confirmed nor denied.', w.core_from, w.core_to
            )
        WHEN w.reason = 'silence_unseen'
            THEN format(
                'Only {} of {} days from {} to {} could be seen: silence here proves nothing.',
                w.core_observable, w.core_days, w.core_from, w.core_to
            )
        WHEN w.reason = 'nothing_before'
            THEN format(
                'No earlier visit is on record, so the silence from {} to {} cannot be called a pause.', w.core_from, w.core_to
            )
        WHEN w.reason = 'no_spell'
            THEN format('No listed spell without a visit fills the days from {} to {}.', w.core_from, w.core_to)
        WHEN w.reason = 'silence_recorded'
            THEN format(
                'No visit is recorded from {} to {}, and {} of {} days could be seen.',
                w.core_from, w.core_to, w.core_observable, w.core_days
            )
        WHEN w.reason = 'return_recorded'
            THEN format(
                'No visit is recorded from {} to {}, and {} from {} to {}.',
                w.core_from, w.core_to, w.visits_are, w.claimed_from, w.claimed_to
            )
        WHEN w.reason IN ('return_missing', 'return_unseen')
            THEN format('No visit is recorded from {} to {} either.', w.claimed_from, w.claimed_to)
        WHEN w.reason IN ('flights_unread', 'flights_unseen')
            THEN format(
                '{} recorded from {} to {}, but only {} of {} days could be seen: silence here proves nothing.',
                w.visits_are, w.claimed_from, w.claimed_to, w.window_observable, w.window_days
            )
    END AS explanation
FROM worded AS w
LEFT JOIN verdicts AS v ON w.reason = v.reason
ORDER BY w.claim_id
