/*
grain: one row per event that the press reported, one aircraft or group at one base on one stated day
key: [base_id, event_group, direction, day]
empty_without: [staging.stg_press__flights]
columns:
  base_id: {type: VARCHAR, doc: "Base named"}
  event_group: {type: VARCHAR, doc: "Reports of the same event share it"}
  direction: {type: VARCHAR, values: [arrival, departure, visit], doc: "What the aircraft did there; visit where reports of the event give more than one"}
  day: {type: DATE, doc: "Day of the event as reported or resolved"}
  aircraft: {type: VARCHAR, doc: "Key of the aircraft where a registration is printed, else null"}
  registration: {type: VARCHAR, doc: "Registration, where one is printed"}
  aircraft_type: {type: VARCHAR, doc: "Type as printed"}
  operator: {type: VARCHAR, doc: "Operator as printed"}
  rule: {type: VARCHAR, doc: "What is reported, by how many pages"}
  sources: {type: "VARCHAR[]", doc: "Source modules"}
  evidence_ids: {type: "VARCHAR[]", doc: "Addresses of the pages"}
*/
-- A flight of a single stated day is an event. Totals, ranges of days, pauses and resumptions are not visits.
SELECT
    p.base_id,
    p.event_group,
    CASE WHEN count(DISTINCT p.direction) = 1 THEN min(p.direction) ELSE 'visit' END AS direction,
    p.from_on AS day,
    -- of several registrations the first reported stands, with its own key
    arg_min(k.aircraft, p.record_id) FILTER (WHERE p.registration IS NOT NULL) AS aircraft,
    arg_min(p.registration, p.record_id) AS registration,
    arg_min(p.aircraft_type, p.record_id) AS aircraft_type,
    arg_min(p.operator, p.record_id) AS operator,
    'press report, not a record: ' || arg_min(p.paraphrase, p.record_id)
    || ' (' || count(DISTINCT p.url) || CASE WHEN count(DISTINCT p.url) = 1 THEN ' page)' ELSE ' pages)' END AS rule,
    list_sort(list(DISTINCT p.source)) AS sources,
    list_sort(list(DISTINCT p.url)) AS evidence_ids
FROM staging.stg_press__flights AS p
LEFT JOIN intermediate.int_aircraft_keys AS k
    ON p.registration = k.registration AND k.icao24 IS NULL
WHERE
    p.claim_kind = 'flight'
    AND p.direction IN ('arrival', 'departure', 'visit')
    AND p.from_on = p.to_on
    AND p.base_id IS NOT NULL
GROUP BY p.base_id, p.event_group, p.from_on
