/*
grain: one row per article, as each source and filing day has it
key: [source, day, article_id]
empty_without: [raw.news_articles]
columns:
  source: {type: VARCHAR, doc: "Code of the source module"}
  day: {type: DATE, unit: UTC, doc: "Day under which the source filed it"}
  article_id: {type: VARCHAR, doc: "From the canonical address, else from the text"}
  url: {type: VARCHAR, doc: "Address"}
  domain: {type: VARCHAR, doc: "Host, without www. and the like"}
  published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When published; when first seen where nothing is stated; null where a stated date is none to go by"}
  published_basis: {type: VARCHAR, doc: "Where that time is from, or why there is none"}
  published_from: {type: TIMESTAMPTZ, unit: UTC, doc: "Earliest time that the stated one can be; null where it is exact"}
  published_to: {type: TIMESTAMPTZ, unit: UTC, doc: "Latest time that the stated one can be; null where it is exact"}
  seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When the source saw it"}
  language: {type: VARCHAR, doc: "ISO 639-1 code"}
  title: {type: VARCHAR, doc: "Title as printed"}
  origin: {type: VARCHAR, doc: "Outlet or agency that the article credits"}
  data_origin: {type: VARCHAR, doc: "Service whose records it rests on"}
  title_key: {type: VARCHAR, doc: "Title folded for comparison; null for titles too short to tell"}
  text_simhash: {type: BIGINT, doc: "64-bit signature of the text; near-equal texts differ in few bits"}
*/
-- A date that is ambiguous, unreadable or in the future gives no time, and the time at which a source saw the article does
-- not stand in for it. Rows of before that took the time of a file (file_time) have none either.
SELECT
    source,
    day,
    article_id,
    url,
    domain,
    CASE
        WHEN published_basis IN ('ambiguous', 'unreadable', 'future', 'none', 'file_time') THEN NULL
        ELSE coalesce(published_at, seen_at)
    END AS published_at,
    CASE
        WHEN published_basis = 'file_time' THEN 'none'
        WHEN published_basis IN ('ambiguous', 'unreadable', 'future', 'none') THEN published_basis
        WHEN published_at IS NULL THEN 'seen'
        ELSE published_basis
    END AS published_basis,
    published_from,
    published_to,
    seen_at,
    language,
    title,
    origin,
    data_origin,
    title_key,
    text_simhash
FROM raw.news_articles
