/*
grain: one row per base, month and pair of flight sources that both recorded something there
key: [base_id, month, source_a, source_b]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  month: {type: DATE, unit: UTC, doc: "First day of the month"}
  source_a: {type: VARCHAR, doc: "One source, the earlier in the alphabet"}
  source_b: {type: VARCHAR, doc: "The other"}
  both: {type: INTEGER, doc: 'Counted visits that both witnessed; the name is a keyword of DuckDB: write "both" in a query'}
  only_a: {type: INTEGER, doc: "Visits that the first alone witnessed"}
  only_b: {type: INTEGER, doc: "Visits that the second alone witnessed"}
*/
-- visits of one month with the same witnesses are counted first: there are few such sets, and millions of visits
WITH visits AS (
    SELECT
        base_id,
        month_of(first_on) AS month,
        sources,
        count(*) AS visits
    FROM intermediate.int_fleet_visits
    WHERE fleet_id = 'all'
    GROUP BY ALL
),

witnesses AS (
    SELECT DISTINCT
        base_id,
        month,
        unnest(sources) AS source
    FROM visits
),

pairs AS (
    SELECT
        a.base_id,
        a.month,
        a.source AS source_a,
        b.source AS source_b
    FROM witnesses AS a
    INNER JOIN witnesses AS b ON a.base_id = b.base_id AND a.month = b.month AND a.source < b.source
)

SELECT
    p.base_id,
    p.month,
    p.source_a,
    p.source_b,
    coalesce(sum(v.visits) FILTER (WHERE list_contains(v.sources, p.source_a) AND list_contains(v.sources, p.source_b)), 0) AS "both",
    coalesce(sum(v.visits) FILTER (WHERE list_contains(v.sources, p.source_a) AND NOT list_contains(v.sources, p.source_b)), 0) AS only_a,
    coalesce(sum(v.visits) FILTER (WHERE NOT list_contains(v.sources, p.source_a) AND list_contains(v.sources, p.source_b)), 0) AS only_b
FROM pairs AS p
INNER JOIN visits AS v ON p.base_id = v.base_id AND p.month = v.month
GROUP BY ALL
ORDER BY ALL
