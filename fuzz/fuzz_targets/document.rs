//! Documents: anything people keep plans in, read as a file is.
#![no_main]

mod exercise;

use libfuzzer_sys::fuzz_target;
use pgq_analyze::review::document::find_plans;
use pgq_analyze::review::input::{STANDARD_INPUT, gather};

fuzz_target!(|bytes: &[u8]| {
    let (plans, _) = find_plans("document", &String::from_utf8_lossy(bytes));
    plans.iter().for_each(|found| exercise::exercise(&found.plan));
    let gathered = gather(&[STANDARD_INPUT.to_owned()], std::io::Cursor::new(bytes.to_vec()));
    gathered.plans.iter().for_each(|found| exercise::exercise(&found.plan));
});
