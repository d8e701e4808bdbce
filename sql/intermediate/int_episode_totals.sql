/*
grain: one row per base, fleet, episode length and day on which an episode began, with running totals up to and including it
key: [base_id, fleet_id, episode_hours, started_on]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  episode_hours: {type: INTEGER, unit: h, doc: "Length of an episode, and the silence that separates two"}
  started_on: {type: DATE, doc: "Day on which an episode began, or several did"}
  episodes_to: {type: BIGINT, doc: "Episodes so far"}
  exposed_to: {type: BIGINT, doc: "Of them, those that began on days that count as exposure"}
  exposed_visits_to: {type: BIGINT, doc: "Visits in these"}
  exposed_squares_to: {type: BIGINT, doc: "Sum of the squares of the visits of each of these"}
*/
-- Rates are episodes by days of exposure: an episode that began on a day that nobody could see is no part of a rate.
-- A day has one row, whatever began on it, so that a join to the latest day before a date meets one total.
WITH days AS (
    SELECT
        e.base_id,
        e.fleet_id,
        e.episode_hours,
        e.started_on,
        count(*) AS episodes,
        count(*) FILTER (WHERE x.exposure > 0) AS exposed_episodes,
        coalesce(sum(e.visits) FILTER (WHERE x.exposure > 0), 0) AS exposed_visits,
        coalesce(sum(e.visits * e.visits) FILTER (WHERE x.exposure > 0), 0) AS exposed_squares
    FROM intermediate.int_episodes AS e
    INNER JOIN intermediate.int_exposure AS x ON e.base_id = x.base_id AND e.started_on = x.day
    GROUP BY e.base_id, e.fleet_id, e.episode_hours, e.started_on
)

SELECT
    base_id,
    fleet_id,
    episode_hours,
    started_on,
    sum(episodes) OVER so_far AS episodes_to,
    sum(exposed_episodes) OVER so_far AS exposed_to,
    sum(exposed_visits) OVER so_far AS exposed_visits_to,
    sum(exposed_squares) OVER so_far AS exposed_squares_to
FROM days
WINDOW so_far AS (PARTITION BY base_id, fleet_id, episode_hours ORDER BY started_on ROWS UNBOUNDED PRECEDING)
