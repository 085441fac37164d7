-- What JSON and the contract can show. Constraints use these types, so that no table takes a value that a service must
-- then leave out.
--
-- Functions of checks and indexes have bodies of standard SQL: Postgres binds every name in them now, so no caller's
-- search_path can replace one, and it can inline them.

-- ISO 8601 has four digits for a year and no infinity.
create domain catalog.moment as timestamptz constraint moment_has_iso_form
  check (value >= '0001-01-01 00:00:00+00' and value < '10000-01-01 00:00:00+00');

-- A number that JSON and JavaScript hold exactly.
create domain catalog.exact_count as bigint constraint exact_count_range check (value between 0 and 9007199254740991);

-- A UUID of RFC 9562, as the contract asks for it.
create domain catalog.resource_id as uuid constraint resource_id_is_rfc_9562
  check (coalesce(uuid_extract_version(value), 0) between 1 and 8);

-- Text of at most that many characters, without control characters other than tab and line ends.
create function catalog.is_text(checked text, at_most integer) returns boolean
language sql immutable parallel safe
begin atomic
  select length(checked) <= at_most and checked !~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]';
end;

-- The same, and not blank. The blanks are those of JavaScript, whatever the locale of the database.
create function catalog.is_required_text(checked text, at_most integer) returns boolean
language sql immutable parallel safe
begin atomic
  select catalog.is_text(checked, at_most)
    and checked ~ '[^\u0009-\u000d\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]';
end;

-- Every number in it is a finite double. Postgres writes numbers of a jsonb without an exponent, so that a shorter text
-- holds no greater number.
create function catalog.has_json_numbers(document jsonb) returns boolean
language sql immutable parallel safe
begin atomic
  select length(document::text) < 309 or not jsonb_path_exists(document,
    '$.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))');
end;

-- A currency of ISO 4217 with a minor unit; libs/contracts/src/currencies.ts has the same list. Each code takes four
-- characters of the text, so that a code begins at every fourth. A list of constants would be hashed anew by each statement.
create function catalog.is_currency(code text) returns boolean
language sql immutable parallel safe
begin atomic
  select length(code) = 3 and strpos(
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF '
    'CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP '
    'GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT '
    'LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR '
    'NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN '
    'SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD '
    'XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ',
    code) % 4 = 1;
end;

-- Tidy text: Unicode form NFC, no blank at either end, and one space between words. The blanks are those of JavaScript.
-- Most text is ASCII, and then plain functions do: a regular expression takes five times as long.
create function catalog.is_tidy(given text) returns boolean
language sql immutable parallel safe
begin atomic
  select given = btrim(given) and position('  ' in given) = 0 and given = translate(given, E'\t\n\u000b\u000c\r', '')
    and (octet_length(given) = length(given)
      or given is nfc normalized
        and given !~ '[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]');
end;

create function catalog.tidy(given text) returns text
language sql immutable parallel safe
begin atomic
  select btrim(regexp_replace(normalize(given, nfc),
    '[\u0009-\u000d\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+', ' ', 'g'), ' ');
end;

-- Text without case, accents, compatibility forms and kinds of dashes, for search and for the order of names: "MÖBEL" and
-- "möbel" are "mobel". The collation and the replaced letters are fixed, so that an index means the same on every server.
-- The extension unaccent reads its letters from a file of the server.
create function catalog.fold(given text) returns text
language sql immutable parallel safe
begin atomic
  select case
    when octet_length(given) = length(given) then lower(given collate "C")
    else replace(replace(replace(replace(translate(
      lower(normalize(regexp_replace(normalize(given, nfkd), '[\u0300-\u036f]+', '', 'g'), nfkc) collate "pg_c_utf8"),
      U&'øłđħıð\2010\2011\2012\2013\2014\2015', 'oldhid------'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th') collate "C"
  end;
end;
