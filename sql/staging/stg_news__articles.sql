/*
grain: one row per article, as each source and filing day has it
key: [source, day, article_id]
columns:
  source: {type: VARCHAR, doc: "Code of the source module"}
  day: {type: DATE, unit: UTC, doc: "Day under which the source filed it"}
  article_id: {type: VARCHAR, doc: "From the canonical address, else from the text"}
  url: {type: VARCHAR, doc: "Address"}
  domain: {type: VARCHAR, doc: "Host, without www. and the like"}
  published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When published, else when first seen"}
  published_basis: {type: VARCHAR, doc: "Where that time is from: metadata, text, url, file_name, file_time, feed, feed_zone_assumed, seen"}
  seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When the source saw it"}
  language: {type: VARCHAR, doc: "ISO 639-1 code"}
  title: {type: VARCHAR, doc: "Title as printed"}
  origin: {type: VARCHAR, doc: "Outlet or agency that the article credits"}
  data_origin: {type: VARCHAR, doc: "Service whose records it rests on"}
  title_key: {type: VARCHAR, doc: "Title folded for comparison; null for titles too short to tell"}
  text_simhash: {type: BIGINT, doc: "64-bit signature of the text; near-equal texts differ in few bits"}
*/
SELECT
    source,
    day,
    article_id,
    url,
    domain,
    coalesce(published_at, seen_at) AS published_at,
    CASE WHEN published_at IS NULL THEN 'seen' ELSE published_basis END AS published_basis,
    seen_at,
    language,
    title,
    origin,
    data_origin,
    title_key,
    text_simhash
FROM raw.news_articles
