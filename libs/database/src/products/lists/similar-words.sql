-- $1 what somebody searches. Answers words: known words that are like those of the search, as text of a tsquery; null if there are none.
select catalog.similar_query($1)::text as words
