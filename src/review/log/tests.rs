//! Logs as texts: what is counted, how it is grouped, and that nothing depends on where a block ends.
