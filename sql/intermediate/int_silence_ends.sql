/*
grain: one row per landing at, or take-off from, a watched base that a silence shows
key: [icao24, stretch_no, direction, base_id]
empty_without: [intermediate.int_silence_fields]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence, or, for a take-off, that follows it"}
  silence_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  direction: {type: VARCHAR, values: [arrival, departure], doc: "Which end of the stay"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  at_s: {type: BIGINT, unit: s, doc: "When it landed or took off, by the usual time to fly between the field and where it was heard"}
  evidence: {type: VARCHAR, values: [aligned_loss, descent_loss, reappearance, inbound_only], doc: "Sort of evidence"}
  confidence: {type: INTEGER, doc: "4 strongest to 1, the band of the probability"}
  probability: {type: DOUBLE, doc: "That it was at the base during the silence, 0 to 1"}
  undecided_id: {type: VARCHAR, doc: "Shared by the bases of which one was visited, nobody can tell which; else null"}
  rule: {type: VARCHAR, doc: "What was seen, with its numbers"}
*/
WITH days_complete AS (
    SELECT DISTINCT
        base_id,
        day
    FROM intermediate.int_covered_days
    WHERE kind = 'flight' AND is_archive AND is_whole
),

listed AS (
    SELECT
        o.icao24,
        o.stretch_no,
        o.field_id,
        o.base_id,
        o.probability,
        o.place,
        s.stretch_after_no,
        s.is_ground_after,
        s.lost_s,
        s.back_s,
        s.gap_min,
        s.lost_sink_fpm,
        f.minutes_in,
        f.minutes_out,
        f.d1,
        f.d2,
        f.h1,
        f.h2,
        f.be1,
        f.closing,
        f.line1,
        count(o.base_id) FILTER (WHERE o.probability >= $undecided_least) OVER silence AS bases_likely,
        max(o.probability) OVER silence AS most_likely,
        c.base_id IS NOT NULL AS is_complete
    FROM intermediate.int_silence_odds AS o
    INNER JOIN intermediate.int_silences AS s ON o.icao24 = s.icao24 AND o.stretch_no = s.stretch_no
    INNER JOIN intermediate.int_silence_fields AS f
        ON o.icao24 = f.icao24 AND o.stretch_no = f.stretch_no AND o.field_id = f.field_id
    LEFT JOIN days_complete AS c ON o.base_id = c.base_id AND day_of_s(s.lost_s) = c.day
    WINDOW silence AS (PARTITION BY o.icao24, o.stretch_no)
),

counted AS (
    SELECT
        *,
        CASE
            WHEN NOT is_complete OR place > 1 THEN 1
            WHEN probability >= $probability_band_4 THEN 4
            WHEN probability >= $probability_band_3 THEN 3
            -- how many that are never heard again have landed, no lake tells: less than almost sure counts nowhere
            WHEN probability >= $probability_band_2 AND back_s IS NOT NULL THEN 2
            ELSE 1
        END AS confidence,
        CASE
            WHEN bases_likely > 1 AND most_likely < $probability_band_2 THEN format('{}-{}', icao24, lost_s)
        END AS undecided_id,
        -- a loss that leads away is of a flight before: of the stay the departure alone is known
        d1 > $silence_away_nm AND coalesce(be1 > $silence_away_deg, FALSE) AND coalesce(closing < $silence_away_closing, TRUE) AS leads_away,
        least(60 * minutes_in, 60 * $silence_move_min, 30 * gap_min) AS moved_in_s,
        least(60 * minutes_out, 60 * $silence_move_min, 30 * gap_min) AS moved_out_s
    FROM listed
    WHERE
        base_id IS NOT NULL
        AND probability >= $undecided_least
        -- most aircraft are never heard again because they flew on: of a single end only a near and low one says anything
        AND (
            back_s IS NOT NULL
            OR (probability >= $single_end_least AND d1 <= $single_end_nm AND h1 <= $single_end_ft)
        )
),

ends AS (
    SELECT
        c.*,
        'arrival' AS direction,
        c.stretch_no AS seen_no,
        c.lost_s + c.moved_in_s AS at_s,
        CASE
            WHEN c.h1 <= $track_aligned_last_height_ft AND c.d1 <= $track_aligned_last_km / 1.852 AND c.line1 < 1
                THEN 'aligned_loss'
            WHEN coalesce(c.lost_sink_fpm >= $track_sink_fpm, FALSE) OR c.h1 <= $track_loss_height_ft THEN 'descent_loss'
            ELSE 'inbound_only'
        END AS evidence,
        format('lost {:.1f} nm out at {:d} ft above the field', c.d1, c.h1::BIGINT) AS seen
    FROM counted AS c
    WHERE NOT c.leads_away

    UNION ALL
    SELECT
        c.*,
        'departure' AS direction,
        c.stretch_after_no AS seen_no,
        c.back_s - c.moved_out_s AS at_s,
        'reappearance' AS evidence,
        coalesce(
            format('heard again {:.1f} nm out at {:d} ft above the field', c.d2, c.h2::BIGINT),
            format('heard again {:.1f} nm out at an unknown height', c.d2)
        ) AS seen
    FROM counted AS c
    WHERE NOT c.is_ground_after AND c.back_s IS NOT NULL AND c.gap_min <= $stay_max_days * 1440
)

SELECT
    e.icao24,
    e.seen_no AS stretch_no,
    e.stretch_no AS silence_no,
    e.direction,
    e.base_id,
    e.at_s::BIGINT AS at_s,
    e.evidence,
    e.confidence,
    e.probability,
    e.undecided_id,
    e.seen
    || CASE
        WHEN e.back_s IS NULL THEN '; not heard since'
        ELSE format('; silent for {:d} min', e.gap_min::BIGINT)
    END
    || '; a stay here: ' || likely_words(e.probability) AS rule
FROM ends AS e
