/*
grain: one row per spell of at least $min_gap_days without a visit of the fleet to the base, after its first visit
key: [gap_id]
columns:
  gap_id: {type: VARCHAR, doc: "Made from base, fleet and first day"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  last_visit_on: {type: DATE, unit: UTC, doc: "Last day with a visit before the spell"}
  resumed_on: {type: DATE, unit: UTC, doc: "Day on which a resumption was confirmed; null while the spell lasts, or where one weak visit ended it"}
  first_sign_on: {type: DATE, unit: UTC, doc: "First weak evidence of a resumption, else the day of the visit that ended the spell"}
  first_day: {type: DATE, unit: UTC, doc: "First day of the spell, without a visit"}
  last_day: {type: DATE, unit: UTC, doc: "Last day of the spell, without a visit"}
  gap_days: {type: INTEGER, unit: day, doc: "Length of the spell"}
  days_observed: {type: INTEGER, unit: day, doc: "Days on which other traffic proves that the field could be seen"}
  days_unmeasured: {type: INTEGER, unit: day, doc: "Days looked at, with no other traffic to judge by"}
  days_blind: {type: INTEGER, unit: day, doc: "Days looked at, on which nothing could be heard"}
  days_missing: {type: INTEGER, unit: day, doc: "Days that nobody looked at, or not wholly"}
  prior_episodes: {type: INTEGER, doc: "Episodes in the baseline before the spell"}
  prior_exposure_days: {type: DOUBLE, unit: day, doc: "Exposure of the baseline"}
  prior_visits_per_month: {type: DOUBLE, unit: 1/month, doc: "Visits a month of exposure in the baseline; null without exposure"}
  p_quiet: {type: DOUBLE, doc: "Probability of so long a silence at the earlier rate; null below 4 earlier episodes"}
  p_quiet_scan: {type: DOUBLE, doc: "The same, corrected for how many spells were looked at"}
  kind: {type: VARCHAR, values: [pause, lull, not_judged, ambiguous, unobserved], doc: "What the spell may be called; not_judged: too few earlier episodes, so nothing is said of chance"}
  missed_visits_bound: {type: DOUBLE, doc: "Most visits that could have been missed (95 %); null if unmeasured"}
  is_ongoing: {type: BOOLEAN, doc: "No visit has ended it yet"}
  resumption: {type: VARCHAR, values: [resumed, isolated_visit, coverage_changed, none], doc: "What the visit that ended it amounts to"}
  resumed_by_icao24: {type: VARCHAR, doc: "Aircraft of the visit that ended it"}
  resumed_by_type: {type: VARCHAR, doc: "Its ICAO type"}
  holds_in: {type: DOUBLE, doc: "Share of the sensitivity settings under which the kind stays the same"}
*/
-- Kept in one file: spells, kinds and resumptions are judged each in one step, and joined.
WITH totals AS (
    SELECT
        s.base_id,
        s.fleet_id,
        s.first_day,
        -- the running totals at the last day less those at the last visit: the sums over the spell
        max(x.observed_to) - min(x.observed_to) AS days_observed,
        max(x.unmeasured_to) - min(x.unmeasured_to) AS days_unmeasured,
        max(x.blind_to) - min(x.blind_to) AS days_blind,
        max(x.missing_to) - min(x.missing_to) AS days_missing,
        (max(x.detection_to) - min(x.detection_to)) / nullif(max(x.measured_to) - min(x.measured_to), 0) AS detection
    FROM (
        SELECT
            base_id,
            fleet_id,
            first_day,
            unnest([last_visit_on, last_day]) AS day
        FROM intermediate.int_spells
    ) AS s
    INNER JOIN intermediate.int_exposure AS x ON s.base_id = x.base_id AND s.day = x.day
    GROUP BY s.base_id, s.fleet_id, s.first_day
),

spells AS (
    SELECT
        s.*,
        t.days_observed,
        t.days_unmeasured,
        t.days_blind,
        t.days_missing,
        t.detection,
        (t.days_observed + t.days_unmeasured) / s.gap_days AS observable_share
    FROM intermediate.int_spells AS s
    INNER JOIN totals AS t ON s.base_id = t.base_id AND s.fleet_id = t.fleet_id AND s.first_day = t.first_day
),

thresholds AS (
    SELECT
        a.alpha,
        o.pause_share
    FROM (SELECT unnest(list_distinct(list_append($gap_sensitivity_alpha, $gap_alpha))) AS alpha) AS a
    CROSS JOIN
        (
            SELECT
                unnest(list_distinct(list_append($gap_sensitivity_observable_share, $gap_observable_share)))
                    AS pause_share
        ) AS o
),

kinds AS (
    SELECT
        s.base_id,
        s.fleet_id,
        s.first_day,
        o.episode_hours,
        o.baseline_days,
        t.alpha,
        t.pause_share,
        CASE
            WHEN s.observable_share < $gap_unobserved_share THEN 'unobserved'
            WHEN s.observable_share < t.pause_share THEN 'ambiguous'
            WHEN o.p_quiet IS NULL THEN 'not_judged'
            WHEN s.gap_days >= $gap_pause_days AND o.p_quiet_scan < t.alpha THEN 'pause'
            ELSE 'lull'
        END AS kind
    FROM spells AS s
    INNER JOIN intermediate.int_gap_odds AS o
        ON s.base_id = o.base_id AND s.fleet_id = o.fleet_id AND s.first_day = o.first_day
    CROSS JOIN thresholds AS t
),

chosen AS (
    SELECT
        base_id,
        fleet_id,
        first_day,
        kind
    FROM kinds
    WHERE
        episode_hours = $gap_episode_hours AND baseline_days = $gap_baseline_days
        AND alpha = $gap_alpha AND pause_share = $gap_observable_share
),

strips AS (
    SELECT
        k.base_id,
        k.fleet_id,
        k.first_day,
        avg((k.kind = c.kind)::INTEGER) AS holds_in
    FROM kinds AS k
    INNER JOIN chosen AS c ON k.base_id = c.base_id AND k.fleet_id = c.fleet_id AND k.first_day = c.first_day
    GROUP BY ALL
),

-- a planned destination or a track lost inbound: no visit, but the first sign of one
signs AS (
    SELECT
        base_id,
        unnest(fleets) AS fleet_id,
        first_evidence_at::DATE AS day
    FROM intermediate.int_visits
    WHERE confidence = 1 AND NOT is_press
),

first_signs AS (
    SELECT
        s.base_id,
        s.fleet_id,
        s.first_day,
        min(g.day) AS first_sign_on
    FROM spells AS s
    INNER JOIN signs AS g ON s.base_id = g.base_id AND s.fleet_id = g.fleet_id
    WHERE g.day BETWEEN s.first_day AND s.last_day
    GROUP BY ALL
),

resumed AS (
    SELECT
        r.*,
        $resumption_rate_share * o.prior_episodes / nullif(o.prior_exposure_days, 0) * r.exposure_after_days AS expected,
        o.prior_episodes >= $gap_min_episodes AND o.prior_exposure_days > 0 AND r.exposure_after_days > 0 AS has_rate
    FROM intermediate.int_resumptions AS r
    INNER JOIN intermediate.int_gap_odds AS o
        ON
            r.base_id = o.base_id AND r.fleet_id = o.fleet_id AND r.first_day = o.first_day
            AND o.episode_hours = $gap_episode_hours AND o.baseline_days = $gap_baseline_days
),

-- chance of at least so many episodes if the rate were only a quarter of the earlier one
judged AS (
    SELECT
        *,
        CASE
            WHEN has_rate THEN 1 - coalesce(list_sum(
                list_transform(
                    range(exposed_episodes_after), LAMBDA k: exp(k * ln(expected) - expected - lgamma(k + 1))
                )
            ), 0)
        END AS p_so_many
    FROM resumed
)

SELECT
    s.base_id || '-' || s.fleet_id || '-' || strftime(s.first_day, '%Y%m%d') AS gap_id,
    s.base_id,
    s.fleet_id,
    s.last_visit_on,
    r.confirmed_on AS resumed_on,
    coalesce(f.first_sign_on, r.ended_on) AS first_sign_on,
    s.first_day,
    s.last_day,
    s.gap_days,
    s.days_observed,
    s.days_unmeasured,
    s.days_blind,
    s.days_missing,
    o.prior_episodes,
    o.prior_exposure_days,
    o.prior_visits / nullif(o.prior_exposure_days, 0) * $days_per_month AS prior_visits_per_month,
    o.p_quiet,
    o.p_quiet_scan,
    c.kind,
    -- the rule of three: none seen, 95 % sure of fewer than 3 / detection
    $rule_of_three / nullif(s.detection, 0) AS missed_visits_bound,
    s.is_ongoing,
    CASE
        WHEN s.is_ongoing THEN 'none'
        WHEN r.background_after > $resumption_background_growth * r.background_before THEN 'coverage_changed'
        WHEN r.confirmed_on IS NULL THEN 'isolated_visit'
        WHEN r.has_rate AND r.p_so_many <= $resumption_alpha THEN 'resumed'
        WHEN NOT r.has_rate AND r.episodes_after >= 2 THEN 'resumed'
        ELSE 'isolated_visit'
    END AS resumption,
    r.icao24 AS resumed_by_icao24,
    r.type_code AS resumed_by_type,
    t.holds_in
FROM spells AS s
INNER JOIN chosen AS c ON s.base_id = c.base_id AND s.fleet_id = c.fleet_id AND s.first_day = c.first_day
INNER JOIN strips AS t ON s.base_id = t.base_id AND s.fleet_id = t.fleet_id AND s.first_day = t.first_day
INNER JOIN intermediate.int_gap_odds AS o
    ON
        s.base_id = o.base_id AND s.fleet_id = o.fleet_id AND s.first_day = o.first_day
        AND o.episode_hours = $gap_episode_hours AND o.baseline_days = $gap_baseline_days
LEFT JOIN first_signs AS f ON s.base_id = f.base_id AND s.fleet_id = f.fleet_id AND s.first_day = f.first_day
LEFT JOIN judged AS r ON s.base_id = r.base_id AND s.fleet_id = r.fleet_id AND s.first_day = r.first_day
ORDER BY s.base_id, s.fleet_id, s.first_day
