-- Scalar macros: what several models compute alike, said once. The runner creates them before it builds a model, and a
-- macro stands in a model as if its text were written there. A macro reads no table and no threshold: models hand both in.
-- noqa: disable=CP05


-- Places
-- Positions and fields lie a few hundred kilometres apart at most, so the earth is taken as flat there, and meridians as
-- parallel lines: at 100 km that errs by less than a thousandth, and costs a tenth of the great circle. Differences are
-- there minus here, in degrees.

-- kilometres in a degree of the meridian: 2 pi times the mean radius of the earth (6,371.0 km, IUGG) by 360
CREATE OR REPLACE MACRO km_per_deg() AS 111.195;

-- kilometres along a meridian, for degrees
CREATE OR REPLACE MACRO km_of_deg(deg) AS km_per_deg() * deg;

-- a difference of two longitudes, as degrees from -180 up to 180 the short way round: across the antimeridian two
-- neighbours differ by nearly 360
CREATE OR REPLACE MACRO wrapped_deg(longitude_deg) AS mod(longitude_deg + 540, 360) - 180;

-- kilometres along the parallel of a latitude, for degrees of longitude
CREATE OR REPLACE MACRO east_km(longitude_deg, at_latitude) AS km_of_deg(longitude_deg) * cos(radians(at_latitude));

-- degrees of longitude at a latitude, the short way round, as degrees of the meridian of the same length
CREATE OR REPLACE MACRO east_deg(longitude_deg, at_latitude) AS wrapped_deg(longitude_deg) * cos(radians(at_latitude));

-- kilometres between two places that lie so many degrees of latitude and of longitude apart
CREATE OR REPLACE MACRO distance_km(latitude_deg, longitude_deg, at_latitude) AS
km_per_deg() * sqrt(power(latitude_deg, 2) + power(east_deg(longitude_deg, at_latitude), 2));

-- direction from here to there, degrees from true north, 0 to 360
CREATE OR REPLACE MACRO bearing_deg(latitude_deg, longitude_deg, at_latitude) AS
mod(degrees(atan2(east_deg(longitude_deg, at_latitude), latitude_deg)) + 360, 360);

-- angle between two directions, 0 to 180
CREATE OR REPLACE MACRO turn_deg(a, b) AS abs(mod(a - b + 900, 360) - 180);

-- nautical miles along the great circle, over any distance
CREATE OR REPLACE MACRO great_circle_nm(latitude, longitude, to_latitude, to_longitude) AS
km_of_deg(degrees(2 * asin(sqrt(
    power(sin(radians(to_latitude - latitude) / 2), 2)
    + cos(radians(latitude)) * cos(radians(to_latitude)) * power(sin(radians(to_longitude - longitude) / 2), 2)
)))) / 1.852;

-- how far a position lies off the line of a runway, and its track off the runway's direction: 1 is as far as a landing
-- (sign 1) or a take-off (sign -1) strays. Position in nautical miles east and north of the runway's middle. Far past the
-- runway, or on a track across it, the runway is not the one in use.
CREATE OR REPLACE MACRO line_off(east_nm, north_nm, heading_deg, track_deg, way) AS
abs(east_nm * cos(radians(heading_deg)) - north_nm * sin(radians(heading_deg)))
/ (0.4 + 0.05 * abs(east_nm * sin(radians(heading_deg)) + north_nm * cos(radians(heading_deg))))
+ least(turn_deg(track_deg, heading_deg), turn_deg(track_deg, heading_deg + 180)) / 15
+ CASE
    WHEN
        way * (east_nm * sin(radians(track_deg)) + north_nm * cos(radians(track_deg))) > 2
        THEN 20
    ELSE 0
END;

-- number of a square degree of the globe, from whole degrees of latitude and longitude (which may run over 180): what lies
-- near each other meets by it in an equality join
CREATE OR REPLACE MACRO cell_of(latitude_floor, longitude_floor) AS
(latitude_floor + 90) * 360 + mod(longitude_floor + 180 + 360, 360);


-- Times
-- Instants are kept in UTC: their day is taken without a look at time zones, which costs more than the rest of a model.

-- UTC day of whole seconds since 1970, before 1970 too
CREATE OR REPLACE MACRO day_of_s(at_s) AS make_timestamp(at_s::BIGINT * 1000000)::DATE;

-- UTC day of an instant
CREATE OR REPLACE MACRO day_of(instant) AS make_timestamp(epoch_us(instant))::DATE;

-- first day of the month of a day
CREATE OR REPLACE MACRO month_of(day) AS date_trunc('month', day)::DATE;

-- microseconds in so many minutes, as instants are compared in microseconds
CREATE OR REPLACE MACRO us_of_minutes(minutes) AS minutes * 60000000::BIGINT;


-- Speeds

-- kilometres covered in so many seconds at a speed in knots; of positions in one second the first may be a second old
CREATE OR REPLACE MACRO reach_km(speed_kt, seconds) AS speed_kt * 1.852 / 3600 * greatest(seconds, 1);

-- feet above a field by pressure, were it off by so much; what flies is above its field, so that no error takes more than
-- half of a low height away
CREATE OR REPLACE MACRO height_by_pressure(height_ft, off_ft) AS
CASE WHEN off_ft < 0 THEN greatest(height_ft + off_ft, least(height_ft // 2, height_ft)) ELSE height_ft + off_ft END;

-- seconds for which something held that so many positions show, from the first to the last: each stands for one step
CREATE OR REPLACE MACRO held_s(seconds, positions) AS seconds * positions // greatest(positions - 1, 1);

-- knots at which so many kilometres were covered in so many seconds; null for no time
CREATE OR REPLACE MACRO pace_kt(km, seconds) AS km / 1.852 / nullif(seconds, 0) * 3600;

-- minutes that an aircraft takes to a field so many nautical miles away: slow near it, at cruising speed far out. pace: how
-- many times as long as a jet's it takes. The speeds are those of jet transports on approach, below 10,000 ft, in descent
-- and at cruise.
CREATE OR REPLACE MACRO minutes_to_fly(nm, pace) AS
pace * 60 * (
    least(nm, 10) / 160
    + least(greatest(nm - 10, 0), 20) / 240
    + least(greatest(nm - 30, 0), 70) / 340
    + greatest(nm - 100, 0) / 420
);


-- Texts

-- a code in upper case without the blanks around it; null where nothing is left
CREATE OR REPLACE MACRO code_or_null(text) AS nullif(upper(trim(text)), '');

-- a registration as registers are matched by it: RA-82030 and ra82030 are one
CREATE OR REPLACE MACRO mark_of(registration) AS replace(upper(registration), '-', '');

-- the key of an aircraft as a part of identifiers: reg:RA-82030 as reg_ra_82030, an address as it is
CREATE OR REPLACE MACRO id_of_aircraft(aircraft) AS
CASE WHEN starts_with(aircraft, 'reg:') THEN regexp_replace(lower(aircraft), '[^a-z0-9]+', '_', 'g') ELSE aircraft END;


-- Judgement

-- whether a day's silence says anything: it was looked at, and nothing shows that nothing could be heard
CREATE OR REPLACE MACRO is_observable(observability) AS observability IN ('observed', 'unmeasured');

-- chance that the least likely of so many looks is as unlikely as p, null where p is: 1 - (1 - p)^looks. For small p the
-- difference drowns in rounding, looks times p does not; one look corrects nothing.
CREATE OR REPLACE MACRO p_of_looks(p, looks) AS
CASE
    WHEN p IS NULL THEN NULL
    WHEN p < 1e-9 THEN looks * p
    ELSE greatest(p, 1 - power(1 - p, looks))
END;

-- chance, at most, of no more than so many where so many are usual: Chernoff's bound of a negative binomial count, of which
-- `size` is how even it is (its variance is usual + usual^2 / size). For none at all the bound is the chance itself.
CREATE OR REPLACE MACRO p_of_so_few(heard, usual, size) AS
CASE
    WHEN usual IS NULL THEN NULL
    WHEN heard >= usual THEN 1
    ELSE exp(
        (heard + size) * ln((heard + size) / (usual + size))
        - CASE WHEN heard > 0 THEN heard * ln(heard / usual) ELSE 0 END
    )
END;

-- A step of a table of weights holds the readings from one bound up to the other; the step without bounds holds unknown
-- ones. As a reading below all that can be, unknown is found by the same comparison as the others.
CREATE OR REPLACE MACRO unknown_reading() AS '-infinity'::DOUBLE;

-- least reading of a step
CREATE OR REPLACE MACRO step_from(from_reading, to_reading) AS
CASE WHEN from_reading IS NULL AND to_reading IS NULL THEN unknown_reading() ELSE from_reading END;

-- where a step ends; that of unknown readings below all others
CREATE OR REPLACE MACRO step_to(from_reading, to_reading) AS
CASE WHEN from_reading IS NULL AND to_reading IS NULL THEN -1e300 ELSE to_reading END;

-- a probability in the words of the United States' intelligence community (ICD 203, 2015) and as so many in a hundred; nothing
-- that is inferred is certain
CREATE OR REPLACE MACRO likely_words(p) AS
CASE
    WHEN p IS NULL THEN NULL
    WHEN p > 0.95 THEN 'almost certain'
    WHEN p > 0.8 THEN 'very likely'
    WHEN p > 0.55 THEN 'likely'
    WHEN p > 0.45 THEN 'about as likely as not'
    WHEN p > 0.2 THEN 'unlikely'
    WHEN p > 0.05 THEN 'very unlikely'
    ELSE 'almost no chance'
END || format(', {:d} in 100', least(99, greatest(1, round(100 * p)))::BIGINT);
