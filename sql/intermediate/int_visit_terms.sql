/*
grain: one row per inferred visit, field where the aircraft may have been instead, and term
key: [visit_id, field_id, term]
empty_without: [intermediate.int_silence_odds]
columns:
  visit_id: {type: VARCHAR, doc: "Visit"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  field_name: {type: VARCHAR, doc: "Its name"}
  is_own: {type: BOOLEAN, doc: "It is the visit's own base"}
  probability: {type: DOUBLE, doc: "That the aircraft landed there"}
  term: {type: VARCHAR, doc: "What was weighed, by its short name; a pair joined by ` x `"}
  words: {type: VARCHAR, doc: "The same in words"}
  value: {type: DOUBLE, doc: "Its reading; null where unknown, and for a pair"}
  points: {type: DOUBLE, unit: log-odds, doc: "For a landing there; negative against it"}
*/
WITH inferred AS (
    SELECT
        visit_id,
        icao24,
        silence_no,
        base_id
    FROM intermediate.int_visits
    WHERE probability IS NOT NULL AND silence_no IS NOT NULL
),

fields AS (
    SELECT
        v.visit_id,
        v.icao24,
        v.silence_no,
        o.field_id,
        f.name AS field_name,
        coalesce(o.base_id = v.base_id, FALSE) AS is_own,
        o.probability
    FROM inferred AS v
    INNER JOIN intermediate.int_silence_odds AS o ON v.icao24 = o.icao24 AND v.silence_no = o.stretch_no
    INNER JOIN intermediate.int_fields AS f ON o.field_id = f.field_id
    WHERE coalesce(o.base_id = v.base_id, FALSE) OR o.probability >= $alternative_least
),

points AS (
    SELECT
        f.*,
        p.term,
        p.reading,
        p.points
    FROM fields AS f
    INNER JOIN intermediate.int_silence_points AS p
        ON f.icao24 = p.icao24 AND f.silence_no = p.stretch_no AND f.field_id = p.field_id

    UNION ALL
    -- what every field begins with: with it the points of a field add up to its log-odds
    SELECT
        f.*,
        e.term_a AS term,
        NULL AS reading,
        e.points
    FROM fields AS f
    INNER JOIN reference.evidence_terms AS e ON e.judge = 'whole' AND e.term_a = 'constant'
)

SELECT
    p.visit_id,
    p.field_id,
    p.field_name,
    p.is_own,
    p.probability,
    p.term,
    coalesce(w.words, a.words || ', together with ' || b.words, p.term) AS words,
    p.reading AS value,
    p.points
FROM points AS p
LEFT JOIN reference.evidence_words AS w ON p.term = w.term
LEFT JOIN reference.evidence_words AS a ON split_part(p.term, ' x ', 1) = a.term
LEFT JOIN reference.evidence_words AS b ON split_part(p.term, ' x ', 2) = b.term
