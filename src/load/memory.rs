//! Memory of this process.

/// The largest resident set of this process so far, in bytes; 0 where the system does not tell.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::peak_rss_bytes;

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells() {
        assert!(peak_rss_bytes() > 1 << 20);
    }
}
