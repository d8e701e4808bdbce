/*
grain: one row per cited page that reports a flight, a pause, a resumption or a total
key: [source, record_id]
empty_without: [raw.press_flights]
columns:
  source: {type: VARCHAR, doc: "Code of the source module"}
  record_id: {type: VARCHAR, doc: "Row of the press table"}
  event_group: {type: VARCHAR, doc: "Rows that report the same event share it"}
  from_on: {type: DATE, doc: "First day of the reported event, null where the page gives none"}
  to_on: {type: DATE, doc: "Last day of the reported event"}
  base_id: {type: VARCHAR, doc: "Base named"}
  direction: {type: VARCHAR, values: [arrival, departure, visit, unknown], doc: "What the aircraft did there"}
  aircraft_type: {type: VARCHAR, doc: "Type as printed"}
  registration: {type: VARCHAR, doc: "Registration, where exactly one is printed"}
  operator: {type: VARCHAR, doc: "Operator as printed"}
  flights: {type: BIGINT, doc: "Number of flights reported"}
  claim_kind: {type: VARCHAR, values: [flight, pause, resumption, monthly_count], doc: "What the row reports"}
  paraphrase: {type: VARCHAR, doc: "What the page says, in other words"}
  publisher: {type: VARCHAR, doc: "Who published the page"}
  published_on: {type: DATE, doc: "When, where known"}
  url: {type: VARCHAR, doc: "Address of the page"}
*/
SELECT
    source,
    record_id,
    event_group,
    event_date_from AS from_on,
    event_date_to AS to_on,
    base_id,
    direction,
    aircraft_type,
    CASE WHEN regexp_full_match(registration_or_hex, '[A-Z0-9]{1,2}-[A-Z0-9]{2,6}') THEN registration_or_hex END
        AS registration,
    operator,
    count AS flights,
    claim_kind,
    paraphrase,
    publisher,
    published_on,
    url
FROM raw.press_flights
