/*
grain: one row per named set of aircraft whose activity is counted
key: [fleet_id]
columns:
  fleet_id: {type: VARCHAR, doc: "Identifier"}
  name: {type: VARCHAR, doc: "Name"}
  definition: {type: VARCHAR, doc: "Who belongs to it, in words"}
*/
SELECT
    fleet_id,
    min(name) AS name,
    min(definition) AS definition
FROM reference.fleets
GROUP BY fleet_id
ORDER BY fleet_id
