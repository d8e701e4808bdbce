/*
grain: one row per silence and field that is not left behind, with everything that it is judged by
key: [icao24, stretch_no, field_id]
empty_without: [intermediate.int_silence_fields]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  base_id: {type: VARCHAR, doc: "The watched base; null for another field"}
  slack: {type: DOUBLE, doc: "As in int_silence_fields, like all that follow down to mismatch"}
  need: {type: DOUBLE, unit: share, doc: "Time to fly both ways, as a share of the silence"}
  length: {type: DOUBLE, doc: "Logarithm of one and the minutes of the silence"}
  direct: {type: DOUBLE, unit: ratio, doc: "Speed straight from loss to return, against the speed flown"}
  detour: {type: DOUBLE, doc: "Logarithm of the way by the field against the straight one"}
  off1: {type: DOUBLE, unit: deg, doc: "Angle at the loss between its track and the straight way to the return"}
  off2: {type: DOUBLE, unit: deg, doc: "Angle at the return between its track and that way"}
  height_change: {type: DOUBLE, unit: ft, doc: "Difference of the heights of loss and return"}
  height_most: {type: DOUBLE, unit: ft, doc: "The greater of both"}
  angle_sum: {type: DOUBLE, unit: deg, doc: "Sum of be1 and be2"}
  angle_most: {type: DOUBLE, unit: deg, doc: "The greater of both"}
  way_sum: {type: DOUBLE, unit: nm, doc: "Sum of d1 and d2"}
  way_most: {type: DOUBLE, unit: nm, doc: "The greater of both"}
  d1: {type: DOUBLE, unit: nm, doc: "Distance of the loss from the field"}
  d2: {type: DOUBLE, unit: nm, doc: "The same at the return"}
  h1: {type: DOUBLE, unit: ft, doc: "Height of the loss above the field"}
  h2: {type: DOUBLE, unit: ft, doc: "The same at the return"}
  be1: {type: DOUBLE, unit: deg, doc: "Angle at the loss between its track and the way to the field"}
  be2: {type: DOUBLE, unit: deg, doc: "Angle at the return between its track and the way from the field"}
  glide1: {type: DOUBLE, doc: "Height at the loss against that of a normal descent: logarithm of the ratio"}
  glide2: {type: DOUBLE, doc: "The same at the return, for a climb"}
  aim1: {type: DOUBLE, doc: "Time to sink to the field against time to reach it: logarithm of the ratio"}
  aim2: {type: DOUBLE, doc: "The same at the return, for the climb"}
  closing: {type: DOUBLE, unit: ratio, doc: "Way made towards the field in the last 300 s, against the way flown"}
  opening: {type: DOUBLE, unit: ratio, doc: "Way made away from it in the first 300 s"}
  line1: {type: DOUBLE, doc: "How far off the line of the field's nearest runway at the loss"}
  line2: {type: DOUBLE, doc: "The same at the return"}
  deaf: {type: DOUBLE, doc: "Logarithm of one and the days of the silence that were not taken in whole"}
  alive: {type: DOUBLE, doc: "Logarithm of one and the positions of others in the hour after the loss"}
  mismatch: {type: DOUBLE, doc: "1 where aircraft and field are of different sorts, 0.5 where nobody knows, else 0"}
  is_ground_after: {type: DOUBLE, doc: "1 where it was next heard on the ground, else 0"}
  kind: {type: DOUBLE, doc: "1 helicopter, 2 light, 3 turboprop, 4 jet, 5 heavy jet; null unknown"}
  lead: {type: DOUBLE, unit: log-odds, doc: "First score less the best of fields more than $rival_nm away; null where there are none"}
  beaten_by: {type: DOUBLE, unit: fields, doc: "How many such fields have a better first score"}
  nearer: {type: DOUBLE, unit: nm, doc: "Distance of the loss to the nearest other field, less that to this one"}
  here: {type: DOUBLE, doc: "Logarithm of one and the days with sure stays of this aircraft here, others than this silence"}
  elsewhere: {type: DOUBLE, doc: "The same at all other fields"}
*/
WITH scored AS (
    SELECT
        f.*,
        s.score,
        row_number() OVER (PARTITION BY f.icao24, f.stretch_no ORDER BY s.score DESC, f.field_id) AS place
    FROM intermediate.int_silence_fields AS f
    INNER JOIN intermediate.int_silence_first AS s
        ON f.icao24 = s.icao24 AND f.stretch_no = s.stretch_no AND f.field_id = s.field_id
),

-- fields nearer to each other than $rival_nm are no rivals: nobody can tell them apart, or needs to
rivals AS (
    SELECT
        a.icao24,
        a.stretch_no,
        a.field_id,
        max(b.score) AS best_score,
        count(*) FILTER (WHERE b.score > a.score) AS beaten_by,
        min(b.d1) AS nearest_d1
    FROM scored AS a
    INNER JOIN scored AS b
        ON a.icao24 = b.icao24 AND a.stretch_no = b.stretch_no AND a.field_id <> b.field_id
    WHERE
        distance_km(a.latitude - b.latitude, a.longitude - b.longitude, a.latitude) / 1.852 > $rival_nm
    GROUP BY a.icao24, a.stretch_no, a.field_id
),

histories AS (
    SELECT
        f.icao24,
        f.stretch_no,
        f.field_id,
        count(DISTINCT day_of_s(y.at_s)) FILTER (WHERE y.field_id = f.field_id) AS here,
        count(DISTINCT day_of_s(y.at_s)) FILTER (WHERE y.field_id <> f.field_id) AS elsewhere
    FROM scored AS f
    INNER JOIN intermediate.int_sure_stays AS y ON f.icao24 = y.icao24
    WHERE
        y.at_s NOT BETWEEN f.lost_s - $history_apart_min * 60 AND coalesce(f.back_s, f.lost_s) + $history_apart_min * 60
    GROUP BY f.icao24, f.stretch_no, f.field_id
)

SELECT
    f.icao24,
    f.stretch_no,
    f.field_id,
    f.base_id,
    f.slack,
    f.need,
    f.length,
    f.direct,
    f.detour,
    f.off1,
    f.off2,
    f.height_change,
    f.height_most,
    f.angle_sum,
    f.angle_most,
    f.way_sum,
    f.way_most,
    f.d1,
    f.d2,
    f.h1,
    f.h2,
    f.be1,
    f.be2,
    f.glide1,
    f.glide2,
    f.aim1,
    f.aim2,
    f.closing,
    f.opening,
    f.line1,
    f.line2,
    f.deaf,
    f.alive,
    f.mismatch,
    f.is_ground_after,
    f.kind,
    f.score - r.best_score AS lead,
    coalesce(r.beaten_by, 0) AS beaten_by,
    r.nearest_d1 - f.d1 AS nearer,
    ln(1 + coalesce(h.here, 0)) AS here,
    ln(1 + coalesce(h.elsewhere, 0)) AS elsewhere
FROM scored AS f
LEFT JOIN rivals AS r ON f.icao24 = r.icao24 AND f.stretch_no = r.stretch_no AND f.field_id = r.field_id
LEFT JOIN histories AS h ON f.icao24 = h.icao24 AND f.stretch_no = h.stretch_no AND f.field_id = h.field_id
WHERE f.score >= $silence_first_score OR f.place <= $silence_first_places
