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
-- Visits with no more than the hours of silence between them are one chain. A field that is visited daily would be one
-- endless chain: each further span of the hours of a chain is an episode more. Within one day no silence is as long as
-- an episode (at least 24 hours), so chains are found among days; only days that a span's end divides are counted by visit.
WITH settings AS (
    SELECT unnest(list_distinct(list_append($gap_sensitivity_episode_hours, $gap_episode_hours))) AS episode_hours
),

ordered AS (
    SELECT
        base_id,
        fleet_id,
        day,
        visits,
        epoch_us(began_at) AS began_us,
        epoch_us(last_began_at) AS last_began_us,
        max(epoch_us(busy_until_at)) OVER (
            PARTITION BY base_id, fleet_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS busy_until_us
    FROM intermediate.int_fleet_days
),

chained AS (
    SELECT
        o.base_id,
        o.fleet_id,
        o.day,
        o.visits,
        o.began_us,
        o.last_began_us,
        s.episode_hours,
        s.episode_hours * 3600000000 AS span_us,
        max(
            CASE
                WHEN coalesce(o.began_us - o.busy_until_us > s.episode_hours * 3600000000, TRUE) THEN o.began_us
            END
        ) OVER (
            PARTITION BY o.base_id, o.fleet_id, s.episode_hours ORDER BY o.day ROWS UNBOUNDED PRECEDING
        ) AS chain_us
    FROM ordered AS o
    CROSS JOIN settings AS s
),

pieces AS (
    SELECT
        base_id,
        fleet_id,
        episode_hours,
        chain_us,
        (began_us - chain_us) // span_us AS piece_no,
        day,
        visits
    FROM chained
    WHERE (began_us - chain_us) // span_us = (last_began_us - chain_us) // span_us

    UNION ALL
    SELECT
        c.base_id,
        c.fleet_id,
        c.episode_hours,
        c.chain_us,
        (epoch_us(v.first_evidence_at) - c.chain_us) // c.span_us AS piece_no,
        c.day,
        1 AS visits
    FROM chained AS c
    INNER JOIN intermediate.int_fleet_visits AS v
        ON c.base_id = v.base_id AND c.fleet_id = v.fleet_id AND c.day = v.first_on
    WHERE (c.began_us - c.chain_us) // c.span_us < (c.last_began_us - c.chain_us) // c.span_us
)

SELECT
    base_id,
    fleet_id,
    episode_hours,
    row_number() OVER (PARTITION BY base_id, fleet_id, episode_hours ORDER BY chain_us, piece_no) AS episode_no,
    min(day) AS started_on,
    sum(visits) AS visits
FROM pieces
GROUP BY base_id, fleet_id, episode_hours, chain_us, piece_no
