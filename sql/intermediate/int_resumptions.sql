/*
grain: one row per spell that a visit ended, whether and when the resumption was confirmed, and what followed
key: [base_id, fleet_id, first_day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  first_day: {type: DATE, doc: "First day of the spell that ended"}
  ended_on: {type: DATE, doc: "Day of the visit that ended it"}
  confirmed_on: {type: DATE, doc: "Day of the visit that confirms it; null where none does"}
  icao24: {type: VARCHAR, doc: "Aircraft that ended it"}
  type_code: {type: VARCHAR, doc: "Its type"}
  episodes_after: {type: BIGINT, doc: "Episodes in the $resumption_window_days that follow"}
  exposed_episodes_after: {type: BIGINT, doc: "Those that began on observable days, to hold against the exposure"}
  exposure_after_days: {type: DOUBLE, unit: day, doc: "Exposure of those days, up to as_of"}
  background_before: {type: DOUBLE, doc: "Other aircraft a measured day over as long a window before the spell"}
  background_after: {type: DOUBLE, doc: "The same after it"}
*/
WITH ended AS (
    SELECT
        s.base_id,
        s.fleet_id,
        s.first_day,
        s.last_visit_on,
        v.first_on AS ended_on,
        v.icao24,
        v.type_code,
        v.confidence,
        v.sources,
        v.visit_id,
        least(v.first_on + ($resumption_window_days - 1)::INTEGER, $as_of)::DATE AS window_to,
        greatest(s.last_visit_on - $resumption_window_days::INTEGER, '1900-01-01'::DATE)::DATE AS window_from
    FROM intermediate.int_spells AS s
    INNER JOIN intermediate.int_fleet_visits AS v ON s.ended_by = v.visit_id AND s.fleet_id = v.fleet_id
),

-- joined on the exact day: a range join over millions of visits would cost minutes
following_days AS (
    SELECT
        base_id,
        fleet_id,
        first_day,
        visit_id,
        icao24,
        sources,
        unnest(generate_series(ended_on::TIMESTAMP, ended_on::TIMESTAMP + to_days($resumption_confirm_days), INTERVAL 1 DAY))::DATE
            AS day
    FROM ended
),

witnesses AS (
    SELECT
        f.base_id,
        f.fleet_id,
        f.first_day,
        min(v.first_on) AS witnessed_on
    FROM following_days AS f
    INNER JOIN intermediate.int_fleet_visits AS v
        ON f.base_id = v.base_id AND f.fleet_id = v.fleet_id AND f.day = v.first_on
    WHERE
        v.visit_id <> f.visit_id
        AND (v.confidence >= 3 OR v.icao24 <> f.icao24 OR NOT list_has_all(f.sources, v.sources))
    GROUP BY ALL
),

episodes AS (
    SELECT
        base_id,
        fleet_id,
        started_on,
        episodes_to,
        exposed_to
    FROM intermediate.int_episode_totals
    WHERE episode_hours = $gap_episode_hours
),

afterwards AS (
    SELECT
        e.*,
        coalesce(upto.episodes_to, 0) - coalesce(earlier.episodes_to, 0) AS episodes_after,
        coalesce(upto.exposed_to, 0) - coalesce(earlier.exposed_to, 0) AS exposed_episodes_after
    FROM ended AS e
    ASOF LEFT JOIN episodes AS upto
        ON e.base_id = upto.base_id AND e.fleet_id = upto.fleet_id AND e.window_to >= upto.started_on
    ASOF LEFT JOIN episodes AS earlier
        ON e.base_id = earlier.base_id AND e.fleet_id = earlier.fleet_id AND e.ended_on > earlier.started_on
),

-- the running totals at each of the days that matter, read in one join: several joins on base and day can be reordered
-- into a product of all days of a base with each other
looked_up AS (
    SELECT
        a.base_id,
        a.fleet_id,
        a.first_day,
        w.moment,
        CASE w.moment
            WHEN 'window_to' THEN a.window_to
            WHEN 'ended' THEN a.ended_on
            WHEN 'before_ended' THEN (a.ended_on - 1)::DATE
            WHEN 'last_visit' THEN a.last_visit_on
            ELSE a.window_from
        END AS day
    FROM afterwards AS a
    CROSS JOIN (
        SELECT unnest(['window_to', 'ended', 'before_ended', 'last_visit', 'window_from']) AS moment
    ) AS w
),

totals AS (
    SELECT
        l.base_id,
        l.fleet_id,
        l.first_day,
        max(x.exposure_to) FILTER (WHERE l.moment = 'window_to') AS exposure_to_window,
        max(x.exposure_before) FILTER (WHERE l.moment = 'ended') AS exposure_to_end,
        max(x.background_to) FILTER (WHERE l.moment = 'window_to')
        - max(x.background_to) FILTER (WHERE l.moment = 'before_ended') AS background_after,
        max(x.observed_to) FILTER (WHERE l.moment = 'window_to')
        - max(x.observed_to) FILTER (WHERE l.moment = 'before_ended') AS observed_after,
        max(x.background_to) FILTER (WHERE l.moment = 'last_visit')
        - coalesce(max(x.background_to) FILTER (WHERE l.moment = 'window_from'), 0) AS background_before,
        max(x.observed_to) FILTER (WHERE l.moment = 'last_visit')
        - coalesce(max(x.observed_to) FILTER (WHERE l.moment = 'window_from'), 0) AS observed_before
    FROM looked_up AS l
    INNER JOIN intermediate.int_exposure AS x ON l.base_id = x.base_id AND l.day = x.day
    GROUP BY l.base_id, l.fleet_id, l.first_day
)

SELECT
    a.base_id,
    a.fleet_id,
    a.first_day,
    a.ended_on,
    CASE WHEN a.confidence >= 3 THEN a.ended_on ELSE w.witnessed_on END AS confirmed_on,
    a.icao24,
    a.type_code,
    a.episodes_after,
    a.exposed_episodes_after,
    t.exposure_to_window - t.exposure_to_end AS exposure_after_days,
    t.background_before / nullif(t.observed_before, 0) AS background_before,
    t.background_after / nullif(t.observed_after, 0) AS background_after
FROM afterwards AS a
INNER JOIN totals AS t ON a.base_id = t.base_id AND a.fleet_id = t.fleet_id AND a.first_day = t.first_day
LEFT JOIN witnesses AS w ON a.base_id = w.base_id AND a.fleet_id = w.fleet_id AND a.first_day = w.first_day
