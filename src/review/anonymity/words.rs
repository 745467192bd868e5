//! The words of PostgreSQL that are nobody's secret: of its language, its types, its functions and its plans.
//!
//! Short on purpose: a word that is missing is replaced, which costs a reader a little; one too many could be somebody's name.

use std::collections::HashSet;
use std::sync::LazyLock;

/// A set of words.
type Words = LazyLock<HashSet<&'static str>>;

fn words(text: &'static str) -> HashSet<&'static str> {
    text.split_whitespace().collect()
}

/// Whether a word in lower case is a key word wherever it stands outside quotes.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(word)
}

/// Whether a word belongs to the one before it: `skip locked`, `nulls first`.
pub(super) fn is_kept_after(word: &str, before: &str) -> bool {
    PAIRS.contains(&(before, word))
}

/// Whether a function is PostgreSQL's own.
pub(super) fn is_function(name: &str) -> bool {
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    FUNCTIONS.contains(name) || is_advisory_lock(name)
}

fn is_advisory_lock(name: &str) -> bool {
    let rest = name
        .strip_prefix("pg_try_advisory_")
        .or_else(|| name.strip_prefix("pg_advisory_"));
    rest.is_some_and(|rest| {
        rest.split('_')
            .all(|part| ["lock", "unlock", "xact", "shared", "all"].contains(&part))
    })
}

/// Whether a word is the name of a type and hardly ever that of anything else.
pub(super) fn is_type(word: &str) -> bool {
    TYPES.contains(word)
}

/// Whether a word is the name of a type that columns are called by, too.
pub(super) fn is_type_and_name(word: &str) -> bool {
    TYPES_AND_NAMES.contains(word)
}

/// Whether PostgreSQL describes nodes by this word.
pub(super) fn is_node_word(word: &str) -> bool {
    NODE_WORDS.contains(word)
}

static KEYWORDS: Words = Words::new(|| {
    words(
        "all analyze and any array as asc between both buffers by case cast coalesce collate create cross ctid current_date \
         current_time current_timestamp current_user default delete desc distinct do else end except excluded execute exists explain \
         extract false fetch for from full greatest group grouping having ilike in initplan inner insert intersect into is isnull join \
         lateral least left like limit localtime localtimestamp merge natural not notnull nowait null nullif nulls offset on only or \
         order outer prepare returning right select session_user set similar some subplan symmetric table tableoid then true union \
         update using values variadic when where with without xmax xmin",
    )
});

/// A word, and the one in front of it that makes it a key word.
const PAIRS: &[(&str, &str)] = &[
    ("as", "materialized"),
    ("at", "time"),
    ("bit", "varying"),
    ("by", "rollup"),
    ("character", "varying"),
    ("do", "nothing"),
    ("double", "precision"),
    ("fetch", "first"),
    ("fetch", "next"),
    ("for", "key"),
    ("for", "no"),
    ("for", "share"),
    ("key", "share"),
    ("key", "update"),
    ("no", "key"),
    ("not", "matched"),
    ("not", "materialized"),
    ("nulls", "first"),
    ("nulls", "last"),
    ("on", "conflict"),
    ("on", "constraint"),
    ("over", "partition"),
    ("share", "of"),
    ("skip", "locked"),
    ("time", "zone"),
    ("update", "of"),
    ("when", "matched"),
    ("with", "ordinality"),
    ("with", "recursive"),
    ("with", "ties"),
    ("with", "time"),
    ("without", "time"),
];

static TYPES: Words = Words::new(|| {
    words(
        "bigint bool boolean bpchar bytea float4 float8 int int2 int4 int8 integer jsonb numeric regclass smallint timestamptz \
         tstzrange tsvector varchar",
    )
});

static TYPES_AND_NAMES: Words = Words::new(|| {
    words(
        "bit char character cidr citext date decimal double inet interval json macaddr money name oid point real record text time \
         timestamp timetz uuid xid xid8 xml",
    )
});

static FUNCTIONS: Words = Words::new(|| {
    words(
        "abs age array_agg array_append array_cat array_length array_position array_remove avg bool_and bool_or btrim cardinality ceil \
         ceiling char_length clock_timestamp concat concat_ws count current_setting currval date_part date_trunc decode dense_rank \
         encode every exp first_value floor format gen_random_uuid generate_series generate_subscripts hashint4 hashint8 hashtext \
         hashtextextended json_agg json_array_elements json_array_elements_text json_build_object json_each json_to_recordset \
         jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_build_object jsonb_each jsonb_each_text jsonb_object_agg \
         jsonb_populate_recordset jsonb_set jsonb_to_recordset lag last_value lead length ln log lower ltrim make_interval max md5 min \
         mod nextval now ntile octet_length pg_backend_pid pg_current_snapshot pg_current_xact_id pg_notify pg_sleep pg_snapshot_xmin \
         power random rank regexp_matches regexp_replace replace round row_number row_to_json rtrim set_config setval sha256 \
         split_part sqrt statement_timestamp string_agg strpos substr substring sum timeofday timezone to_char to_json to_jsonb \
         to_timestamp transaction_timestamp trim trunc txid_current unnest upper uuidv4 uuidv7 version",
    )
});

/// Words of node types, strategies, join types and the rest of what describes a node.
static NODE_WORDS: Words = Words::new(|| {
    words(
        "Aggregate And Anti Append Average Async Backward Bitmap BitmapAnd BitmapOr Capable CTE Custom Deforming Delete Disk Emission \
         Except Expressions Finalize First Foreign Format Forward Full Function Functions Gather Generation Group Hash Hashed \
         HashAggregate HashSetOp Heap Incremental Index Inlining Inner Insert Intersect Join Left Limit LockRows Loop Materialize \
         Memoize Memory Merge Minimal Mixed ModifyTable NOTHING Named Nested NoMovement Number Only Optimization Options Output \
         Partial Peak Plain ProjectSet Project Range Recursive Result Right Sample Scan Select Semi Seq SetOp Simple Sort Sorted Space \
         Storage Subquery Table TID Tid Time Timing Total Tuplestore UPDATE Union Unique Update Used Values Volume WindowAgg WorkTable \
         Worker Workers All binary external heapsort in logical merge none progress quicksort sort still text top N",
    )
});
