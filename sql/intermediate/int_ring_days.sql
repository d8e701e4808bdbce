/*
grain: one row per base, UTC day, network and ring in which other aircraft are counted
key: [base_id, day, source, network, ring]
empty_without: [intermediate.int_listened_days]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  day: {type: DATE, doc: "UTC day"}
  source: {type: VARCHAR, doc: "Code of the source module"}
  network: {type: VARCHAR, doc: "Network whose receivers listened"}
  ring: {type: VARCHAR, values: [wide, far, near, low], doc: "Within 100 NM at any height, where that was looked at; within 50 NM; within 25 NM; within 25 NM and low, or on the ground at the field"}
  aircraft: {type: INTEGER, doc: "Aircraft heard in it"}
  usual_aircraft: {type: DOUBLE, doc: "How many are heard there on such a day when the receivers are up; null where too few days tell"}
  run_days: {type: BIGINT, unit: day, doc: "Days of its run: those that follow each other with hardly anybody; 1 for every other day"}
  run_aircraft: {type: BIGINT, doc: "Aircraft heard in the run"}
  run_usual: {type: DOUBLE, doc: "Aircraft usual in the run; null where any of its days has no usual"}
  p_so_few: {type: DOUBLE, doc: "Chance of so few in the run, at most, were the receivers up; null without a usual"}
  is_hushed: {type: BOOLEAN, doc: "So few that the receivers were down"}
*/
-- What is usual is learnt from the base's own days on which it was heard: the nearest and $coverage_usual_further_days further ones before,
-- and as many after, however long ago. The lesser of both sides counts, so that traffic that grows or fades is expected
-- nowhere before it came or after it went. An outage lends no day to the usual, and so cannot lower it.
-- Which days were heard shows in two steps. At first any day counts with at least one aircraft, and a day's lone aircraft
-- counts as none: of a Poisson count without its zeros that gives the rate without bias (Plackett 1953). Runs of empty days
-- that are too improbable at that rate are left out; all other days, empty ones too, say what is usual.
-- Kept in one file: the second step judges by the first, over the same rows.
WITH rings AS (
    UNPIVOT (
        SELECT
            base_id,
            day,
            source,
            network,
            aircraft_100nm AS wide,
            aircraft_50nm AS far,
            aircraft_25nm AS near,
            aircraft_low AS low
        FROM intermediate.int_listened_days
    )
    ON wide, far, near, low INTO NAME ring VALUE aircraft
),

-- the weekday's share of the week: a field that rests at weekends is no receiver down at weekends. It never raises what is
-- expected, and a week counts as even until enough of them tell.
weekdays AS (
    SELECT
        *,
        day - DATE '1970-01-01' AS day_no,
        aircraft > 0 AS is_busy,
        CASE WHEN aircraft > 1 THEN aircraft ELSE 0 END AS beyond_one,
        avg(aircraft) OVER half_year AS mean_aircraft,
        sum(aircraft) OVER same_weekday AS weekday_aircraft,
        count(*) OVER same_weekday AS weekday_days
    FROM rings
    WINDOW
        half_year AS (
            PARTITION BY base_id, source, network, ring
            ORDER BY day - DATE '1970-01-01'
            RANGE BETWEEN $coverage_weekday_days PRECEDING AND $coverage_weekday_days FOLLOWING
        ),
        same_weekday AS (
            PARTITION BY base_id, source, network, ring, dayofweek(day)
            ORDER BY day - DATE '1970-01-01'
            RANGE BETWEEN $coverage_weekday_days PRECEDING AND $coverage_weekday_days FOLLOWING
        )
),

first_sides AS (
    SELECT
        *,
        CASE
            WHEN weekday_days >= $coverage_weekday_min
                THEN least(1, coalesce(weekday_aircraft / nullif(weekday_days * mean_aircraft, 0), 1))
            ELSE 1
        END AS weekday_share,
        -- of the nearest heard days up to and from a heard day; too few say nothing
        CASE WHEN is_busy AND count(*) OVER upto >= $coverage_usual_min_days THEN avg(beyond_one) OVER upto END AS mean_upto,
        CASE WHEN is_busy AND count(*) OVER onward >= $coverage_usual_min_days THEN avg(beyond_one) OVER onward END AS mean_onward
    FROM weekdays
    WINDOW
        upto AS (
            PARTITION BY base_id, source, network, ring, is_busy
            ORDER BY day_no ROWS BETWEEN $coverage_usual_further_days PRECEDING AND CURRENT ROW
        ),
        onward AS (
            PARTITION BY base_id, source, network, ring, is_busy
            ORDER BY day_no ROWS BETWEEN CURRENT ROW AND $coverage_usual_further_days FOLLOWING
        )
),

first_usual AS (
    SELECT
        *,
        least(
            last_value(mean_upto IGNORE NULLS) OVER before,
            first_value(mean_onward IGNORE NULLS) OVER after
        ) * weekday_share AS usual
    FROM first_sides
    WINDOW
        before AS (
            PARTITION BY base_id, source, network, ring
            ORDER BY day_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        after AS (
            PARTITION BY base_id, source, network, ring
            ORDER BY day_no ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
),

-- a run's number grows with every day that has no part in a run
first_runs AS (
    SELECT
        *,
        sum((is_low IS NOT TRUE)::INTEGER) OVER so_far AS run_no
    FROM (
        SELECT
            *,
            aircraft <= $coverage_blind_share * usual AS is_low
        FROM first_usual
    ) AS marked
    WINDOW so_far AS (PARTITION BY base_id, source, network, ring ORDER BY day_no ROWS UNBOUNDED PRECEDING)
),

first_judged AS (
    SELECT
        * EXCLUDE (mean_upto, mean_onward, usual, is_low, run_no, beyond_one),
        -- even traffic has no less than the least dispersion
        is_low IS NOT TRUE OR count(*) OVER run * p_of_so_few(
            sum(aircraft) OVER run, sum(usual::DECIMAL(18, 6)) OVER run, 1 / $coverage_min_dispersion
        ) > $coverage_blind_p AS is_heard
    FROM first_runs
    WINDOW run AS (PARTITION BY base_id, source, network, ring, run_no, is_low)
),

sides AS (
    SELECT
        *,
        CASE WHEN is_heard AND count(*) OVER upto >= $coverage_usual_min_days THEN avg(aircraft) OVER upto END AS mean_upto,
        CASE WHEN is_heard AND count(*) OVER onward >= $coverage_usual_min_days THEN avg(aircraft) OVER onward END AS mean_onward
    FROM first_judged
    WINDOW
        upto AS (
            PARTITION BY base_id, source, network, ring, is_heard
            ORDER BY day_no ROWS BETWEEN $coverage_usual_further_days PRECEDING AND CURRENT ROW
        ),
        onward AS (
            PARTITION BY base_id, source, network, ring, is_heard
            ORDER BY day_no ROWS BETWEEN CURRENT ROW AND $coverage_usual_further_days FOLLOWING
        )
),

usuals AS (
    SELECT
        *,
        (
            least(
                last_value(mean_upto IGNORE NULLS) OVER before,
                first_value(mean_onward IGNORE NULLS) OVER after
            ) * weekday_share
        )::DECIMAL(18, 6) AS usual
    FROM sides
    WINDOW
        before AS (
            PARTITION BY base_id, source, network, ring
            ORDER BY day_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        after AS (
            PARTITION BY base_id, source, network, ring
            ORDER BY day_no ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
),

-- How much more than a Poisson count the base's traffic varies, from its heard days: the variance of a negative binomial
-- is m + dispersion * m^2. Bursts are cut at twice the usual, since they say nothing of how few there may be.
dispersions AS (
    SELECT
        base_id,
        source,
        network,
        ring,
        coalesce(
            sum((power(least(aircraft, 2 * usual + 1) - usual, 2) - usual)::DECIMAL(28, 6))
            / nullif(sum((usual * usual)::DECIMAL(28, 6)), 0),
            0
        ) AS measured
    FROM usuals
    WHERE is_heard
    GROUP BY base_id, source, network, ring
),

runs AS (
    SELECT
        u.*,
        d.measured,
        coalesce(u.aircraft <= $coverage_blind_share * u.usual, FALSE) AS is_low,
        sum((NOT coalesce(u.aircraft <= $coverage_blind_share * u.usual, FALSE))::INTEGER) OVER (
            PARTITION BY u.base_id, u.source, u.network, u.ring ORDER BY u.day_no ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM usuals AS u
    LEFT JOIN dispersions AS d
        ON u.base_id = d.base_id AND u.source = d.source AND u.network = d.network AND u.ring = d.ring
),

summed AS (
    SELECT
        *,
        CASE WHEN is_low THEN count(*) OVER run ELSE 1 END AS run_days,
        CASE WHEN is_low THEN sum(aircraft) OVER run ELSE aircraft END AS run_aircraft,
        CASE WHEN is_low THEN sum(usual) OVER run ELSE usual END AS run_usual
    FROM runs
    WINDOW run AS (PARTITION BY base_id, source, network, ring, run_no, is_low)
),

-- a run may have begun on any of its days: so many looks were taken
judged AS (
    SELECT
        *,
        CASE
            WHEN run_usual IS NOT NULL
                THEN least(
                    1,
                    run_days * p_of_so_few(
                        run_aircraft, run_usual, 1 / least(1, greatest($coverage_min_dispersion, coalesce(measured, 0)))
                    )
                )
        END AS p_so_few
    FROM summed
)

SELECT
    base_id,
    day,
    source,
    network,
    ring,
    aircraft,
    usual AS usual_aircraft,
    run_days,
    run_aircraft,
    run_usual,
    p_so_few,
    is_low
    AND (
        coalesce(p_so_few <= $coverage_blind_p, FALSE)
        -- however thin the traffic: where nobody at all was heard, nothing shows that anybody could be
        OR (ring = 'wide' AND aircraft = 0 AND coalesce(usual >= $coverage_nobody_usual, FALSE))
    ) AS is_hushed
FROM judged
