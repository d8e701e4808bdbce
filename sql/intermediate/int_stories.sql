/*
grain: one row per base that an article names, with the story that the article tells
key: [article_id, base_id]
empty_without: [staging.stg_news__mentions]
columns:
  article_id: {type: VARCHAR, doc: "Article"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  story_id: {type: VARCHAR, doc: "Copies, translations and retellings of one story share it; made from its first article"}
  url: {type: VARCHAR, doc: "Address"}
  domain: {type: VARCHAR, doc: "Host: the publisher"}
  published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Earliest time of publication that any source gives; null where none has a time to go by"}
  published_basis: {type: VARCHAR, doc: "Where that time is from, or why there is none"}
  published_from: {type: TIMESTAMPTZ, unit: UTC, doc: "Earliest time that the stated one can be; null where it is exact"}
  published_to: {type: TIMESTAMPTZ, unit: UTC, doc: "Latest time that the stated one can be; null where it is exact"}
  seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When a source first saw it"}
  language: {type: VARCHAR, doc: "ISO 639-1 code"}
  title: {type: VARCHAR, doc: "Title as printed"}
  origin: {type: VARCHAR, doc: "Outlet or agency that the article credits; else that which the story's first crediting article does"}
  data_origin: {type: VARCHAR, doc: "Service whose records the article rests on"}
  story_articles: {type: BIGINT, doc: "Articles of the story"}
  story_publishers: {type: BIGINT, doc: "Publishers of the story"}
  matched_alias: {type: VARCHAR, doc: "Name by which the base was found"}
  alias_strength: {type: VARCHAR, values: [strong, weak_with_cue], doc: "Whether that name counts alone"}
  reports_pause: {type: BOOLEAN, doc: "Whether it reports a pause"}
  reports_resumption: {type: BOOLEAN, doc: "Whether it reports flights resumed"}
  verb_strength: {type: VARCHAR, values: [landed, seen_towards, claimed], doc: "The strongest thing it says of arrivals"}
  claimed_pause_days: {type: INTEGER, unit: day, doc: "Length of the pause it claims"}
  claimed_types: {type: "VARCHAR[]", doc: "ICAO types it speaks of there"}
  claimed_from: {type: DATE, unit: UTC, doc: "First day of the flights it claims"}
  claimed_to: {type: DATE, unit: UTC, doc: "Last such day"}
  sources: {type: "VARCHAR[]", doc: "Sources that brought it"}
*/
-- Two articles that name the same base tell one story where, no more than $news_story_hours apart, they speak of flights
-- and credit the same origin, have the same title, or claim the same types on the same days (so across languages); so do
-- two with nearly the same text, whatever they name. An article without a time of publication tells a story of its own, since
-- nothing says which others it is near. What such pairs link hangs together; a chain of credits, titles or
-- claims is cut after $news_story_days.
-- Kept in one file: the rounds that link articles need their links and their numbers beside them.
WITH RECURSIVE articles AS (
    SELECT
        article_id,
        arg_min(url, (published_at IS NULL, published_at, source)) AS url,
        arg_min(domain, (published_at IS NULL, published_at, source)) AS domain,
        min(published_at) AS published_at,
        arg_min(
            { basis: published_basis, earliest: published_from, latest: published_to },
            (published_at IS NULL, published_at, source)
        ) AS stated,
        min(seen_at) AS seen_at,
        arg_min(language, (published_at IS NULL, published_at, source)) AS language,
        arg_min(title, (published_at IS NULL, published_at, source)) AS title,
        arg_min(origin, (published_at IS NULL, published_at, source)) AS origin,
        arg_min(data_origin, (published_at IS NULL, published_at, source)) AS data_origin,
        arg_min(title_key, (published_at IS NULL, published_at, source)) AS title_key,
        arg_min(text_simhash, (text_simhash IS NULL, published_at IS NULL, published_at, source)) AS text_simhash
    FROM staging.stg_news__articles
    GROUP BY article_id
),

numbered AS (
    SELECT
        *,
        row_number() OVER (ORDER BY published_at, article_id) AS place
    FROM articles
),

-- what must be equal for two articles to be linked, one row a reason
shared AS (
    SELECT DISTINCT
        a.place,
        a.published_at,
        unnest([
            CASE
                WHEN a.origin IS NOT NULL AND (m.reports_pause OR m.reports_resumption OR m.verb_strength IS NOT NULL)
                    THEN 'credit ' || m.base_id || ' ' || a.origin
            END,
            CASE WHEN a.title_key IS NOT NULL THEN 'title ' || m.base_id || ' ' || a.title_key END,
            CASE
                WHEN m.claimed_from IS NOT NULL AND len(m.claimed_types) > 0
                    THEN
                        'claim ' || m.base_id || ' ' || m.claimed_from || ' ' || array_to_string(m.claimed_types, ' ')
            END
        ]) AS reason
    FROM numbered AS a
    INNER JOIN staging.stg_news__mentions AS m ON a.article_id = m.article_id
    WHERE a.published_at IS NOT NULL
),

runs AS (
    SELECT
        *,
        count_if(is_first) OVER (PARTITION BY reason ORDER BY published_at, place) AS run
    FROM (
        SELECT
            *,
            coalesce(
                published_at - lag(published_at) OVER (PARTITION BY reason ORDER BY published_at, place)
                > $news_story_hours * INTERVAL 1 HOUR,
                FALSE
            ) AS is_first
        FROM shared
        WHERE reason IS NOT NULL
    ) AS gaps
),

anchored AS (
    SELECT
        place,
        min(place) OVER (PARTITION BY reason, run, stretch) AS anchor
    FROM (
        SELECT
            *,
            floor(
                epoch(published_at - min(published_at) OVER (PARTITION BY reason, run)) / 86400 / $news_story_days
            ) AS stretch
        FROM runs
    ) AS weeks
),

-- texts that differ in at most three bits agree in one of four quarters whole
quarters AS (
    SELECT
        place,
        published_at,
        text_simhash,
        quarter,
        (text_simhash >> (16 * quarter)) & 65535 AS bits
    FROM numbered
    CROSS JOIN (SELECT unnest([0, 1, 2, 3]) AS quarter) AS q
    WHERE text_simhash IS NOT NULL AND published_at IS NOT NULL
),

links AS (
    SELECT
        anchor AS one,
        place AS other
    FROM anchored
    WHERE anchor <> place
    UNION
    SELECT
        a.place AS one,
        b.place AS other
    FROM quarters AS a
    INNER JOIN quarters AS b
        ON
            a.quarter = b.quarter AND a.bits = b.bits AND a.place < b.place
            AND b.published_at - a.published_at <= $news_story_hours * INTERVAL 1 HOUR
    WHERE bit_count(xor(a.text_simhash, b.text_simhash)) <= $news_same_text_bits
),

paths AS (
    SELECT
        one,
        other
    FROM links
    UNION ALL
    SELECT
        other AS one,
        one AS other
    FROM links
),

-- Round by round each article takes the earliest place that it or a linked article holds, and the place that that one
-- holds in turn, until a round changes nothing: then all that hang together hold the place of their first.
rounds AS (
    SELECT
        0 AS round,
        place,
        place AS first_place,
        FALSE AS is_settled
    FROM numbered
    UNION ALL
    SELECT
        taken.round,
        taken.place,
        taken.first_place,
        bool_and(taken.first_place = taken.held_place) OVER () AS is_settled
    FROM (
        SELECT
            r.round + 1 AS round,
            r.place,
            r.first_place AS held_place,
            least(r.first_place, jumped.first_place, min(near.first_place)) AS first_place
        FROM rounds AS r
        INNER JOIN rounds AS jumped ON r.first_place = jumped.place
        LEFT JOIN paths AS p ON r.place = p.other
        LEFT JOIN rounds AS near ON p.one = near.place
        WHERE NOT r.is_settled
        GROUP BY r.round, r.place, r.first_place, jumped.first_place
    ) AS taken
),

firsts AS (
    SELECT
        place,
        min(first_place) AS first_place
    FROM rounds
    GROUP BY place
),

told AS (
    SELECT
        a.*,
        'story-' || f.article_id AS story_id,
        first_value(a.origin IGNORE NULLS) OVER (
            PARTITION BY r.first_place ORDER BY a.place ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS story_origin,
        count(*) OVER (PARTITION BY r.first_place) AS story_articles,
        count(DISTINCT a.domain) OVER (PARTITION BY r.first_place) AS story_publishers
    FROM numbered AS a
    INNER JOIN firsts AS r ON a.place = r.place
    INNER JOIN numbered AS f ON r.first_place = f.place
)

SELECT
    m.article_id,
    m.base_id,
    t.story_id,
    t.url,
    t.domain,
    t.published_at,
    t.stated.basis AS published_basis,
    t.stated.earliest AS published_from,
    t.stated.latest AS published_to,
    t.seen_at,
    t.language,
    t.title,
    coalesce(t.origin, t.story_origin) AS origin,
    t.data_origin,
    t.story_articles,
    t.story_publishers,
    m.matched_alias,
    m.alias_strength,
    m.reports_pause,
    m.reports_resumption,
    m.verb_strength,
    m.claimed_pause_days,
    m.claimed_types,
    m.claimed_from,
    m.claimed_to,
    m.sources
FROM staging.stg_news__mentions AS m
INNER JOIN told AS t ON m.article_id = t.article_id
