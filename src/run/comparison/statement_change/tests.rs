//! Changes as people make them, and any text at all.

use proptest::prelude::*;

use super::super::StatementChange;
use super::statement_change;

const CLAIM: &str = "update job
set state = 'running',
    locked_by = :worker
where id = any(array(
    select id
    from job
    where queue = :queue
      and state = 'ready'
      and run_at <= :now
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
))
returning id, queue";

const CTE: &str = "with next as (
    select id
    from job
    where queue = :queue
      and state = 'ready'
      and run_at <= :now
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
)
update job
set state = 'running',
    locked_by = :worker
from next
where job.id = next.id
returning job.id, job.queue";

fn change(first: &str, second: &str) -> Option<StatementChange> {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    statement_change("fetch", &lines(first), &lines(second))
}

fn words(first: &str, second: &str) -> Vec<String> {
    change(first, second).expect("they differ").words
}

/// The words for `CLAIM` with one text in the place of another, which it has.
#[track_caller]
fn replaced(before: &str, after: &str) -> Vec<String> {
    assert!(CLAIM.contains(before), "{before}");
    words(CLAIM, &CLAIM.replacen(before, after, 1))
}

#[test]
fn spelling_is_no_change() {
    assert_eq!(change(CLAIM, CLAIM), None);
    let spelt = CLAIM
        .replace("\n", " /* so */\n\n")
        .replace("select", "SELECT")
        + "; -- end";
    assert_eq!(change(CLAIM, &spelt), None);
    assert_eq!(change("", "-- nothing"), None);
    assert!(change(CLAIM, &CLAIM.replace("'ready'", "'READY'")).is_some());
}

#[test]
fn lines_show_what_is_around_them() {
    let second = CLAIM.replace("'running'", "'busy'") + ", payload";
    assert_eq!(
        change(CLAIM, &second).unwrap().lines,
        [
            " update job",
            "-set state = 'running',",
            "+set state = 'busy',",
            "     locked_by = :worker",
            " where id = any(array(",
            " …",
            "     for update skip locked",
            " ))",
            "-returning id, queue",
            "+returning id, queue, payload",
        ]
    );
}

#[test]
fn conditions() {
    assert_eq!(
        replaced("state = 'ready'", "state = :status"),
        [
            "`state` is compared with a parameter now, no longer with a literal: `state = 'ready'` became `state = :status`"
        ]
    );
    assert_eq!(
        words(&CLAIM.replace("= 'ready'", "= :status::text"), CLAIM),
        [
            "`state` is compared with a literal now, no longer with a parameter: `state = :status::text` became `state = 'ready'`"
        ]
    );
    assert_eq!(
        replaced("state = 'ready'", "lower(state) = 'ready'"),
        ["the condition `state = 'ready'` became `lower(state) = 'ready'`"]
    );
    assert_eq!(
        replaced("\n      and run_at <= :now", ""),
        ["a condition is gone: `run_at <= :now`"]
    );
    assert_eq!(
        replaced("<= :now", "<= :now and (a, b) > (1, 2)"),
        ["a condition is new: `(a, b) > (1, 2)`"]
    );
    assert_eq!(
        replaced("state = 'ready'", "run_at >= :then"),
        [
            "a condition is gone: `state = 'ready'`",
            "a condition is new: `run_at >= :then`"
        ],
    );
}

#[test]
fn alternatives() {
    assert_eq!(
        replaced("state = 'ready'", "(state = 'ready' or state = 'retry')"),
        ["an `or` was added: `state = 'ready'` became `state = 'ready' or state = 'retry'`"]
    );
    assert_eq!(
        words(
            &CLAIM.replace("state = 'ready'", "(state = 'ready' or state = 'retry')"),
            CLAIM
        ),
        ["an `or` is gone: `state = 'ready' or state = 'retry'` became `state = 'ready'`"]
    );
    assert_eq!(
        replaced("run_at <= :now", "run_at <= :now or priority > 9"),
        ["an `or` was added to the conditions: `or priority > 9`"]
    );
}

#[test]
fn order_and_limit() {
    assert_eq!(
        replaced("priority, run_at", "priority desc, run_at"),
        ["order by: `priority, run_at, id` became `priority desc, run_at, id`"]
    );
    assert_eq!(
        replaced("\n    limit :batch_size", ""),
        ["`limit :batch_size` is gone"]
    );
    assert_eq!(
        words(
            &CLAIM.replace("    order by priority, run_at, id\n", ""),
            CLAIM
        ),
        ["`order by priority, run_at, id` is new"]
    );
}

#[test]
fn locks() {
    assert_eq!(
        replaced(" skip locked", ""),
        [
            "`skip locked` is gone from `for update`: it waits for rows that another transaction has locked"
        ]
    );
    assert_eq!(
        words(
            &CLAIM.replace(" skip locked", " of job"),
            &CLAIM.replace("skip", "of job skip")
        ),
        ["`skip locked` was added to `for update of job`"]
    );
    assert_eq!(
        replaced("for update skip", "for no key update skip"),
        ["`for update skip locked` became `for no key update skip locked`"]
    );
    assert_eq!(
        replaced("\n    for update skip locked", ""),
        ["`for update skip locked` is gone"]
    );
}

#[test]
fn a_lock_that_moved() {
    let around = "select id from (select id from job where queue = :queue order by id limit 5) as oldest for update";
    let within = "select id from (select id from job where queue = :queue order by id limit 5 for update) as oldest";
    let inside = "select id from (select id from job where queue = :queue for update) as oldest order by id limit 5";
    assert_eq!(
        words(within, around),
        [
            "`for update` stands around the query with the `limit` now, so rows that others have locked count towards it"
        ]
    );
    assert_eq!(
        words(around, within),
        ["`for update` stands in the query with the `limit` now"]
    );
    let told = words(within, inside);
    assert!(
        told[0].ends_with("so more rows may be locked than it returns"),
        "{told:?}"
    );
    let skipping = words(
        &within.replace("for update", "for update skip locked"),
        around,
    );
    assert!(
        skipping[0].starts_with("`skip locked` is gone") && skipping[1].contains("stands around"),
        "{skipping:?}"
    );
    // Around another query, which was not there before.
    let wrapped = CLAIM
        .replace(
            "select id\n    from job",
            "select id from (select id from job",
        )
        .replace("    for update", "    ) as oldest for update");
    assert!(
        words(CLAIM, &wrapped)[0].contains("stands around"),
        "{:?}",
        words(CLAIM, &wrapped)
    );
}

#[test]
fn lists() {
    assert_eq!(
        replaced("returning id, queue", "returning *"),
        ["it returns `*` instead of `id, queue`"]
    );
    assert_eq!(
        replaced("id, queue", "job.id, queue, payload"),
        ["it returns `payload` as well"]
    );
    assert_eq!(
        replaced("returning id, queue", "returning id"),
        ["it returns `queue` no more"]
    );
    assert_eq!(
        replaced("\nreturning id, queue", ""),
        ["`returning id, queue` is gone"]
    );
    assert_eq!(
        replaced("select id", "select *"),
        ["a subquery selects `*` instead of `id`"]
    );
    assert_eq!(
        replaced(":worker", ":worker, heartbeat_at = :now"),
        ["it sets `heartbeat_at = :now` as well"]
    );
    assert_eq!(
        replaced("'running'", "'busy'"),
        ["what `state` is set to: `state = 'running'` became `state = 'busy'`"]
    );
}

#[test]
fn parts_of_a_union_are_no_subqueries() {
    let union = "select id from job union all select id from job_archive";
    assert_eq!(
        words(
            union,
            &union.replace("all select id", "all select id, queue")
        ),
        ["it selects `queue` as well"]
    );
}

#[test]
fn the_cte_form() {
    assert_eq!(
        words(CLAIM, CTE),
        [
            "the condition `id = any(array(…))` became `job.id = next.id`",
            "the CTE `next` is new",
            "`from next` is new",
        ]
    );
    assert_eq!(
        words(CTE, &CTE.replace("as (", "as materialized (")),
        ["`with next as (…)` became `with next as materialized (…)`"]
    );
    assert_eq!(
        words(CTE, &CTE.replace("next", "claimed")),
        ["from: `next` became `claimed`"]
    );
}

#[test]
fn where_nothing_is_certain_there_are_no_words() {
    assert!(words("call claim(1)", "call claim(2)").is_empty());
    assert!(words("select 1; select 2", "select 1").is_empty());
    let change = change("select 'a", "select 'b").unwrap();
    assert_eq!((change.words.len(), change.lines.len()), (0, 2));
    assert_eq!(
        words("select 1", "delete from job"),
        ["it is `delete` now and was `select`"]
    );
    // Two queries in another order: nothing is different but that.
    let two =
        "with a as (select 1 order by x limit 1), b as (select 2 order by y limit 2) select 3";
    let swapped =
        "with b as (select 2 order by y limit 2), a as (select 1 order by x limit 1) select 3";
    assert_eq!(
        words(two, swapped),
        ["`with a as (…), b as (…)` became `with b as (…), a as (…)`"]
    );
}

proptest! {
    #[test]
    fn any_text_is_compared(
        first in "(select|update|with|where|or|and|for update|skip locked|limit|order by|case|end|a|=|:p|'x'|[(),;.\"$ \n]|union){0,25}|\\PC{0,60}",
        second in "(select |update |where |or |and |for update |skip locked |limit |a |= |:p |[(),]){0,25}",
    ) {
        prop_assert_eq!(change(&first, &first), None);
        for (one, other) in [(&first, &second), (&second, &first)] {
            if let Some(change) = change(one, other) {
                prop_assert!(change.words.iter().all(|word| !word.contains('\n')));
            }
        }
    }

    #[test]
    fn any_change_to_a_claim_is_compared(at in 0..40_usize, with in "(or |and |for |limit |a |\\( |\\) |from |where |'x' ){0,4}") {
        let mut words_of: Vec<&str> = CTE.split_whitespace().collect();
        let at = at.min(words_of.len() - 1);
        words_of[at] = &with;
        let _ = change(CTE, &words_of.join(" "));
    }
}
