//! A part of the time an execution took.

use std::fmt;

use super::case::PlanView;
use crate::units::Milliseconds;

/// A part of the time an execution took. As text: `149 ms of 155 ms (96 %)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeShare {
    /// The part, in milliseconds.
    pub part_ms: f64,
    /// The whole execution, in milliseconds.
    pub elapsed_ms: f64,
}

impl TimeShare {
    /// The share that a part has of a plan's execution; none where one of them was not timed.
    #[must_use]
    pub fn of(part_ms: Option<f64>, view: &PlanView<'_>) -> Option<TimeShare> {
        Some(TimeShare {
            part_ms: part_ms.filter(|part| part.is_finite())?.max(0.0),
            elapsed_ms: view.elapsed_ms()?,
        })
    }

    /// The share that just-in-time compilation has, which is in the time of the nodes for which it was done; none where nothing was
    /// compiled.
    #[must_use]
    pub fn of_compiling(view: &PlanView<'_>) -> Option<TimeShare> {
        let compiled = view.plan.jit.as_ref().filter(|jit| jit.functions > 0)?;
        TimeShare::of(compiled.total_ms, view)
    }

    /// From 0 to 1; a part beyond the whole, as rounding may leave it, is all of it.
    #[must_use]
    pub fn share(&self) -> f64 {
        (self.part_ms / self.elapsed_ms).clamp(0.0, 1.0)
    }
}

impl fmt::Display for TimeShare {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} of {} ({:.0} %)",
            Milliseconds(self.part_ms),
            Milliseconds(self.elapsed_ms),
            100.0 * self.share()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, work};

    fn share(plan: &str, part_ms: Option<f64>) -> Option<TimeShare> {
        let plan = Plan::parse(plan).unwrap().remove(0);
        let work = work(&plan);
        let view = PlanView {
            plan: &plan,
            work: &work,
            rows: 0,
        };
        TimeShare::of(part_ms, &view)
    }

    #[test]
    fn a_part_is_of_the_execution_or_of_the_nodes() {
        let told = r#"{"Plan":{"Node Type":"Result"},"Execution Time":10.0}"#;
        let found = share(told, Some(2.5)).unwrap();
        assert_eq!(found.to_string(), "2.50 ms of 10.0 ms (25 %)");
        let nodes = r#"{"Plan":{"Node Type":"Result","Actual Total Time":5.0,"Actual Startup Time":0.0,"Actual Rows":1,"Actual Loops":1}}"#;
        assert_eq!(share(nodes, Some(6.0)).unwrap().share(), 1.0);
    }

    #[test]
    fn what_was_not_timed_has_no_share() {
        let untimed = r#"{"Plan":{"Node Type":"Result"}}"#;
        assert_eq!(share(untimed, Some(1.0)), None);
        let nothing = r#"{"Plan":{"Node Type":"Result"},"Execution Time":0.0}"#;
        assert_eq!(share(nothing, Some(0.0)), None);
        let timed = r#"{"Plan":{"Node Type":"Result"},"Execution Time":1.0}"#;
        assert_eq!(
            [share(timed, None), share(timed, Some(f64::NAN))],
            [None, None]
        );
    }
}
