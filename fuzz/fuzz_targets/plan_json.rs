//! EXPLAIN (FORMAT JSON).
#![no_main]

mod exercise;

use libfuzzer_sys::fuzz_target;
use pgq_analyze::plan::Plan;

fuzz_target!(|text: &str| {
    Plan::parse(text).unwrap_or_default().iter().for_each(exercise::exercise);
});
