/*
grain: one row per base, fleet and UTC month; counts are null where the month is unknown
key: [base_id, fleet_id, month]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet counted"}
  month: {type: DATE, unit: UTC, doc: "First day of the month"}
  visits: {type: INTEGER, doc: "Stays whose first evidence falls in the month; a lower bound where days are missing or blind"}
  arrivals: {type: INTEGER, doc: "Arrivals with evidence in the month"}
  departures: {type: INTEGER, doc: "Departures with evidence in the month"}
  distinct_aircraft: {type: INTEGER, doc: "Different aircraft among the visits"}
  heavy_visits: {type: INTEGER, doc: "Visits by aircraft of wake category H or J"}
  ground_hours: {type: DOUBLE, unit: h, doc: "On the ground, over the visits with both ends known; null where there is none"}
  days_in_month: {type: INTEGER, unit: day, doc: "Calendar days"}
  days_observed: {type: INTEGER, unit: day, doc: "Days on which other traffic proves that the field could be seen"}
  days_unmeasured: {type: INTEGER, unit: day, doc: "Days looked at, with no other traffic to judge by"}
  days_blind: {type: INTEGER, unit: day, doc: "Days looked at, on which nothing could be heard"}
  days_missing: {type: INTEGER, unit: day, doc: "Days that nobody looked at, or not wholly, days before the spine began among them"}
  visits_per_observable_day: {type: DOUBLE, unit: 1/day, doc: "Visits begun on observed or unmeasured days, a day of these; null without such days"}
  visits_prior_month: {type: INTEGER, doc: "Visits of the month before; null where unknown"}
  visits_trailing_12m_mean: {type: DOUBLE, doc: "Mean over those of the twelve months before that have a count, lower bounds among them"}
  activity: {type: VARCHAR, values: [active, quiet, unknown], doc: "active: a visit, or an aircraft standing there from an earlier one; quiet: none, and at least half of the days observed or unmeasured; unknown: none, and fewer"}
  mentions: {type: INTEGER, doc: "Articles that name the base; null where no news source was read in the month"}
  mention_origins: {type: INTEGER, doc: "Independent origins among them"}
  p_surge: {type: DOUBLE, doc: "Probability of at least so many visits at the earlier rate, those that come at once as one, exposure adjusted; null below 4 earlier episodes"}
  is_surge: {type: BOOLEAN, doc: "p_surge, corrected for how many months were looked at, is below the threshold; null where it is"}
  visits_expected: {type: DOUBLE, unit: visits, doc: "How many visits began, with those too weak to be sure of and those that cannot have been heard; null where nothing could be seen"}
  visits_expected_low: {type: INTEGER, unit: visits, doc: "Lower end of its 90 % interval"}
  visits_expected_high: {type: INTEGER, unit: visits, doc: "Upper end of it"}
  is_partial: {type: BOOLEAN, doc: "The month has not ended"}
  mentions_per_million: {type: DOUBLE, unit: "1/1,000,000", doc: "Mentions in a million articles of the languages in which the base is written about; null where no source counts all that it sees"}
*/
-- Kept in one file: each step counts one thing, and the last joins them by month.
WITH days AS (
    SELECT
        base_id,
        month_of(day) AS month,
        count(*) AS days_in_spine,
        count(*) FILTER (WHERE observability = 'observed') AS days_observed,
        count(*) FILTER (WHERE observability = 'unmeasured') AS days_unmeasured,
        count(*) FILTER (WHERE observability = 'blind') AS days_blind
    FROM intermediate.int_base_days
    GROUP BY ALL
),

months AS (
    SELECT
        d.base_id,
        f.fleet_id,
        d.month,
        d.days_observed,
        d.days_unmeasured,
        d.days_blind,
        least(last_day(d.month), $as_of) - d.month + 1 AS days_elapsed
    FROM days AS d
    CROSS JOIN (SELECT DISTINCT fleet_id FROM reference.fleets) AS f
),

visits AS (
    SELECT
        v.base_id,
        v.fleet_id,
        month_of(v.first_on) AS month,
        count(*) AS visits,
        count(*) FILTER (WHERE is_observable(d.observability)) AS visits_on_observable_days,
        count(DISTINCT v.icao24) AS distinct_aircraft,
        count(*) FILTER (WHERE v.wake IN ('H', 'J')) AS heavy_visits,
        -- as decimals: a sum of floating-point numbers depends on their order
        sum(v.ground_minutes::DECIMAL(18, 1)) / 60 AS ground_hours
    FROM intermediate.int_fleet_visits AS v
    LEFT JOIN intermediate.int_base_days AS d ON v.base_id = d.base_id AND v.first_on = d.day
    GROUP BY ALL
),

arrivals AS (
    SELECT
        base_id,
        fleet_id,
        month_of(arrived_on) AS month,
        count(*) AS arrivals
    FROM intermediate.int_fleet_visits
    WHERE arrived_on IS NOT NULL
    GROUP BY ALL
),

departures AS (
    SELECT
        base_id,
        fleet_id,
        month_of(departed_on) AS month,
        count(*) AS departures
    FROM intermediate.int_fleet_visits
    WHERE departed_on IS NOT NULL
    GROUP BY ALL
),

-- months after the one in which a stay began, and through which it stood there: no visit of theirs, but no silence either
standing AS (
    SELECT DISTINCT
        base_id,
        fleet_id,
        unnest(generate_series(
            date_trunc('month', first_on)::TIMESTAMP + INTERVAL 1 MONTH,
            date_trunc('month', last_on)::TIMESTAMP,
            INTERVAL 1 MONTH
        ))::DATE AS month
    FROM intermediate.int_fleet_visits
    WHERE last_on > last_day(first_on)
),

mentions AS (
    SELECT
        base_id,
        month_of(published_at) AS month,
        count(DISTINCT mention_id) AS mentions,
        count(DISTINCT coalesce(origin, story_id)) AS mention_origins
    FROM marts.news_mentions
    GROUP BY ALL
),

-- a month in which no news source was read for the base has no mentions to count: unknown, not none
read_months AS (
    SELECT DISTINCT
        base_id,
        month_of(day) AS month
    FROM intermediate.int_covered_days
    WHERE kind = 'news'
),

-- of the languages in which the base is written about, over the sources that count all they see
shares AS (
    SELECT
        base_id,
        month,
        1e6 * sum(mentions) / nullif(sum(articles), 0) AS mentions_per_million
    FROM intermediate.int_mention_shares
    GROUP BY ALL
),

joined AS (
    SELECT
        m.*,
        coalesce(v.visits, 0) AS visits,
        coalesce(v.visits_on_observable_days, 0) AS visits_on_observable_days,
        coalesce(a.arrivals, 0) AS arrivals,
        coalesce(g.departures, 0) AS departures,
        coalesce(v.distinct_aircraft, 0) AS distinct_aircraft,
        coalesce(v.heavy_visits, 0) AS heavy_visits,
        v.ground_hours,
        n.mentions,
        n.mention_origins,
        w.mentions_per_million,
        r.month IS NOT NULL AS is_read,
        t.month IS NOT NULL AS is_stood_at,
        2 * (m.days_observed + m.days_unmeasured) >= m.days_elapsed AS is_known
    FROM months AS m
    LEFT JOIN visits AS v ON m.base_id = v.base_id AND m.fleet_id = v.fleet_id AND m.month = v.month
    LEFT JOIN arrivals AS a ON m.base_id = a.base_id AND m.fleet_id = a.fleet_id AND m.month = a.month
    LEFT JOIN departures AS g ON m.base_id = g.base_id AND m.fleet_id = g.fleet_id AND m.month = g.month
    LEFT JOIN standing AS t ON m.base_id = t.base_id AND m.fleet_id = t.fleet_id AND m.month = t.month
    LEFT JOIN mentions AS n ON m.base_id = n.base_id AND m.month = n.month
    LEFT JOIN shares AS w ON m.base_id = w.base_id AND m.month = w.month
    LEFT JOIN read_months AS r ON m.base_id = r.base_id AND m.month = r.month
),

-- unknown is never zero: without half the days looked at, only what is on record is shown
counted AS (
    SELECT
        j.* EXCLUDE (visits, arrivals, departures, distinct_aircraft, heavy_visits),
        CASE WHEN is_known THEN visits ELSE nullif(visits, 0) END AS visits,
        CASE WHEN is_known THEN arrivals ELSE nullif(arrivals, 0) END AS arrivals,
        CASE WHEN is_known THEN departures ELSE nullif(departures, 0) END AS departures,
        CASE WHEN is_known THEN distinct_aircraft ELSE nullif(distinct_aircraft, 0) END AS distinct_aircraft,
        CASE WHEN is_known THEN heavy_visits ELSE nullif(heavy_visits, 0) END AS heavy_visits
    FROM joined AS j
)

SELECT
    c.base_id,
    c.fleet_id,
    c.month,
    c.visits,
    c.arrivals,
    c.departures,
    c.distinct_aircraft,
    c.heavy_visits,
    c.ground_hours,
    day(last_day(c.month)) AS days_in_month,
    c.days_observed,
    c.days_unmeasured,
    c.days_blind,
    c.days_elapsed - c.days_observed - c.days_unmeasured - c.days_blind AS days_missing,
    c.visits_on_observable_days / nullif(c.days_observed + c.days_unmeasured, 0) AS visits_per_observable_day,
    lag(c.visits) OVER by_month AS visits_prior_month,
    avg(c.visits) OVER (
        PARTITION BY c.base_id, c.fleet_id ORDER BY c.month ROWS BETWEEN 12 PRECEDING AND 1 PRECEDING
    ) AS visits_trailing_12m_mean,
    CASE
        WHEN c.visits > 0 OR c.arrivals > 0 OR c.departures > 0 OR c.is_stood_at THEN 'active'
        WHEN c.is_known THEN 'quiet'
        ELSE 'unknown'
    END AS activity,
    CASE WHEN c.is_read THEN coalesce(c.mentions, 0) ELSE c.mentions END AS mentions,
    CASE WHEN c.is_read THEN coalesce(c.mention_origins, 0) ELSE c.mention_origins END AS mention_origins,
    o.p_surge,
    o.p_surge_scan < $gap_alpha AS is_surge,
    x.visits_expected,
    x.visits_expected_low,
    x.visits_expected_high,
    last_day(c.month) > $as_of AS is_partial,
    c.mentions_per_million
FROM counted AS c
LEFT JOIN intermediate.int_month_odds AS o
    ON c.base_id = o.base_id AND c.fleet_id = o.fleet_id AND c.month = o.month
LEFT JOIN intermediate.int_expected_visits AS x
    ON c.base_id = x.base_id AND c.fleet_id = x.fleet_id AND c.month = x.month
WINDOW by_month AS (PARTITION BY c.base_id, c.fleet_id ORDER BY c.month)
ORDER BY c.base_id, c.fleet_id, c.month
