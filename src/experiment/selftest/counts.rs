//! Whether counts repeat: the same variants on several copies of one fixture.

use std::time::{Duration, Instant};

use crate::explain::ExplainError;
use crate::explain::ground::Ground;
use crate::explain::sample::{Explainer, Sampling, Target};
use crate::explain::variant::{Subject, make_ready};
use crate::plan::{PlanShape, work};
use crate::postgres::version::Version;
use crate::run::selftest::{CopyCounts, Difference, VariantCounts};

/// Statement and variant: fetches and completions, few rows and many.
pub(super) const VARIANTS: &[(&str, &str)] = &[
    ("fetch", "batch-10"),
    ("fetch-cte", "batch-100"),
    ("complete", "completed-10"),
    ("complete-unnest", "completed-100"),
];

/// Only the first execution counts.
const NO_TIMES: Sampling = Sampling {
    samples: 0,
    least: 0,
    budget: Duration::ZERO,
};

/// Counts one execution of a subject on a copy, as every run does.
pub(super) async fn count(
    ground: &Ground,
    version: Version,
    subject: Subject<'_>,
) -> Result<CopyCounts, ExplainError> {
    let executable = make_ready(ground, subject).await?.executable;
    let explainer = Explainer {
        ground,
        version,
        executable: &executable,
        target: Target::Custom,
    };
    explainer.plan_only().await?;
    let plan = explainer.measure(NO_TIMES, Instant::now()).await?.plan;
    let total = work(&plan).total;
    Ok(CopyCounts {
        shape: PlanShape::of(&plan).id(),
        rows: plan.rows(),
        pages: total.buffers.total(),
        wal_records: total.wal.records,
        wal_bytes: total.wal.bytes,
    })
}

/// Compares the counts of a subject on all copies; none without a copy.
pub(super) fn compare(subject: Subject<'_>, copies: &[CopyCounts]) -> Option<VariantCounts> {
    Some(VariantCounts {
        statement: subject.statement_name(),
        variant: subject.variant.name.clone(),
        counts: copies.first()?.clone(),
        differences: differences(copies),
    })
}

/// The counts that are not the same on all copies.
fn differences(copies: &[CopyCounts]) -> Vec<Difference> {
    let values = |key, value: fn(&CopyCounts) -> String| Difference {
        key,
        values: copies.iter().map(value).collect(),
    };
    let all = [
        values("shape", |one| one.shape.clone()),
        values("rows", |one| one.rows.to_string()),
        values("buffers.total", |one| one.pages.to_string()),
        values("wal.records", |one| one.wal_records.to_string()),
        values("wal.bytes", |one| one.wal_bytes.to_string()),
    ];
    let differ = |one: &Difference| one.values.windows(2).any(|pair| pair[0] != pair[1]);
    all.into_iter().filter(differ).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_with_its_values() {
        let one = CopyCounts {
            shape: "9f".to_owned(),
            rows: 10,
            pages: 45,
            wal_records: 61,
            wal_bytes: 7000,
        };
        assert_eq!(differences(&vec![one.clone(); 5]), []);
        let other = CopyCounts {
            pages: 46,
            wal_bytes: 7001,
            ..one.clone()
        };
        let found = differences(&[one.clone(), other, one]);
        let named = |key, values: [&str; 3]| Difference {
            key,
            values: values.map(str::to_owned).to_vec(),
        };
        assert_eq!(
            found,
            [
                named("buffers.total", ["45", "46", "45"]),
                named("wal.bytes", ["7000", "7001", "7000"])
            ]
        );
    }
}
