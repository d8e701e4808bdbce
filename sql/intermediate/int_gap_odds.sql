/*
grain: one row per spell without a visit and pair of settings (episode hours, baseline days)
key: [base_id, fleet_id, first_day, episode_hours, baseline_days]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  first_day: {type: DATE, doc: "First day of the spell"}
  episode_hours: {type: INTEGER, unit: h, doc: "Setting: longest silence inside an episode"}
  baseline_days: {type: INTEGER, unit: day, doc: "Setting: exposure looked back at, at most"}
  baseline_from: {type: DATE, doc: "First day of the baseline"}
  prior_episodes: {type: BIGINT, doc: "Episodes in the baseline that began on observable days"}
  prior_visits: {type: BIGINT, doc: "Visits in them"}
  prior_exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the baseline"}
  gap_exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the spell"}
  silences_looked_at: {type: BIGINT, doc: "Silences that the whole record offers: its episodes, had they gone on at the earlier rate through this spell"}
  p_quiet: {type: DOUBLE, doc: "Probability of such silence at the earlier rate; null below the least number of episodes"}
  p_quiet_scan: {type: DOUBLE, doc: "The same, corrected for how many spells were looked at"}
*/
-- Gamma-Poisson: n episodes in T days of exposure, a Gamma(1/2) prior on the rate; the chance of none in G more days is
-- (T / (T + G)) ^ (n + 1/2). The rate's own uncertainty is in it, so short histories make no certain pauses.
-- A record of many episodes offers as many silences, and the longest is looked at because it is long: all of them count as
-- looks, however short they were. To count only long ones lets chance through (benchmarks/accuracy.py, docs/method.md).
WITH settings AS (
    SELECT
        h.episode_hours,
        b.baseline_days
    FROM
        (SELECT unnest(list_distinct(list_append($gap_sensitivity_episode_hours, $gap_episode_hours))) AS episode_hours)
            AS h
    CROSS JOIN
        (SELECT unnest(list_distinct(list_append($gap_sensitivity_baseline_days, $gap_baseline_days))) AS baseline_days)
            AS b
),

-- the running totals at both ends of a spell, read in one join: two joins on base and day can be reordered into a
-- product of all days of a base with each other
windows AS (
    SELECT
        s.base_id,
        s.fleet_id,
        s.first_day,
        s.last_visit_on,
        max(x.exposure_to) FILTER (WHERE x.day = s.last_visit_on) AS exposure_to_start,
        max(x.exposure_to) FILTER (WHERE x.day = s.last_day)
        - max(x.exposure_to) FILTER (WHERE x.day = s.last_visit_on) AS gap_exposure_days
    FROM (
        SELECT
            *,
            unnest([last_visit_on, last_day]) AS day
        FROM intermediate.int_spells
    ) AS s
    INNER JOIN intermediate.int_exposure AS x ON s.base_id = x.base_id AND s.day = x.day
    GROUP BY s.base_id, s.fleet_id, s.first_day, s.last_visit_on
),

wanted AS (
    SELECT
        w.*,
        t.episode_hours,
        t.baseline_days,
        round(w.exposure_to_start - t.baseline_days, 6) AS wanted_from
    FROM windows AS w
    CROSS JOIN settings AS t
),

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
        w.*,
        x.day AS baseline_from,
        w.exposure_to_start - x.exposure_before AS prior_exposure_days
    FROM wanted AS w
    ASOF INNER JOIN starts AS x ON w.base_id = x.base_id AND w.wanted_from <= x.exposure_before
),

counted AS (
    SELECT
        b.*,
        coalesce(upto.exposed_to, 0) - coalesce(earlier.exposed_to, 0) AS prior_episodes,
        coalesce(upto.exposed_visits_to, 0) - coalesce(earlier.exposed_visits_to, 0) AS prior_visits
    FROM baselines AS b
    ASOF LEFT JOIN intermediate.int_episode_totals AS upto
        ON
            b.base_id = upto.base_id AND b.fleet_id = upto.fleet_id AND b.episode_hours = upto.episode_hours
            AND b.last_visit_on >= upto.started_on
    ASOF LEFT JOIN intermediate.int_episode_totals AS earlier
        ON
            b.base_id = earlier.base_id AND b.fleet_id = earlier.fleet_id AND b.episode_hours = earlier.episode_hours
            AND b.baseline_from > earlier.started_on
),

offered AS (
    SELECT
        base_id,
        fleet_id,
        episode_hours,
        max(exposed_to) AS episodes
    FROM intermediate.int_episode_totals
    GROUP BY base_id, fleet_id, episode_hours
),

judged AS (
    SELECT
        c.*,
        greatest(
            1,
            ceil(
                coalesce(o.episodes, 0) * (c.prior_exposure_days + c.gap_exposure_days) / nullif(c.prior_exposure_days, 0)
            )::BIGINT
        ) AS silences_looked_at,
        CASE
            WHEN c.prior_episodes >= $gap_min_episodes AND c.prior_exposure_days > 0
                THEN power(
                    c.prior_exposure_days / (c.prior_exposure_days + c.gap_exposure_days), c.prior_episodes + 0.5
                )
        END AS p_quiet
    FROM counted AS c
    LEFT JOIN offered AS o
        ON c.base_id = o.base_id AND c.fleet_id = o.fleet_id AND c.episode_hours = o.episode_hours
)

SELECT
    base_id,
    fleet_id,
    first_day,
    episode_hours,
    baseline_days,
    baseline_from,
    prior_episodes,
    prior_visits,
    prior_exposure_days,
    gap_exposure_days,
    silences_looked_at,
    p_quiet,
    p_of_looks(p_quiet, silences_looked_at) AS p_quiet_scan
FROM judged
