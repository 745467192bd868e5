//! Changes that make a queue worse, each as an author might well make it, and what the comment on the pull request has to say.

use pgq_analyze::run::comparison::{Cause, ComparedPlan, Effect, Reason, Verdict};

use super::repository::Repository;
use super::{AFTER_THE_SET_UP, STEPS, comparison, guide, workflow};

/// A change, and how it is found out.
struct Planted {
    name: &'static str,
    /// File, a piece of it, and what takes its place.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// A statement that is worse for it.
    statement: &'static str,
    /// Where that is seen.
    fixture: &'static str,
    variant: &'static str,
    /// What shows it, among the plans of that variant.
    causes: &'static [Cause],
    /// What the comment says, in small letters.
    words: &'static [&'static str],
}

const FETCH: &str = "queues/jobs/fetch.sql";
const INDEXES: &str = "queues/jobs/indexes.sql";

const READY_INDEX: &str =
    "create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';\n";

const CLAIMED: &str = "where id = any(array(
    select id
    from job
    where queue = :queue
      and state = 'ready'
      and run_at <= :now
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
))";

const LOCKED_AFTERWARDS: &str = "where id = any(array(
    select id
    from job
    where id in (
        select id
        from job
        where queue = :queue
          and state = 'ready'
          and run_at <= :now
          and (:task_keys::text[] is null or task_key = any(:task_keys))
        order by priority, run_at, id
        limit :batch_size
    )
    for update skip locked
))";

const PLANTED: [Planted; 9] = [
    Planted {
        name: "a dropped index",
        edits: &[(INDEXES, READY_INDEX, "")],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[
            Cause::Shape,
            Cause::PagesPerRow,
            Cause::RowsRemovedPerRow,
            Cause::Finding,
        ],
        words: &[
            "job_ready_idx is not scanned any more: the index is gone",
            "rows are sorted now",
        ],
    },
    Planted {
        name: "the status made a parameter",
        edits: &[
            (
                FETCH,
                "-- param batch_size int\n",
                "-- param batch_size int\n-- param state text = 'ready'\n",
            ),
            (FETCH, "and state = 'ready'", "and state = :state"),
        ],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::Shape, Cause::PagesPerRow, Cause::RowsRemovedPerRow],
        words: &[
            "`state` is compared with a parameter now, no longer with a literal",
            "generic plan",
            "job_ready_idx is not scanned any more",
        ],
    },
    Planted {
        name: "one key of the order flipped",
        edits: &[(
            FETCH,
            "order by priority, run_at, id",
            "order by priority desc, run_at, id",
        )],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::Shape, Cause::Order, Cause::PagesPerRow],
        words: &[
            "`priority, run_at, id` became `priority desc, run_at, id`",
            "rows are sorted now",
            "priority goes the other way",
        ],
    },
    Planted {
        name: "the whole order flipped",
        edits: &[(
            FETCH,
            "order by priority, run_at, id",
            "order by priority desc, run_at desc, id desc",
        )],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::Order],
        words: &[
            "`priority, run_at, id` became `priority desc, run_at desc, id desc`",
            "the order of service is reversed: job_ready_idx is scanned backward now",
        ],
    },
    Planted {
        name: "an added or",
        edits: &[(
            FETCH,
            "    where queue = :queue\n",
            "    where (queue = :queue or queue = 'urgent')\n",
        )],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::Shape, Cause::PagesPerRow, Cause::Finding],
        words: &[
            "an `or` was added: `queue = :queue` became `queue = :queue or queue = 'urgent'`",
            "job_ready_idx is not scanned any more",
            "rows are sorted now",
        ],
    },
    Planted {
        name: "returning * on wide payloads",
        edits: &[(
            "queues/jobs/complete.sql",
            "returning id;\n",
            "returning *;\n",
        )],
        statement: "complete",
        fixture: "wide-payloads",
        variant: "completed-10",
        causes: &[Cause::OutputPagesPerRow],
        words: &[
            "it returns `*` instead of `id`",
            "values stored out of line are read to be sent",
        ],
    },
    Planted {
        name: "one more index",
        edits: &[(
            INDEXES,
            READY_INDEX,
            "create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';
create index job_heartbeat_idx on job (heartbeat_at);\n",
        )],
        statement: "heartbeat",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::PagesPerRow, Cause::WalPerRow],
        words: &[
            "there is a new index, job_heartbeat_idx",
            "on public.job using btree (heartbeat_at)",
        ],
    },
    Planted {
        name: "the row lock moved",
        edits: &[(FETCH, CLAIMED, LOCKED_AFTERWARDS)],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::Shape, Cause::PagesPerRow, Cause::Finding],
        words: &[
            "`for update skip locked` stands around the query with the `limit` now",
            "move the locking clause into the subquery that has the limit",
        ],
    },
    Planted {
        name: "skip locked dropped",
        edits: &[(FETCH, "for update skip locked", "for update")],
        statement: "fetch",
        fixture: "backlog",
        variant: "batch-10",
        causes: &[Cause::Finding],
        words: &[
            "`skip locked` is gone from `for update`",
            "of a single session, are the same and cannot show it",
            "add skip locked to the locking clause",
        ],
    },
];

impl Planted {
    fn is_about(&self, plan: &ComparedPlan) -> bool {
        let about = (self.statement, self.fixture, self.variant);
        (&*plan.statement, &*plan.fixture, &*plan.variant) == about
    }

    /// What is not as it should be, after the gate has run.
    fn complaints(&self, repository: &Repository, carried: &workflow::Carried) -> Vec<String> {
        let mut complaints = Vec::new();
        if carried.code != 3 {
            complaints.push(format!("exit code {}: {}", carried.code, carried.said));
        }
        if carried.ran != STEPS {
            complaints.push(format!("steps {:?}", carried.ran));
        }
        let found = comparison(repository);
        let plans: Vec<&ComparedPlan> = (found.plans.iter())
            .filter(|plan| self.is_about(plan) && plan.verdict == Verdict::Regressed)
            .collect();
        let reasons = plans.iter().flat_map(|plan| &plan.reasons);
        for cause in self.causes {
            let by = |reason: &Reason| reason.what == *cause && reason.effect == Effect::Worse;
            if !reasons.clone().any(by) {
                complaints.push(format!("not caught by {cause:?}: {plans:#?}"));
            }
        }
        // As it is read: without what keeps Markdown from reading it otherwise.
        let comment = repository.comments().pop().unwrap_or_default();
        let shown = comment.replace('\\', "").to_lowercase();
        for words in self.words {
            if !shown.contains(words) {
                complaints.push(format!("the comment does not say `{words}`:\n{comment}"));
            }
        }
        if !repository.read("gate/junit.xml").contains("<failure") {
            complaints.push("no failure in gate/junit.xml".to_owned());
        }
        complaints
    }
}

#[test]
fn a_planted_change_fails_and_the_comment_names_the_cause() {
    let repository = Repository::new();
    guide::follow(&repository, AFTER_THE_SET_UP);
    let mut complaints = Vec::new();
    for planted in &PLANTED {
        for (file, from, to) in planted.edits {
            repository.edit(file, from, to);
        }
        let carried = workflow::carry_out(&repository);
        let wrong = planted.complaints(&repository, &carried);
        complaints.extend(
            wrong
                .into_iter()
                .map(|wrong| format!("{}: {wrong}", planted.name)),
        );
        repository.restore();
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    // Each run of the workflow has renewed the one comment.
    assert_eq!(repository.comments().len(), 1);

    a_gate_that_cannot_run_says_why(&repository);
}

/// And where the comment may not be written, the summary has it.
fn a_gate_that_cannot_run_says_why(repository: &Repository) {
    repository.edit(FETCH, "-- operation: fetch\n", "-- operation: fletch\n");
    repository.forbid_comments();
    let carried = workflow::carry_out(repository);
    assert!([1, 2].contains(&carried.code), "{}", carried.said);
    assert_eq!(carried.ran, STEPS);
    for part in ["could not be run", "fetch.sql", "fletch"] {
        assert!(carried.summary.contains(part), "{}", carried.summary);
    }
    assert!(carried.said.contains("::warning::"), "{}", carried.said);
    let known = repository.comments();
    assert!(!known[0].contains("fletch"), "{known:?}");
}
