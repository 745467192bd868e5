//! EXPLAIN in its default format.
#![no_main]

mod exercise;

use libfuzzer_sys::fuzz_target;
use pgq_analyze::plan::text;

fuzz_target!(|text: &str| {
    let extent = text::extent(text.lines());
    assert!(extent.lines <= text.lines().count());
    text::parse(text).iter().for_each(exercise::exercise);
});
