/*
grain: one row per base, fleet and month of the spine, its visits, and the chance of so many at the earlier rate
key: [base_id, fleet_id, month]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  month: {type: DATE, doc: "First day of the month"}
  episodes: {type: BIGINT, doc: "Episodes that began on its observable days"}
  visits: {type: BIGINT, doc: "Visits in these episodes"}
  exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the month"}
  prior_episodes: {type: BIGINT, doc: "Episodes in the baseline before it"}
  prior_visits: {type: BIGINT, doc: "Visits in these"}
  visits_at_once: {type: DOUBLE, doc: "Visits of the episode of a visit, on average, in month and baseline; null without one"}
  prior_exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the baseline"}
  p_surge: {type: DOUBLE, doc: "Probability of at least so many visits; null below the least number of earlier episodes"}
  p_surge_scan: {type: DOUBLE, doc: "The same, corrected for how many months were looked at"}
*/
-- The mirror of int_gap_odds: the count to come is negative binomial with shape n + 1/2 and success chance T / (T + G).
-- Visits cluster, so that those that come at once count as one: visits are divided by the size of the episode that a visit
-- is in, on average. Episodes themselves cannot tell a busy month: at a field that is visited every few days there are
-- never more of them than the month has room for. The month's own episodes are in that average: one large one is no surge.
WITH months AS (
    SELECT
        base_id,
        month_of(day) AS month,
        min(day) AS first_day,
        max(day) AS last_day,
        sum(exposure) AS exposure_days,
        min(exposure_before) AS exposure_before
    FROM intermediate.int_exposure
    GROUP BY ALL
),

episodes AS (
    SELECT
        base_id,
        fleet_id,
        started_on,
        exposed_to,
        exposed_visits_to,
        exposed_squares_to
    FROM intermediate.int_episode_totals
    WHERE episode_hours = $gap_episode_hours
),

fleets AS (SELECT DISTINCT fleet_id FROM reference.fleets),

-- days that count nothing share their sum with the day after: the first of them stands for all
starts AS (
    SELECT
        base_id,
        exposure_before,
        min(day) AS day
    FROM intermediate.int_exposure
    GROUP BY base_id, exposure_before
),

baselines AS (
    SELECT
        m.base_id,
        f.fleet_id,
        m.month,
        m.first_day,
        m.last_day,
        m.exposure_days,
        x.day AS baseline_from,
        m.exposure_before - x.exposure_before AS prior_exposure_days
    FROM months AS m
    CROSS JOIN fleets AS f
    ASOF INNER JOIN starts AS x
        ON m.base_id = x.base_id AND round(m.exposure_before - $gap_baseline_days, 6) <= x.exposure_before
),

counted AS (
    SELECT
        b.*,
        coalesce(latest.exposed_to, 0) - coalesce(upto.exposed_to, 0) AS episodes,
        coalesce(latest.exposed_visits_to, 0) - coalesce(upto.exposed_visits_to, 0) AS visits,
        coalesce(upto.exposed_to, 0) - coalesce(earlier.exposed_to, 0) AS prior_episodes,
        coalesce(upto.exposed_visits_to, 0) - coalesce(earlier.exposed_visits_to, 0) AS prior_visits,
        coalesce(latest.exposed_visits_to, 0) - coalesce(earlier.exposed_visits_to, 0) AS all_visits,
        coalesce(latest.exposed_squares_to, 0) - coalesce(earlier.exposed_squares_to, 0) AS all_squares,
        count_if(b.exposure_days > 0) OVER (
            PARTITION BY b.base_id, b.fleet_id ORDER BY b.month - '2000-01-01'::DATE
            RANGE BETWEEN $gap_baseline_days PRECEDING AND CURRENT ROW
        ) AS months_looked_at
    FROM baselines AS b
    ASOF LEFT JOIN episodes AS latest
        ON b.base_id = latest.base_id AND b.fleet_id = latest.fleet_id AND b.last_day >= latest.started_on
    ASOF LEFT JOIN episodes AS upto
        ON b.base_id = upto.base_id AND b.fleet_id = upto.fleet_id AND b.first_day > upto.started_on
    ASOF LEFT JOIN episodes AS earlier
        ON b.base_id = earlier.base_id AND b.fleet_id = earlier.fleet_id AND b.baseline_from > earlier.started_on
),

-- what came at once, rounded down in the month alone: a chance is never called smaller than it is
clusters AS (
    SELECT
        *,
        all_squares / nullif(all_visits, 0) AS visits_at_once,
        coalesce(visits * all_visits // nullif(all_squares, 0), 0) AS clusters,
        coalesce(prior_visits * all_visits / nullif(all_squares, 0), 0) AS prior_clusters
    FROM counted
),

judged AS (
    SELECT
        *,
        CASE
            WHEN prior_episodes >= $gap_min_episodes AND prior_exposure_days > 0 AND exposure_days > 0
                THEN greatest(0, 1 - coalesce(list_sum(
                    list_transform(
                        range(clusters),
                        LAMBDA k: exp(
                            lgamma(k + prior_clusters + 0.5) - lgamma(k + 1) - lgamma(prior_clusters + 0.5)
                            + (prior_clusters + 0.5) * ln(prior_exposure_days / (prior_exposure_days + exposure_days))
                            + k * ln(exposure_days / (prior_exposure_days + exposure_days))
                        )
                    )
                ), 0))
        END AS p_surge
    FROM clusters
)

SELECT
    base_id,
    fleet_id,
    month,
    episodes,
    visits,
    exposure_days,
    prior_episodes,
    prior_visits,
    visits_at_once,
    prior_exposure_days,
    p_surge,
    p_of_looks(p_surge, greatest(months_looked_at, 1)) AS p_surge_scan
FROM judged
