//! Arguments, progress, printing and exit codes.
