//! A task that panics ends its job, not its worker, and prints nothing.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// How the text of a panic begins.
pub const PANICKED: &str = "the task panicked: ";

thread_local! {
    /// Whether this thread is in a task, whose panic is caught and told of by the caller.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

static QUIET_IN_TASKS: Once = Once::new();

/// Runs a task.
///
/// # Errors
/// `the task panicked: …` if it did.
pub fn guarded<T>(task: impl FnOnce() -> T) -> Result<T, String> {
    QUIET_IN_TASKS.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            if !IN_TASK.get() {
                others(what);
            }
        }));
    });
    IN_TASK.set(true);
    // What the task leaves half done is its own: nothing of it is used after a panic.
    let ended = panic::catch_unwind(AssertUnwindSafe(task));
    IN_TASK.set(false);
    ended.map_err(|payload| format!("{PANICKED}{}", text_of(&*payload)))
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it does not say why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_of_in_its_own_words() {
        assert_eq!(guarded(|| 7), Ok(7));
        let literal = guarded(|| panic!("out of luck"));
        assert_eq!(literal, Err("the task panicked: out of luck".to_owned()));
        let formatted = guarded(|| panic!("job {}", 3));
        assert_eq!(formatted, Err("the task panicked: job 3".to_owned()));
        let other: Result<(), _> = guarded(|| panic::panic_any(5_u8));
        assert_eq!(
            other,
            Err("the task panicked: it does not say why".to_owned())
        );
        assert!(!IN_TASK.get());
    }
}
