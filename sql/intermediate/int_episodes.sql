/*
grain: one row per episode (visits of one fleet to one base that fall into the stated hours)
key: [base_id, fleet_id, episode_hours, started_on, episode_no]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  episode_hours: {type: INTEGER, unit: h, doc: "Length of an episode, and the silence that separates two"}
  episode_no: {type: BIGINT, doc: "Running number at this base"}
  started_on: {type: DATE, doc: "Day of the first visit"}
  visits: {type: BIGINT, doc: "Visits in it"}
*/
-- Visits cluster (a rotation is an arrival, a hop and a return): significance is judged on episodes, not on visits.
WITH settings AS (
    SELECT unnest(list_distinct(list_append($gap_sensitivity_episode_hours, $gap_episode_hours))) AS episode_hours
),

ordered AS (
    SELECT
        v.base_id,
        v.fleet_id,
        v.visit_id,
        v.first_evidence_at,
        v.first_on,
        max(v.last_evidence_at) OVER (
            PARTITION BY v.base_id, v.fleet_id
            ORDER BY v.first_evidence_at, v.visit_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS busy_until
    FROM intermediate.int_fleet_visits AS v
),

chained AS (
    SELECT
        o.base_id,
        o.fleet_id,
        s.episode_hours,
        o.visit_id,
        o.first_on,
        o.first_evidence_at,
        count(*) FILTER (
            WHERE o.busy_until IS NULL OR o.first_evidence_at - o.busy_until > to_hours(s.episode_hours)
        ) OVER (
            PARTITION BY o.base_id, o.fleet_id, s.episode_hours
            ORDER BY o.first_evidence_at, o.visit_id
            ROWS UNBOUNDED PRECEDING
        ) AS chain_no
    FROM ordered AS o
    CROSS JOIN settings AS s
),

-- a field that is visited daily would be one endless chain: each further span of the hours of a chain is an episode more
pieces AS (
    SELECT
        *,
        epoch(first_evidence_at - min(first_evidence_at) OVER (PARTITION BY base_id, fleet_id, episode_hours, chain_no))
        // (3600 * episode_hours) AS piece_no
    FROM chained
)

SELECT
    base_id,
    fleet_id,
    episode_hours,
    row_number() OVER (PARTITION BY base_id, fleet_id, episode_hours ORDER BY min(first_evidence_at), chain_no) AS episode_no,
    min(first_on) AS started_on,
    count(*) AS visits
FROM pieces
GROUP BY base_id, fleet_id, episode_hours, chain_no, piece_no
