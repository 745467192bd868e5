//! A stated amount of memory, allocated, written from end to end, and given back.

use std::hint::black_box;

use crate::units::Bytes;

/// What the task is measured by.
pub const METRIC: &str = "bytes per second";

/// Allocates the memory and writes every byte of it: a byte a page would do for the system to provide it, but an allocator keeps memory,
/// and what was touched then would be far from the bytes that are reported. Returns the bytes.
///
/// # Errors
/// If the system does not give the memory.
pub fn work(bytes: u64) -> Result<u64, String> {
    let refused = |_| format!("the system does not give {}", Bytes(bytes));
    let size = usize::try_from(bytes).map_err(|_| format!("no machine has {}", Bytes(bytes)))?;
    let mut memory: Vec<u8> = Vec::new();
    memory.try_reserve_exact(size).map_err(refused)?;
    memory.resize(size, 1);
    black_box(&mut memory);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_to_be_had_fails_the_task_and_nothing_else() {
        assert_eq!(work(1 << 20), Ok(1 << 20));
        assert_eq!(work(0), Ok(0));
        let refused = work(1 << 62).unwrap_err();
        assert!(
            refused.starts_with("the system does not give "),
            "{refused}"
        );
        assert!(work(u64::MAX).is_err());
    }
}
