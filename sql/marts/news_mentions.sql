/*
grain: one row per article that names a watched base
key: [mention_id]
empty_without: [intermediate.int_stories]
columns:
  mention_id: {type: VARCHAR, doc: "Made from the article and the base"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  published_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When published; when first seen where no source says; null where what is stated is ambiguous or cannot be believed"}
  seen_at: {type: TIMESTAMPTZ, unit: UTC, doc: "When a source first saw it; null for files of one's own"}
  url: {type: VARCHAR, doc: "Address; null for a file that gives none"}
  domain: {type: VARCHAR, doc: "Publisher's host"}
  language: {type: VARCHAR, doc: "ISO 639-1 code"}
  title: {type: VARCHAR, doc: "Title as printed"}
  matched_alias: {type: VARCHAR, doc: "Name by which the base was found"}
  alias_strength: {type: VARCHAR, values: [strong, weak_with_cue], doc: "Whether that name counts alone, or counted for a word near it"}
  story_id: {type: VARCHAR, doc: "Syndicated copies, translations and retellings share it"}
  origin: {type: VARCHAR, doc: "Outlet or agency that the story credits; null if none is stated"}
  reports_pause: {type: BOOLEAN, doc: "Whether it reports a pause of flights there"}
  reports_resumption: {type: BOOLEAN, doc: "Whether it reports flights resumed"}
  verb_strength: {type: VARCHAR, values: [landed, seen_towards, claimed], doc: "The strongest thing it says of arrivals; null where it speaks of none, or its language has no rules"}
  claimed_pause_days: {type: INTEGER, unit: day, doc: "Length of the pause it claims"}
  claimed_types: {type: "VARCHAR[]", doc: "ICAO types it speaks of there"}
  claimed_from: {type: DATE, unit: UTC, doc: "First day of the flights it claims"}
  claimed_to: {type: DATE, unit: UTC, doc: "Last such day"}
  sources: {type: "VARCHAR[]", doc: "Sources that brought it"}
  article_id: {type: VARCHAR, doc: "The article; one that names two bases is two mentions"}
  published_basis: {type: VARCHAR, values: [metadata, metadata_zone_assumed, text, text_zone_assumed, url, file_name, feed, feed_zone_assumed, seen, ambiguous, unreadable, future, none], doc: "Where published_at is from; zone_assumed: no zone that is known is stated; the last four say why there is no time"}
  data_origin: {type: VARCHAR, doc: "Service whose records it rests on"}
  story_articles: {type: BIGINT, doc: "Articles of the story"}
  story_publishers: {type: BIGINT, doc: "Publishers of the story"}
  published_from: {type: TIMESTAMPTZ, unit: UTC, doc: "Earliest time that the stated one can be, whatever its reading and zone; null where it is exact"}
  published_to: {type: TIMESTAMPTZ, unit: UTC, doc: "Latest time that the stated one can be; null where it is exact"}
*/
SELECT
    article_id || '-' || base_id AS mention_id,
    base_id,
    published_at,
    seen_at,
    url,
    domain,
    language,
    title,
    matched_alias,
    alias_strength,
    story_id,
    origin,
    reports_pause,
    reports_resumption,
    verb_strength,
    claimed_pause_days,
    claimed_types,
    claimed_from,
    claimed_to,
    sources,
    article_id,
    published_basis,
    data_origin,
    story_articles,
    story_publishers,
    published_from,
    published_to
FROM intermediate.int_stories
ORDER BY base_id, published_at, article_id
