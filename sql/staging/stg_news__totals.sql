/*
grain: one row per news source, series, slot of time and language
key: [source, series, slot_at, language]
empty_without: [raw.news_totals]
columns:
  source: {type: VARCHAR, doc: "Code of the source module"}
  series: {type: VARCHAR, doc: "What was counted: gkg (pages GDELT saw), doc (articles of a language), doc_all (of all), feed:<name> (new items of a feed)"}
  slot_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Start of the slot; time of the poll for feeds"}
  language: {type: VARCHAR, doc: "ISO 639-1 code, und where GDELT does not say; null: all languages"}
  articles: {type: BIGINT, doc: "Articles in the slot, whatever they are about"}
*/
SELECT
    source,
    series,
    slot_at,
    language,
    articles
FROM raw.news_totals
