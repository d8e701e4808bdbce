/*
grain: one row per base, fleet and UTC month of the spine on which anything could be seen
key: [base_id, fleet_id, month]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  month: {type: DATE, doc: "First day of the month"}
  visits_expected: {type: DOUBLE, unit: visits, doc: "How many visits began, with those too weak to be sure of and those that cannot have been heard"}
  visits_expected_low: {type: INTEGER, unit: visits, doc: "Lower end of the 90 % interval; no fewer than were surely seen"}
  visits_expected_high: {type: INTEGER, unit: visits, doc: "Upper end of it"}
*/
-- Three sums: what was seen or recorded counts one; what is inferred counts its probability, listed or not; and what nobody
-- heard is estimated from what was heard by halves. Where arrivals and departures are heard independently, stays of which
-- neither was heard are to those of which one was heard as those are to the ones with both (Lincoln and Petersen, in
-- Chapman's form). They are not independent, since the same crews hide both: of inferred stays a share is added at the least.
-- Days that were missing or blind had visits at the month's own rate, drawn towards the usual one: a half of a month in
-- which nobody came says little of the other half.
-- Kept in one file: the parts of one sum.
WITH distinct_stays AS (
    SELECT *
    FROM intermediate.int_visits
    WHERE NOT is_press AND day_of(first_evidence_at) <= $as_of AND probability IS NULL

    UNION ALL
    -- a silence of which one end counts, and the other does not, is two stays and yet one chance; only these are sorted
    SELECT *
    FROM intermediate.int_visits
    WHERE NOT is_press AND day_of(first_evidence_at) <= $as_of AND probability IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY base_id, icao24, silence_no ORDER BY confidence DESC, visit_id) = 1
),

stays AS (
    SELECT
        base_id,
        unnest(fleets) AS fleet_id,
        month_of(day_of(first_evidence_at)) AS month,
        CASE WHEN confidence >= 2 AND probability IS NULL THEN 1 ELSE 0 END AS sure,
        CASE WHEN probability IS NULL THEN CASE WHEN confidence >= 2 THEN 1 ELSE 0 END ELSE probability END::DECIMAL(18, 6)
            AS chance,
        coalesce(probability * (1 - probability), 0)::DECIMAL(18, 6) AS spread,
        confidence >= 2 AS is_counted,
        probability IS NOT NULL AS is_inferred,
        arrival_evidence <> 'none' AND arrival_confidence >= 2 AS has_arrival,
        departure_evidence <> 'none' AND departure_confidence >= 2 AS has_departure
    FROM distinct_stays
),

months AS (
    SELECT
        d.base_id,
        f.fleet_id,
        month_of(d.day) AS month,
        count(*) FILTER (WHERE is_observable(d.observability)) AS days_seen,
        count(*) FILTER (WHERE NOT is_observable(d.observability)) AS days_hidden
    FROM intermediate.int_base_days AS d
    CROSS JOIN (SELECT DISTINCT fleet_id FROM reference.fleets) AS f
    GROUP BY d.base_id, f.fleet_id, month_of(d.day)
),

-- silences that are hardly a stay here: each is listed nowhere, all together are some
faint AS (
    SELECT
        o.base_id,
        unnest(a.fleets) AS fleet_id,
        month_of(day_of_s(s.lost_s)) AS month,
        o.probability::DECIMAL(18, 6) AS chance,
        (o.probability * (1 - o.probability))::DECIMAL(18, 6) AS spread
    FROM intermediate.int_silence_odds AS o
    INNER JOIN intermediate.int_silences AS s ON o.icao24 = s.icao24 AND o.stretch_no = s.stretch_no
    INNER JOIN (
        SELECT
            k.icao24,
            list_distinct(flatten(list(i.fleets))) AS fleets
        FROM intermediate.int_aircraft_keys AS k
        INNER JOIN intermediate.int_aircraft AS i ON k.aircraft = i.aircraft
        GROUP BY k.icao24
    ) AS a ON o.icao24 = a.icao24
    WHERE o.base_id IS NOT NULL AND o.probability < $undecided_least AND s.back_s IS NOT NULL
),

sums AS (
    SELECT
        base_id,
        fleet_id,
        month,
        sum(sure) AS sure,
        sum(chance) AS chance,
        sum(spread) AS spread
    FROM (
        SELECT
            base_id,
            fleet_id,
            month,
            sure,
            chance,
            spread
        FROM stays
        UNION ALL
        SELECT
            base_id,
            fleet_id,
            month,
            0 AS sure,
            chance,
            spread
        FROM faint
    ) AS parts
    GROUP BY base_id, fleet_id, month
),

halves AS (
    SELECT
        base_id,
        fleet_id,
        count(*) AS stays,
        count(*) FILTER (WHERE is_inferred) AS inferred,
        count(*) FILTER (WHERE has_arrival) AS arrivals,
        count(*) FILTER (WHERE has_departure) AS departures,
        count(*) FILTER (WHERE has_arrival AND has_departure) AS both_ends
    FROM stays
    WHERE is_counted
    GROUP BY base_id, fleet_id
),

unheard AS (
    SELECT
        base_id,
        fleet_id,
        greatest(
            $unheard_share * inferred / stays,
            ((arrivals + 1) * (departures + 1) / (both_ends + 1) - 1 - stays) / stays
        ) AS share
    FROM halves
),

usual AS (
    SELECT
        m.base_id,
        m.fleet_id,
        coalesce(sum(s.chance), 0) / sum(m.days_seen) AS a_day
    FROM months AS m
    LEFT JOIN sums AS s ON m.base_id = s.base_id AND m.fleet_id = s.fleet_id AND m.month = s.month
    WHERE m.days_seen > 0
    GROUP BY m.base_id, m.fleet_id
),

means AS (
    SELECT
        m.*,
        coalesce(s.sure, 0) AS sure,
        coalesce(s.chance, 0) AS chance,
        coalesce(s.spread, 0) AS spread,
        coalesce(s.chance, 0) * coalesce(u.share, 0)
        + (1 + coalesce(u.share, 0)) * m.days_hidden
        * (coalesce(s.chance, 0) + r.a_day * $expected_usual_days) / (m.days_seen + $expected_usual_days) AS hidden
    FROM months AS m
    INNER JOIN usual AS r ON m.base_id = r.base_id AND m.fleet_id = r.fleet_id
    LEFT JOIN sums AS s ON m.base_id = s.base_id AND m.fleet_id = s.fleet_id AND m.month = s.month
    LEFT JOIN unheard AS u ON m.base_id = u.base_id AND m.fleet_id = u.fleet_id
    WHERE
        m.days_seen > 0
        -- as for the counts: of a month that was hardly seen, and in which nothing was heard, nothing is known
        AND (m.days_seen >= m.days_hidden OR s.chance > 0)
)

SELECT
    base_id,
    fleet_id,
    month,
    round(chance + hidden, 2) AS visits_expected,
    greatest(
        sure, least(floor(chance + hidden), round(chance + hidden - $interval_90 * sqrt(spread + hidden)))
    )::INTEGER AS visits_expected_low,
    greatest(
        ceil(chance + hidden), round(chance + hidden + $interval_90 * sqrt(spread + hidden))
    )::INTEGER AS visits_expected_high
FROM means
