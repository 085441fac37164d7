-- Search in the names, brands and SKUs of products.

create extension if not exists pg_trgm schema catalog;

-- The pairs of neighbours in a word of a script that writes no space between words (Chinese, Japanese, Korean, Thai, Lao,
-- Khmer, Burmese), and its last character alone. So every part of such a word is found. Lucene's CJK analyzer does the same.
create function catalog.pairs_in(words text[]) returns text[]
language sql immutable parallel safe
begin atomic
  select coalesce(array_agg(substr(word, first, 2)), '{}')
  from unnest(words) as word, generate_series(1, length(word)) as first
  where word ~ '[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]';
end;

-- The words of a folded text: runs of letters and digits. Postgres' own parser takes "HS110/HS100" for a path and "-12" for
-- a number, so that typing a part of an SKU would not find it.
create function catalog.words_of(folded text) returns text[]
language sql immutable parallel safe
begin atomic
  select string_to_array(btrim(regexp_replace(folded collate "pg_c_utf8", '[^[:alnum:]]+', ' ', 'g')), ' ');
end;

-- The words of a folded text as the index holds them. "HS-110" is found as "hs", "110" and "hs110".
create function catalog.search_vector(folded text) returns tsvector
language sql immutable parallel safe
begin atomic
  select array_to_tsvector(
    catalog.words_of(folded || ' ' || replace(replace(replace(folded, '-', ''), '_', ''), '.', ''))
    || case when octet_length(folded) > length(folded) then catalog.pairs_in(catalog.words_of(folded)) end);
end;

-- What one word of a search demands. A word of pairs needs all its pairs, any other word itself or, if it is the last one,
-- a word that begins with it.
create function catalog.word_query(word text, is_last boolean) returns text
language sql immutable parallel safe
begin atomic
  select case
    when length(word) > 1 and catalog.pairs_in(array[word]) <> '{}' then (
      select '(' || string_agg(quote_literal(pair), ' & ') || ')'
      from unnest(catalog.pairs_in(array[word])) as pair where length(pair) = 2)
    when is_last then quote_literal(word) || ':*'
    else quote_literal(word)
  end;
end;

-- All words must match. A word with dashes matches its parts, or itself without the dashes. The last word, or a single
-- character of a script of pairs, may be the start of a word. Null for a text without a word, which matches nothing.
create function catalog.search_query(searched text) returns tsquery
language sql immutable parallel safe
begin atomic
  select string_agg(
    case when cardinality(parts) = 1 then catalog.word_query(parts[1], is_last)
    else '((' || (
        select string_agg(catalog.word_query(part, is_last and place = cardinality(parts)), ' & ')
        from unnest(parts) with ordinality as p (part, place)
      ) || ') | ' || catalog.word_query(array_to_string(parts, ''), is_last) || ')'
    end, ' & ')::tsquery
  from (
    select catalog.words_of(chunk) as parts,
      position = max(position) over () or (length(chunk) = 1 and catalog.pairs_in(array[chunk]) <> '{}') as is_last
    from regexp_split_to_table(
      btrim(regexp_replace(catalog.fold(searched) collate "pg_c_utf8", '[^-_.[:alnum:]]+', ' ', 'g')), ' ')
      with ordinality as chunks (chunk, position)
    where chunk ~ '[[:alnum:]]'
  ) as chunks
  where parts <> '{}';
end;

-- Apart from catalog.products, because a change of a price would otherwise write the GIN index anew.
create table catalog.product_search (
  product_id uuid primary key,
  words tsvector not null
);
grant select on catalog.product_search to catalog_read;
create index product_search_words on catalog.product_search using gin (words);

-- Words without digits that some product has or had, to find the right one for a word with a typing error. An index of
-- trigrams over all names would cost an insert half of its time. The index is not unique: two transactions that add the same
-- new word must not wait for each other, and a word that stands here twice does no harm.
create table catalog.known_words (
  word text not null,
  -- Since a look found no product with it.
  unused_since timestamptz
);
grant select on catalog.known_words to catalog_read;
create index known_words_word on catalog.known_words (word);
create index known_words_trigrams on catalog.known_words using gin (word catalog.gin_trgm_ops);

create function catalog.learn_words(vectors tsvector[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
  insert into catalog.known_words (word)
  select distinct w.word
  from unnest(vectors) as vector, unnest(tsvector_to_array(vector)) as w (word)
  where length(w.word) > 3 and w.word !~ '[0-9]'
    and not exists (select from catalog.known_words k where k.word = w.word and k.unused_since is null);
end;
revoke execute on function catalog.learn_words from public;

-- Up to where the last look came.
create table catalog.word_progress (
  only_row boolean primary key default true check (only_row),
  checked_to text not null default ''
);
insert into catalog.word_progress default values;

-- Deletes words that no product has any more. Otherwise somebody who renames products again and again would fill the table. A call looks
-- at the next at_most words of the alphabet, fifty at a time, and at no more of them once at_most_ms are over: a look takes long after a
-- mass change. It works in two steps. A word without a product is marked. A word that was marked an hour ago and still has no product
-- is deleted. The hour is for products that are being saved: a transaction that found the word known, and so did not add it, is
-- visible by then. A product that is saved after the mark adds its word again. Words that stand here twice are deleted
-- at once. Answers how many were deleted. If another session is at work, it does nothing.
create function catalog.forget_words(at_most integer, at_most_ms integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  ends_at timestamptz := clock_timestamp() + at_most_ms * interval '1 millisecond';
  last_word text;
  asked integer;
  words bigint;
  deleted bigint;
  all_deleted bigint := 0;
begin
  select p.checked_to into last_word from catalog.word_progress p for update skip locked;
  if not found then
    return 0;
  end if;
  loop
    asked := least(50, at_most);
    with looked as materialized (
      select k.ctid, k.word, k.unused_since,
        exists (select from catalog.product_search s where s.words @@ quote_literal(k.word)::tsquery) as is_used,
        exists (
          select from catalog.known_words other
          where other.word = k.word and other.unused_since is null and (k.unused_since is not null or other.ctid > k.ctid)
        ) as is_double
      from (select ctid, word, unused_since from catalog.known_words where word > last_word order by word limit asked) as k
    ), marked as (
      update catalog.known_words k set unused_since = case when not l.is_used then clock_timestamp() end
      from looked l where k.ctid = l.ctid and not l.is_double and l.is_used = (l.unused_since is not null)
    ), gone as (
      delete from catalog.known_words k using looked l
      where k.ctid = l.ctid
        and (l.is_double or (not l.is_used and l.unused_since < clock_timestamp() - interval '1 hour'))
      returning 1
    )
    select (select count(*) from gone), count(*), max(word) into deleted, words, last_word from looked;
    all_deleted := all_deleted + deleted;
    at_most := at_most - words;
    exit when words < asked or at_most = 0 or clock_timestamp() >= ends_at;
  end loop;
  update catalog.word_progress set checked_to = case when words < asked then '' else last_word end;
  return all_deleted;
end
$$;
revoke execute on function catalog.forget_words from public;
grant execute on function catalog.forget_words to invalidation_worker;

create function catalog.search_inserted_products() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  vectors tsvector[];
begin
  with added as (
    insert into catalog.product_search (product_id, words)
    select i.id, catalog.search_vector(catalog.fold(i.name || ' ' || i.brand || ' ' || i.sku)) from inserted i
    returning words
  )
  select array_agg(words) into vectors from added;
  perform catalog.learn_words(vectors);
  return null;
end
$$;
create trigger search_inserted after insert on catalog.products
  referencing new table as inserted for each statement execute function catalog.search_inserted_products();

create function catalog.search_updated_product() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  vector constant tsvector := catalog.search_vector(catalog.fold(new.name || ' ' || new.brand || ' ' || new.sku));
begin
  update catalog.product_search set words = vector where product_id = new.id;
  perform catalog.learn_words(array[vector]);
  return null;
end
$$;
create trigger search_updated after update of name, brand, sku on catalog.products
  for each row when ((old.name, old.brand, old.sku) is distinct from (new.name, new.brand, new.sku))
  execute function catalog.search_updated_product();

create function catalog.search_deleted_products() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from catalog.product_search s using deleted d where s.product_id = d.id;
  return null;
end
$$;
create trigger search_deleted after delete on catalog.products
  referencing old table as deleted for each statement execute function catalog.search_deleted_products();

create function catalog.search_no_products() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform catalog.require_read_committed(tg_table_name);
  delete from catalog.product_search;
  return null;
end
$$;
create trigger search_truncated before truncate on catalog.products
  for each statement execute function catalog.search_no_products();
-- As in 0021.
revoke execute on function catalog.search_inserted_products, catalog.search_updated_product,
  catalog.search_deleted_products, catalog.search_no_products from public;

-- As search_query, but a word stands for the known words that are most like it. Of two swapped letters in a word of six, a fifth
-- of the trigrams stays equal. No known word has digits or less than four letters, so such a word stands for itself. Null if
-- that is true of all words, or if more than eight words would have to be compared with all known words.
create function catalog.similar_query(searched text) returns tsquery
language sql stable parallel safe set pg_trgm.similarity_threshold = 0.2
begin atomic
  with words as (
    select word, place = max(place) over () as is_last, length(word) > 3 and word !~ '[0-9]' as may_be_known
    from unnest(catalog.words_of(catalog.fold(searched))) with ordinality as w (word, place)
  )
  select string_agg('(' || alternatives || ')', ' & ')::tsquery
  from (
    select
      case when may_be_known then (
        select string_agg(quote_literal(near.word), ' | ')
        from (
          select distinct k.word, catalog.similarity(k.word, w.word) as likeness
          from catalog.known_words k
          where k.word operator(catalog.%) w.word
          order by likeness desc, k.word
          limit 5
        ) as near
      ) else catalog.word_query(word, is_last) end as alternatives
    from words w
    where (select count(*) from words where may_be_known) between 1 and 8
  ) as found
  having bool_and(alternatives is not null);
end;
