/*
grain: one row per silence and field that is not left behind, with the probability of a landing there
key: [icao24, stretch_no, field_id]
empty_without: [intermediate.int_silence_terms]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  base_id: {type: VARCHAR, doc: "The watched base; null for another field"}
  score: {type: DOUBLE, unit: log-odds, doc: "Sum of the points"}
  probability: {type: DOUBLE, doc: "That it landed there meanwhile, 0 to 1; over all fields of a silence at most 1"}
  place: {type: INTEGER, doc: "Rank among the fields of the silence, 1 the likeliest"}
*/
WITH scores AS (
    SELECT
        t.icao24,
        t.stretch_no,
        t.field_id,
        t.base_id,
        coalesce(
            (SELECT e.points FROM reference.evidence_terms AS e WHERE e.judge = 'whole' AND e.term_a = 'constant'), 0
        ) + p.points AS score
    FROM intermediate.int_silence_terms AS t
    INNER JOIN (
        SELECT
            icao24,
            stretch_no,
            field_id,
            sum(points::DECIMAL(18, 6))::DOUBLE AS points
        FROM intermediate.int_silence_points
        GROUP BY icao24, stretch_no, field_id
    ) AS p ON t.icao24 = p.icao24 AND t.stretch_no = p.stretch_no AND t.field_id = p.field_id
),

-- against the best field of the silence, so that two sure ones are still told apart
odds AS (
    SELECT
        *,
        exp(score - max(score) OVER silence) AS odds,
        -- the odds of no landing at all: one, against odds of exp(score)
        exp(-least(max(score) OVER silence, $silence_most_score)) AS none
    FROM scores
    WINDOW silence AS (PARTITION BY icao24, stretch_no)
)

SELECT
    icao24,
    stretch_no,
    field_id,
    base_id,
    score,
    odds / (none + sum(odds::DECIMAL(38, 18)) OVER silence) AS probability,
    row_number() OVER (PARTITION BY icao24, stretch_no ORDER BY score DESC, field_id) AS place
FROM odds
WINDOW silence AS (PARTITION BY icao24, stretch_no)
