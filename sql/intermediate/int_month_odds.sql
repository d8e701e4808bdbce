/*
grain: one row per base, fleet and month of the spine, episodes in it, and the chance of so many at the earlier rate
key: [base_id, fleet_id, month]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  month: {type: DATE, doc: "First day of the month"}
  episodes: {type: BIGINT, doc: "Episodes that began on its observable days"}
  exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the month"}
  prior_episodes: {type: BIGINT, doc: "Episodes in the baseline before it"}
  prior_exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the baseline"}
  p_surge: {type: DOUBLE, doc: "Probability of at least so many episodes; null below the least number of earlier ones"}
  p_surge_scan: {type: DOUBLE, doc: "The same, corrected for how many months were looked at"}
*/
-- The mirror of int_gap_odds: the count to come is negative binomial with shape n + 1/2 and success chance T / (T + G).
WITH months AS (
    SELECT
        base_id,
        month_of(day) AS month,
        min(day) AS first_day,
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
        exposed_episodes,
        exposed_to
    FROM intermediate.int_episode_totals
    WHERE episode_hours = $gap_episode_hours
),

begun AS (
    SELECT
        base_id,
        fleet_id,
        month_of(started_on) AS month,
        sum(exposed_episodes)::BIGINT AS episodes
    FROM episodes
    GROUP BY ALL
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
        coalesce(g.episodes, 0) AS episodes,
        coalesce(upto.exposed_to, 0) - coalesce(earlier.exposed_to, 0) AS prior_episodes,
        count_if(b.exposure_days > 0) OVER (
            PARTITION BY b.base_id, b.fleet_id ORDER BY b.month - '2000-01-01'::DATE
            RANGE BETWEEN $gap_baseline_days PRECEDING AND CURRENT ROW
        ) AS months_looked_at
    FROM baselines AS b
    LEFT JOIN begun AS g ON b.base_id = g.base_id AND b.fleet_id = g.fleet_id AND b.month = g.month
    ASOF LEFT JOIN episodes AS upto
        ON b.base_id = upto.base_id AND b.fleet_id = upto.fleet_id AND b.first_day > upto.started_on
    ASOF LEFT JOIN episodes AS earlier
        ON b.base_id = earlier.base_id AND b.fleet_id = earlier.fleet_id AND b.baseline_from > earlier.started_on
),

judged AS (
    SELECT
        *,
        CASE
            WHEN prior_episodes >= $gap_min_episodes AND prior_exposure_days > 0 AND exposure_days > 0
                THEN greatest(0, 1 - coalesce(list_sum(
                    list_transform(
                        range(episodes),
                        LAMBDA k: exp(
                            lgamma(k + prior_episodes + 0.5) - lgamma(k + 1) - lgamma(prior_episodes + 0.5)
                            + (prior_episodes + 0.5) * ln(prior_exposure_days / (prior_exposure_days + exposure_days))
                            + k * ln(exposure_days / (prior_exposure_days + exposure_days))
                        )
                    )
                ), 0))
        END AS p_surge
    FROM counted
)

SELECT
    base_id,
    fleet_id,
    month,
    episodes,
    exposure_days,
    prior_episodes,
    prior_exposure_days,
    p_surge,
    p_of_looks(p_surge, greatest(months_looked_at, 1)) AS p_surge_scan
FROM judged
