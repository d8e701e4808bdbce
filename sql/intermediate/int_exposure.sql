/*
grain: one row per base and day of its spine, with running totals up to and including the day
key: [base_id, day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  day: {type: DATE, doc: "UTC day"}
  exposure: {type: DOUBLE, unit: day, doc: "How much of the day counts: 0 unobservable, detection where measured, else 1"}
  exposure_before: {type: DOUBLE, unit: day, doc: "Sum over the days before"}
  exposure_to: {type: DOUBLE, unit: day, doc: "Sum up to and including the day"}
  observed_to: {type: BIGINT, unit: day, doc: "Observed days so far"}
  unmeasured_to: {type: BIGINT, unit: day, doc: "Unmeasured days so far"}
  blind_to: {type: BIGINT, unit: day, doc: "Blind days so far"}
  missing_to: {type: BIGINT, unit: day, doc: "Missing days so far"}
  detection_to: {type: DOUBLE, doc: "Sum of detection over measured days so far"}
  measured_to: {type: BIGINT, unit: day, doc: "Days with measured detection so far"}
  background_to: {type: BIGINT, doc: "Sum of background aircraft over observed days so far"}
*/
-- A day that is observable but unmeasured counts like the base's measured days, or as a plain day where none is measured.
-- Summed as decimals: sums of floating-point numbers depend on their order, and two builds must give the same.
WITH rates AS (
    SELECT
        base_id,
        avg(detection::DECIMAL(18, 6)) FILTER (WHERE is_observable(observability)) AS mean_detection
    FROM intermediate.int_base_days
    GROUP BY base_id
),

days AS (
    SELECT
        d.base_id,
        d.day,
        d.observability,
        CASE WHEN is_observable(d.observability) THEN d.detection END::DECIMAL(18, 6) AS detection,
        CASE WHEN d.observability = 'observed' THEN d.background_aircraft END AS background_aircraft,
        CASE
            WHEN is_observable(d.observability) THEN coalesce(d.detection, r.mean_detection, 1)
            ELSE 0
        END::DECIMAL(18, 6) AS exposure
    FROM intermediate.int_base_days AS d
    INNER JOIN rates AS r ON d.base_id = r.base_id
)

SELECT
    base_id,
    day,
    exposure,
    sum(exposure) OVER so_far - exposure AS exposure_before,
    sum(exposure) OVER so_far AS exposure_to,
    count_if(observability = 'observed') OVER so_far AS observed_to,
    count_if(observability = 'unmeasured') OVER so_far AS unmeasured_to,
    count_if(observability = 'blind') OVER so_far AS blind_to,
    count_if(observability = 'missing') OVER so_far AS missing_to,
    coalesce(sum(detection) OVER so_far, 0) AS detection_to,
    count(detection) OVER so_far AS measured_to,
    coalesce(sum(background_aircraft) OVER so_far, 0) AS background_to
FROM days
WINDOW so_far AS (PARTITION BY base_id ORDER BY day ROWS UNBOUNDED PRECEDING)
