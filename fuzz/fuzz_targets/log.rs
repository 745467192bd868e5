//! Any bytes as a server log: no panic, and no difference in what is counted by where the blocks end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgq_analyze::review::log::Logs;

fuzz_target!(|bytes: &[u8]| {
    let review = |block_bytes: usize| {
        let mut logs = Logs::in_blocks(block_bytes);
        logs.read("server.log", bytes);
        logs.finish()
    };
    let cut = 1 + bytes.first().map_or(0, |first| usize::from(*first));
    assert!(review(1 << 20) == review(cut), "a block's end changes what is counted");
});
