/*
grain: one row per base and story that reports flights or their return
key: [base_id, story_id]
empty_without: [intermediate.int_claim_windows]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  story_id: {type: VARCHAR, doc: "Story: syndicated copies and retellings share it"}
  first_visit_at: {type: TIMESTAMPTZ, unit: UTC, doc: "First evidence of the first counted visit in the span of days that the story speaks of; null where none is on record"}
  first_published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When the first article of the story appeared"}
  lead_days: {type: DOUBLE, unit: day, doc: "How long the first visit was on record before the first article; negative where the article came first"}
*/
WITH stories AS (
    SELECT
        m.base_id,
        m.story_id,
        w.fleet_id,
        min(m.published_at) AS first_published_at,
        min(w.claimed_from) AS claimed_from,
        max(w.claimed_to) AS claimed_to
    FROM marts.news_mentions AS m
    INNER JOIN intermediate.int_claim_windows AS w ON m.article_id = w.article_id AND m.base_id = w.base_id
    WHERE w.claim IN ('flight', 'resumption') AND w.claimed_from IS NOT NULL
    GROUP BY ALL
    HAVING min(m.published_at) IS NOT NULL -- a lead is measured against a time of publication
),

visits AS (
    SELECT
        s.base_id,
        s.story_id,
        min(s.first_published_at) AS first_published_at,
        min(v.began_at) AS first_visit_at
    FROM stories AS s
    LEFT JOIN intermediate.int_fleet_days AS v
        ON
            s.base_id = v.base_id AND s.fleet_id = v.fleet_id
            AND v.day BETWEEN s.claimed_from AND s.claimed_to
    GROUP BY s.base_id, s.story_id
)

SELECT
    base_id,
    story_id,
    first_visit_at,
    first_published_at,
    epoch(first_published_at - first_visit_at) / 86400 AS lead_days
FROM visits
ORDER BY base_id, story_id
