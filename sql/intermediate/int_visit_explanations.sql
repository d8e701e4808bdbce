/*
grain: one row per inferred visit, with what speaks for it, and what else may have been
key: [visit_id]
empty_without: [intermediate.int_silence_odds]
columns:
  visit_id: {type: VARCHAR, doc: "Visit"}
  explained_by: {type: "VARCHAR[]", doc: "The terms that weigh most, in words with their points (log-odds, for or against), strongest first"}
  alternatives: {type: "STRUCT(explanation VARCHAR, probability DOUBLE)[]", doc: "Other fields where the aircraft may have landed instead, likeliest first, and last that it landed at no listed field"}
*/
WITH strongest AS (
    SELECT
        visit_id,
        list(format('{} ({:+.1f})', words, points) ORDER BY abs(points) DESC, term)[:5] AS explained_by
    FROM intermediate.int_visit_terms
    WHERE is_own AND term <> 'constant'
    GROUP BY visit_id
),

fields AS (
    SELECT
        v.visit_id,
        o.field_id,
        o.probability,
        coalesce(o.base_id = v.base_id, FALSE) AS is_own,
        f.name
    FROM intermediate.int_visits AS v
    INNER JOIN intermediate.int_silence_odds AS o ON v.icao24 = o.icao24 AND v.silence_no = o.stretch_no
    INNER JOIN intermediate.int_fields AS f ON o.field_id = f.field_id
    WHERE v.probability IS NOT NULL
),

others AS (
    SELECT
        visit_id,
        coalesce(
            list(
                { 'explanation': 'a landing at ' || name || ' (' || field_id || ')', 'probability': round(probability, 3) }
                ORDER BY probability DESC, field_id
            ) FILTER (WHERE NOT is_own AND probability >= $alternative_least),
            []
        ) AS landings,
        greatest(0, 1 - sum(probability::DECIMAL(18, 9)))::DOUBLE AS none
    FROM fields
    GROUP BY visit_id
)

SELECT
    s.visit_id,
    s.explained_by,
    list_append(
        o.landings,
        { 'explanation': 'no landing at a listed field: it flew on, stayed up, or was not listened to', 'probability': round(o.none, 3) }
    ) AS alternatives
FROM strongest AS s
INNER JOIN others AS o ON s.visit_id = o.visit_id
