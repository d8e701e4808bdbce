/*
grain: one row per base, news source, language and month, for sources that count all articles and languages in which the base was ever named
key: [base_id, source, language, month]
empty_without: [staging.stg_news__mentions]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  source: {type: VARCHAR, doc: "Code of the source module"}
  language: {type: VARCHAR, doc: "ISO 639-1 code"}
  month: {type: DATE, unit: UTC, doc: "First day of the month"}
  mentions: {type: BIGINT, doc: "Articles of the source that name the base, by the day on which it saw them"}
  articles: {type: BIGINT, doc: "All articles in that language that the source saw, in the slots that were read"}
  slots: {type: BIGINT, unit: "15 minutes", doc: "Slots that were read"}
  mentions_per_million: {type: DOUBLE, unit: "1/1,000,000", doc: "Mentions in a million articles of the language"}
*/
-- Slots that were not read add neither mentions nor articles, so an outage changes no share.
WITH totals AS (
    SELECT
        source,
        language,
        month_of(slot_at) AS month,
        sum(articles)::BIGINT AS articles,
        count(DISTINCT slot_at) AS slots
    FROM staging.stg_news__totals
    WHERE series IN ('gkg', 'doc') AND language IS NOT NULL
    GROUP BY ALL
),

named AS (
    SELECT
        m.base_id,
        a.source,
        a.language,
        month_of(a.day) AS month,
        count(DISTINCT a.article_id) AS mentions
    FROM staging.stg_news__articles AS a
    INNER JOIN staging.stg_news__mentions AS m ON a.article_id = m.article_id
    WHERE list_contains(m.sources, a.source)
    GROUP BY ALL
),

wanted AS (
    SELECT DISTINCT
        base_id,
        source,
        language
    FROM named
)

SELECT
    w.base_id,
    w.source,
    w.language,
    t.month,
    coalesce(n.mentions, 0) AS mentions,
    t.articles,
    t.slots,
    1e6 * coalesce(n.mentions, 0) / nullif(t.articles, 0) AS mentions_per_million
FROM wanted AS w
INNER JOIN totals AS t ON w.source = t.source AND w.language = t.language
LEFT JOIN named AS n
    ON w.base_id = n.base_id AND w.source = n.source AND w.language = n.language AND t.month = n.month
