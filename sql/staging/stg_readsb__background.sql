/*
grain: one row per base, UTC day and network that was listened to there
key: [source, base_id, network, day]
empty_without: [raw.base_background]
columns:
  source: {type: VARCHAR, doc: "Code of the source module"}
  network: {type: VARCHAR, doc: "Network whose receivers listened"}
  day: {type: DATE, doc: "UTC day"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  aircraft_100nm: {type: INTEGER, doc: "Other aircraft heard within 100 NM, at any height; null where that was not looked at"}
  aircraft_50nm: {type: INTEGER, doc: "Aircraft outside the watched fleets heard within 50 NM"}
  aircraft_25nm: {type: INTEGER, doc: "The same within 25 NM"}
  aircraft_low: {type: INTEGER, doc: "The same, low enough to prove that the field could be seen"}
  arrivals: {type: INTEGER, doc: "Of them, those that came down towards the field"}
  arrivals_followed: {type: INTEGER, doc: "Of those, the ones followed to the ground or lost close to the field and low"}
  lowest_height_ft: {type: INTEGER, unit: ft, doc: "Lowest height above the field at which any was heard"}
  last_heights_ft: {type: "INTEGER[]", unit: ft, doc: "Heights above the field at which arrivals were last heard"}
  points: {type: BIGINT, doc: "Positions heard"}
  points_per_hour: {type: "INTEGER[]", doc: "The same by hour of the day"}
  jumps: {type: INTEGER, doc: "Impossible leaps between consecutive positions"}
  jumped_aircraft: {type: INTEGER, doc: "Aircraft that made any"}
  stacked_aircraft: {type: INTEGER, doc: "Most aircraft that claimed one spot at one time in the air"}
*/
SELECT
    source,
    network,
    day,
    base_id,
    aircraft_100nm,
    coalesce(aircraft_50nm, 0) AS aircraft_50nm,
    coalesce(aircraft_25nm, 0) AS aircraft_25nm,
    coalesce(aircraft_low, 0) AS aircraft_low,
    coalesce(arrivals, 0) AS arrivals,
    coalesce(arrivals_touchdown, 0) + coalesce(arrivals_low, 0) AS arrivals_followed,
    lowest_height_ft,
    last_heights_ft,
    coalesce(points, 0) AS points,
    points_per_hour,
    coalesce(jumps, 0) AS jumps,
    coalesce(jumped_aircraft, 0) AS jumped_aircraft,
    coalesce(stacked_aircraft, 0) AS stacked_aircraft
FROM raw.base_background
