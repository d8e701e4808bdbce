/*
grain: one row per base that an article names, from the source that read most of it
key: [article_id, base_id]
empty_without: [raw.news_mentions]
columns:
  article_id: {type: VARCHAR, doc: "Article"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Start of the first day under which a source filed it by its date; null where no source has a date to go by"}
  matched_alias: {type: VARCHAR, doc: "Name by which the base was found, as in keywords.csv"}
  alias_strength: {type: VARCHAR, values: [strong, weak_with_cue], doc: "Whether the name counts alone or with a word near it"}
  matched_by: {type: VARCHAR, doc: "name, or the word that made a weak name count"}
  reports_pause: {type: BOOLEAN, doc: "Whether it reports a pause of flights"}
  reports_resumption: {type: BOOLEAN, doc: "Whether it reports flights resumed"}
  verb_strength: {type: VARCHAR, values: [landed, seen_towards, claimed], doc: "The strongest thing it says of an arrival"}
  claimed_pause_days: {type: INTEGER, unit: day, doc: "Length of the pause it claims"}
  claimed_types: {type: "VARCHAR[]", doc: "ICAO types it speaks of there"}
  claimed_from: {type: DATE, unit: UTC, doc: "First day of the flights it claims"}
  claimed_to: {type: DATE, unit: UTC, doc: "Last such day"}
  sources: {type: "VARCHAR[]", doc: "Sources that brought it"}
*/
-- The same article comes from several sources, one with its text and one with its title alone: the fullest reading
-- stands. It is dated by the earliest filing, since feeds date items anew.
WITH mentions AS (
    SELECT
        m.*,
        coalesce(
            a.published_basis NOT IN ('ambiguous', 'unreadable', 'future', 'none', 'file_time'), TRUE
        ) AS is_dated
    FROM raw.news_mentions AS m
    LEFT JOIN raw.news_articles AS a
        ON m.source = a.source AND m.day = a.day AND m.article_id = a.article_id
)

SELECT
    article_id,
    base_id,
    min(day) FILTER (WHERE is_dated) OVER same::TIMESTAMPTZ AS published_at,
    matched_alias,
    alias_strength,
    matched_by,
    reports_pause,
    reports_resumption,
    verb_strength,
    claimed_pause_days,
    claimed_types,
    claimed_from,
    claimed_to,
    list_sort(list_distinct(list(source) OVER same)) AS sources
FROM mentions
WINDOW same AS (PARTITION BY article_id, base_id)
QUALIFY row_number() OVER (
    PARTITION BY article_id, base_id
    ORDER BY
        claimed_from IS NOT NULL DESC, reports_pause::INTEGER + reports_resumption::INTEGER DESC,
        verb_strength IS NOT NULL DESC, alias_strength = 'strong' DESC, source, day
) = 1
