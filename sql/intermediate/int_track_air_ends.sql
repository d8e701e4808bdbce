/*
grain: one row per loss or appearance of an aircraft in the air that shows a landing at, or a take-off from, a watched base
key: [icao24, stretch_no, direction]
empty_without: [intermediate.int_track_stretches]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends or begins there"}
  direction: {type: VARCHAR, values: [arrival, departure], doc: "A loss is an arrival, an appearance a departure"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  at_s: {type: BIGINT, unit: s, doc: "Last position before the loss, or first after the appearance"}
  evidence: {type: VARCHAR, values: [aligned_loss, descent_loss, reappearance, inbound_only], doc: "Sort of evidence"}
  confidence: {type: INTEGER, doc: "3 strongest to 1, before interference and what follows are weighed"}
  rule: {type: VARCHAR, doc: "Which rule fired, with its numbers"}
*/
-- Both directions are one geometry: time is counted from the end of the track that lies at the field, the course points
-- towards the field, and `closing` is the rate at which height is lost towards it.
-- Kept in one file: both directions share one geometry, whose rows are many times the ends that come of it and are
-- never stored.
WITH days_complete AS (
    SELECT DISTINCT
        base_id,
        day
    FROM intermediate.int_covered_days
    WHERE kind = 'flight' AND is_archive AND is_whole
),

-- stray ground reports of a second or two say nothing, unless the aircraft all but stands
flights AS (
    SELECT
        s.*,
        (s.last_height_ft + coalesce(l.elevation_ft, 0))::INTEGER AS last_altitude_ft,
        (s.first_height_ft + coalesce(f.elevation_ft, 0))::INTEGER AS first_altitude_ft
    FROM intermediate.int_track_stretches AS s
    LEFT JOIN reference.bases AS f ON s.first_base_id = f.base_id
    LEFT JOIN reference.bases AS l ON s.last_base_id = l.base_id
    WHERE
        NOT s.is_ground
        OR s.fresh_points = 0
        OR s.end_s - s.start_s >= $track_ground_min_s
        OR s.slowest_kt <= $track_taxi_speed_kt
),

around AS (
    SELECT
        *,
        coalesce(
            lead(begins_by) OVER flight = 'silence' OR lead(start_s) OVER flight - end_s > $track_split_s, TRUE
        ) AS is_lost,
        lead(start_s) OVER flight - end_s AS quiet_after_s,
        start_s - lag(end_s) OVER flight AS quiet_before_s,
        lead(is_ground) OVER flight AS ground_after,
        lead(first_altitude_ft) OVER flight AS altitude_after_ft,
        coalesce(
            NOT lead(is_ground) OVER flight
            AND lead(first_altitude_ft) OVER flight < $track_fresh_below_ft
            AND lead(climb_ft) OVER flight > $track_fresh_climb_ft
            AND lead(start_s) OVER flight - end_s > $track_fresh_gap_s,
            FALSE
        ) AS departs_after
    FROM flights
    WINDOW flight AS (PARTITION BY icao24 ORDER BY stretch_no)
),

candidates AS (
    SELECT
        icao24,
        stretch_no,
        'arrival' AS direction,
        -1 AS sign,
        last_s AS at_s,
        last_latitude AS latitude,
        last_longitude AS longitude,
        last_altitude_ft AS altitude_ft,
        last_height_basis AS height_basis,
        quiet_after_s AS quiet_s,
        departs_after,
        is_helicopter,
        serves,
        climb_ft
    FROM around
    WHERE
        NOT is_ground
        AND is_lost
        AND ends_by <> 'leap'
        AND is_sound
        AND fresh_points >= $track_min_points
        AND end_s - last_s <= $track_stale_tail_s
        AND last_distance_km <= $track_loss_km
        AND last_height_ft <= $track_inbound_height_ft
        -- it was heard flying on, low and level, soon after: a hole in the coverage, not a landing
        AND NOT coalesce(
            NOT ground_after
            AND NOT departs_after
            AND quiet_after_s <= $track_join_gap_s
            AND abs(altitude_after_ft - last_altitude_ft) < $track_join_height_ft,
            FALSE
        )

    UNION ALL
    SELECT
        icao24,
        stretch_no,
        'departure' AS direction,
        1 AS sign,
        first_s AS at_s,
        first_latitude AS latitude,
        first_longitude AS longitude,
        first_altitude_ft AS altitude_ft,
        first_height_basis AS height_basis,
        quiet_before_s AS quiet_s,
        FALSE AS departs_after,
        is_helicopter,
        serves,
        climb_ft
    FROM around
    WHERE
        NOT is_ground
        AND begins_by = 'silence'
        AND is_sound
        AND fresh_points >= $track_min_points
        AND first_distance_km <= $track_loss_km
        AND first_height_ft <= $track_loss_height_ft
        AND coalesce(quiet_before_s, $track_fresh_gap_s + 1) > $track_fresh_gap_s
        AND climb_ft > $track_fresh_climb_ft
),

tails AS (
    SELECT
        c.icao24,
        c.stretch_no,
        c.direction,
        abs(p.at_s - c.at_s) AS t,
        p.latitude,
        p.longitude,
        p.height_ft + coalesce(b.elevation_ft, 0) AS altitude_ft,
        p.speed_kt,
        p.track_deg,
        c.sign * p.rate_fpm AS closing_fpm
    FROM candidates AS c
    INNER JOIN intermediate.int_track_points AS p ON c.icao24 = p.icao24 AND c.stretch_no = p.stretch_no
    LEFT JOIN reference.bases AS b ON p.base_id = b.base_id
    WHERE p.is_fresh AND abs(p.at_s - c.at_s) <= $track_tail_s
),

shapes AS (
    SELECT
        icao24,
        stretch_no,
        direction,
        arg_min(closing_fpm, t, $track_sink_reports) AS last_rates,
        coalesce(regr_slope(altitude_ft, t) * 60, 0) AS closing_fpm,
        arg_max(latitude, t) FILTER (WHERE t <= $track_course_s) AS far_latitude,
        arg_max(longitude, t) FILTER (WHERE t <= $track_course_s) AS far_longitude,
        max(t) FILTER (WHERE t <= $track_course_s) AS far_s,
        arg_min(track_deg, t) AS track_deg,
        arg_min(speed_kt, t) AS speed_kt
    FROM tails
    GROUP BY icao24, stretch_no, direction
),

courses AS (
    SELECT
        c.*,
        len(list_filter(s.last_rates, LAMBDA rate: rate > $track_sink_fpm)) AS closing_reports,
        s.closing_fpm,
        CASE
            WHEN s.far_s >= 10
                THEN
                    degrees(atan2(
                        east_deg(c.longitude - s.far_longitude, c.latitude),
                        c.latitude - s.far_latitude
                    ))
            ELSE s.track_deg + CASE c.direction WHEN 'departure' THEN 180 ELSE 0 END
        END AS course_deg,
        coalesce(
            s.speed_kt,
            km_per_deg() / 1.852 * 3600 / nullif(s.far_s, 0) * sqrt(
                power(c.latitude - s.far_latitude, 2)
                + power(east_deg(c.longitude - s.far_longitude, c.latitude), 2)
            )
        ) AS speed_kt
    FROM candidates AS c
    INNER JOIN shapes AS s
        ON c.icao24 = s.icao24 AND c.stretch_no = s.stretch_no AND c.direction = s.direction
),

-- A height by uncorrected pressure may be wrong by as much as the weather makes of it: each such end is judged at
-- three heights.
heights AS (
    SELECT
        *,
        unnest(CASE WHEN height_basis < 2 THEN [0, -$track_pressure_error_ft, $track_pressure_error_ft] ELSE [0] END)
            AS off_ft
    FROM courses
),

placed AS (
    SELECT
        c.*,
        p.place_id,
        p.base_id,
        p.serves AS place_serves,
        p.latitude AS place_latitude,
        p.longitude AS place_longitude,
        height_by_pressure(c.altitude_ft - p.elevation_ft, c.off_ft) AS height_ft,
        east_km(wrapped_deg(p.longitude - c.longitude), c.latitude) AS east_km,
        km_of_deg(p.latitude - c.latitude) AS north_km
    FROM heights AS c
    INNER JOIN intermediate.int_track_places AS p
        ON
            cell_of(floor(c.latitude)::INTEGER, floor(c.longitude)::INTEGER) = p.cell
),

aimed AS (
    SELECT
        *,
        sqrt(east_km * east_km + north_km * north_km) AS distance_km,
        east_km * sin(radians(course_deg)) + north_km * cos(radians(course_deg)) AS along_km,
        abs(east_km * cos(radians(course_deg)) - north_km * sin(radians(course_deg))) AS across_km,
        -- how far the aircraft flies at this speed until its height is used up
        CASE
            WHEN closing_fpm >= $track_sink_fpm THEN speed_kt * 1.852 / 60 * greatest(height_ft, 0) / closing_fpm
        END AS glide_km
    FROM placed
),

judged AS (
    SELECT
        *,
        CASE WHEN along_km >= 0 THEN across_km ELSE distance_km END AS miss_km,
        -- An arrival must point at its field. A departure has turned on course, but cannot come from farther away than
        -- it has climbed.
        CASE direction
            WHEN 'arrival'
                THEN
                    CASE WHEN along_km >= 0 THEN across_km ELSE distance_km END
                    + coalesce(abs(distance_km - glide_km) / 2, distance_km)
            ELSE
                CASE WHEN along_km >= 0 THEN across_km ELSE distance_km END / 2
                + coalesce(greatest(distance_km - glide_km, (glide_km - distance_km) / 2), distance_km)
        END
        + CASE
            WHEN
                (serves = 'military' AND place_serves = 'civil') OR (serves = 'civil' AND place_serves = 'military')
                THEN $track_class_penalty_km
            ELSE 0
        END AS error_km
    FROM aimed
    WHERE distance_km <= $track_loss_km
),

ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY icao24, stretch_no, direction, off_ft ORDER BY error_km, place_id) AS place_rank,
        lead(error_km) OVER (PARTITION BY icao24, stretch_no, direction, off_ft ORDER BY error_km, place_id) AS runner_up_km,
        -- of the other fields within reach, the nearest: a turn towards it may still come, or have been
        min(
            CASE
                WHEN
                    distance_km <= $track_hit_km + glide_km
                    * CASE direction WHEN 'arrival' THEN $track_profile_max ELSE $track_climb_profile_max END
                    THEN distance_km
            END
        ) OVER (
            PARTITION BY icao24, stretch_no, direction, off_ft
            ORDER BY error_km, place_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS rival_km
    FROM judged
),

lines AS (
    SELECT
        r.base_id,
        r.le_ident || '/' || r.he_ident AS runway,
        r.heading_deg_true AS heading_deg,
        coalesce((r.le_latitude + r.he_latitude) / 2, b.latitude) AS latitude,
        coalesce((r.le_longitude + r.he_longitude) / 2, b.longitude) AS longitude,
        r.le_latitude + r.he_latitude IS NOT NULL AND r.heading_basis = 'true' AS is_exact
    FROM reference.runways AS r
    INNER JOIN reference.bases AS b ON r.base_id = b.base_id
    WHERE NOT r.is_closed
),

-- positions on the line of a runway, or on a line beside it: not every runway's place is known
on_lines AS (
    SELECT
        j.icao24,
        j.stretch_no,
        j.direction,
        j.off_ft,
        j.base_id,
        l.runway,
        l.is_exact,
        t.t,
        km_of_deg(abs(
            east_deg(t.longitude - l.longitude, l.latitude) * cos(radians(l.heading_deg))
            - (t.latitude - l.latitude) * sin(radians(l.heading_deg))
        )) AS beside_km,
        l.is_exact AND beside_km * 1000 <= $track_aligned_max_offset_m AS is_on_line,
        km_of_deg(abs(
            east_deg(t.longitude - l.longitude, l.latitude) * sin(radians(l.heading_deg))
            + (t.latitude - l.latitude) * cos(radians(l.heading_deg))
        )) AS before_km,
        abs(mod(coalesce(t.track_deg, j.course_deg) - l.heading_deg + 720 + 90, 180) - 90) AS angle_deg
    FROM judged AS j
    INNER JOIN lines AS l ON j.base_id = l.base_id
    INNER JOIN tails AS t
        ON j.icao24 = t.icao24 AND j.stretch_no = t.stretch_no AND j.direction = t.direction
    WHERE
        j.direction = 'arrival'
        AND NOT j.is_helicopter
        AND j.distance_km <= $track_aligned_last_km
        AND j.height_ft <= $track_aligned_last_height_ft
        AND j.closing_reports >= $track_sink_reports_min
        AND t.altitude_ft - (j.altitude_ft - j.height_ft) < $track_aligned_height_ft
        -- the field lies ahead, or underneath
        AND (j.along_km > 0 OR j.distance_km <= $track_on_field_km)
),

alignments_by_runway AS (
    SELECT
        icao24,
        stretch_no,
        direction,
        off_ft,
        base_id,
        runway,
        held_s(max(t) - min(t), count(*)) AS aligned_s,
        coalesce(
            held_s(
                max(t) FILTER (WHERE is_on_line) - min(t) FILTER (WHERE is_on_line),
                count(*) FILTER (WHERE is_on_line)
            ),
            0
        ) AS exact_s,
        min(beside_km) AS nearest_km
    FROM on_lines
    WHERE
        angle_deg <= CASE WHEN is_exact THEN $track_aligned_angle_deg ELSE $track_designator_error_deg END
        AND beside_km * 1000 <= $track_parallel_max_offset_m
        + CASE WHEN is_exact THEN 0 ELSE 1000 * before_km * tan(radians($track_designator_error_deg)) END
    GROUP BY icao24, stretch_no, direction, off_ft, base_id, runway
    HAVING held_s(max(t) - min(t), count(*)) >= $track_aligned_min_s AND min(t) <= $track_aligned_min_s
),

alignments AS (
    SELECT * FROM alignments_by_runway
    QUALIFY row_number() OVER (
        PARTITION BY icao24, stretch_no, off_ft
        ORDER BY exact_s >= $track_aligned_min_s DESC, nearest_km, aligned_s DESC, base_id, runway
    ) = 1
),

floors AS (
    -- the height below which a base's arrivals are lost, month by month, where enough of them were heard
    SELECT
        base_id,
        month_of(day) AS month,
        median(height_ft)::INTEGER AS floor_ft
    FROM (
        SELECT
            base_id,
            day,
            unnest(last_heights_ft) AS height_ft
        FROM staging.stg_readsb__background
    ) AS heard
    GROUP BY base_id, month
    HAVING count(*) >= $coverage_min_background
),

fired AS (
    SELECT
        j.*,
        a.runway,
        a.aligned_s,
        a.exact_s,
        a.nearest_km,
        f.floor_ft,
        CASE
            WHEN j.direction = 'arrival' AND a.runway IS NOT NULL THEN 'aligned_loss'
            WHEN
                j.is_helicopter AND j.distance_km > $track_helicopter_field_km
                THEN NULL
            WHEN
                j.height_ft <= $track_loss_height_ft
                AND j.closing_fpm >= $track_sink_fpm
                AND j.place_rank = 1
                AND coalesce(
                    j.runner_up_km >= $track_runner_up_ratio * greatest(j.error_km, $track_error_floor_km), TRUE
                )
                AND j.distance_km <= $track_hit_km
                + j.glide_km * CASE j.direction WHEN 'arrival' THEN $track_profile_max ELSE $track_climb_profile_max END
                AND CASE j.direction
                    WHEN 'arrival'
                        THEN
                            j.miss_km <= $track_hit_km + $track_hit_share * j.distance_km
                            AND j.closing_reports >= $track_sink_reports_min
                            -- too high to land straight ahead, it will turn away
                            AND j.glide_km <= $track_steep_max * j.distance_km
                            AND coalesce(j.rival_km >= $track_runner_up_ratio * j.distance_km, TRUE)
                    ELSE
                        j.glide_km <= $track_hit_km + $track_profile_max * j.distance_km
                        AND (j.distance_km <= $track_exit_km OR j.miss_km <= $track_leave_share * j.distance_km)
                        AND j.error_km <= $track_hit_km + $track_leave_share * j.distance_km
                        AND coalesce(j.rival_km >= $track_runner_up_ratio * j.distance_km, TRUE)
                END
                THEN CASE j.direction WHEN 'arrival' THEN 'descent_loss' ELSE 'reappearance' END
            WHEN
                j.direction = 'arrival'
                AND j.place_rank = 1
                AND j.height_ft <= f.floor_ft
                AND j.along_km >= j.distance_km * cos(radians($track_inbound_angle_deg))
                THEN 'inbound_only'
        END AS evidence
    FROM ranked AS j
    LEFT JOIN alignments AS a
        ON
            j.icao24 = a.icao24 AND j.stretch_no = a.stretch_no AND j.base_id = a.base_id AND j.direction = a.direction
            AND j.off_ft = a.off_ft
    LEFT JOIN floors AS f
        ON
            j.base_id = f.base_id
            AND month_of(day_of_s(j.at_s)) = f.month
    WHERE j.base_id IS NOT NULL
),

timed AS (
    SELECT
        *,
        CASE evidence
            WHEN 'aligned_loss' THEN $track_aligned_silence_s
            WHEN 'reappearance' THEN -$track_fresh_gap_s
            ELSE $track_loss_silence_s
        END AS needed_s,
        -- whatever the pressure was, it shows the same field
        height_basis >= 2 OR count_if(evidence <> 'inbound_only') OVER end_at_base = 3 AS is_height_sure
    FROM fired
    WHERE evidence IS NOT NULL
    WINDOW end_at_base AS (PARTITION BY icao24, stretch_no, direction, base_id)
)

SELECT
    t.icao24,
    t.stretch_no,
    t.direction,
    t.base_id,
    t.at_s,
    t.evidence,
    CASE t.evidence WHEN 'aligned_loss' THEN 3 WHEN 'inbound_only' THEN 1 ELSE 2 END
    - CASE WHEN NOT t.is_height_sure AND t.evidence <> 'inbound_only' THEN 1 ELSE 0 END AS confidence,
    CASE t.evidence
        WHEN 'aligned_loss'
            THEN
                format(
                    'lost {:.1f} km out at {:d} ft above the field, {:d} s {}, sinking in {:d} of its last {:d} reports',
                    t.distance_km,
                    t.height_ft,
                    CASE WHEN t.exact_s >= $track_aligned_min_s THEN t.exact_s ELSE t.aligned_s END,
                    CASE
                        WHEN t.exact_s >= $track_aligned_min_s THEN 'on the line of runway ' || t.runway
                        ELSE format('along runway {}, {:.1f} km beside its listed line', t.runway, t.nearest_km)
                    END,
                    t.closing_reports,
                    $track_sink_reports
                )
        WHEN 'descent_loss'
            THEN
                format(
                    'lost {:.1f} km out at {:d} ft above the field, sinking {:d} ft/min; its path passes {:.1f} km from the field',
                    t.distance_km, t.height_ft, t.closing_fpm::INTEGER, t.miss_km
                )
        WHEN 'reappearance'
            THEN
                format(
                    'first heard {:.1f} km out at {:d} ft above the field, climbing {:d} ft/min; its path leads {:.1f} km past the field',
                    t.distance_km, t.height_ft, t.closing_fpm::INTEGER, t.miss_km
                )
        ELSE format(
            'lost {:.1f} km out at {:d} ft above the field, inbound, below the {:d} ft at which arrivals are lost that month',
            t.distance_km, t.height_ft, t.floor_ft
        )
    END
    || CASE
        WHEN t.direction = 'departure' AND t.quiet_s IS NULL THEN '; never heard before'
        WHEN t.direction = 'departure' THEN format('; silent for {:d} min before', t.quiet_s // 60)
        WHEN t.quiet_s IS NULL THEN '; not heard since'
        ELSE format('; silent for {:d} min', t.quiet_s // 60)
    END
    || CASE WHEN t.height_basis < 2 THEN '; height by uncorrected pressure only' ELSE '' END AS rule
FROM timed AS t
WHERE
    t.off_ft = 0
    AND (t.direction = 'departure' OR t.departs_after OR coalesce(t.quiet_s >= t.needed_s, TRUE))
    -- silence counts only on days that were taken in whole, for a base that was looked for
    AND EXISTS (
        SELECT 1
        FROM days_complete AS d
        WHERE d.base_id = t.base_id AND d.day = day_of_s(t.at_s)
    )
    AND EXISTS (
        SELECT 1
        FROM days_complete AS d
        WHERE d.base_id = t.base_id AND d.day = day_of_s(t.at_s + t.needed_s)
    )
QUALIFY
    row_number() OVER (
        PARTITION BY t.icao24, t.stretch_no, t.direction ORDER BY t.evidence <> 'aligned_loss', t.error_km, t.base_id
    ) = 1
