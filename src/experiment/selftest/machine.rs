//! The machine this program runs on, as Linux tells it; elsewhere most of it stays unknown.

use std::collections::BTreeSet;
use std::path::Path;

use crate::experiment::environment::cpu;
use crate::run::selftest::Machine;

/// Processor time so far, in ticks of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessorTime {
    total: u64,
    stolen: u64,
}

impl ProcessorTime {
    /// Since the machine was started.
    pub(super) fn now() -> Option<ProcessorTime> {
        ProcessorTime::read(&text("/proc/stat"))
    }

    /// Of all processors: user, nice, system, idle, iowait, irq, softirq, steal; what follows is contained in user and nice.
    fn read(stat: &str) -> Option<ProcessorTime> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map_while(|number| number.parse().ok())
            .collect();
        Some(ProcessorTime {
            total: ticks.iter().sum(),
            stolen: *ticks.get(7)?,
        })
    }

    /// The share that was stolen since then.
    pub(super) fn stolen_since(self, before: ProcessorTime) -> Option<f64> {
        let total = self
            .total
            .checked_sub(before.total)
            .filter(|total| *total > 0)?;
        Some(self.stolen.saturating_sub(before.stolen) as f64 / total as f64)
    }
}

/// Describes it.
pub(super) fn describe() -> Machine {
    let cpu = cpu();
    let memory = text("/proc/meminfo");
    Machine {
        model: cpu.model,
        cores: cpu.cores,
        virtual_machine: is_virtual(&text("/proc/cpuinfo")),
        governors: governors(Path::new("/sys/devices/system/cpu")),
        load_average: text("/proc/loadavg")
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok()),
        stolen: None,
        memory_bytes: memory_of(&memory, "MemTotal:"),
        available_bytes: memory_of(&memory, "MemAvailable:"),
    }
}

/// Where there is no such file, nothing is known.
fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// An x86 processor of a virtual machine has the flag `hypervisor`; others do not tell.
fn is_virtual(cpuinfo: &str) -> Option<bool> {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"))?;
    Some(flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

fn memory_of(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

/// Each way once.
fn governors(processors: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(processors)
        .into_iter()
        .flatten()
        .flatten();
    let names: BTreeSet<String> = entries
        .filter_map(|entry| {
            std::fs::read_to_string(entry.path().join("cpufreq/scaling_governor")).ok()
        })
        .map(|name| name.trim().to_owned())
        .collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_a_share_of_what_went_by() {
        let read = |stat| ProcessorTime::read(stat).expect("reads");
        let before = read("cpu  100 0 50 800 10 0 5 35 7 0\ncpu0 1 2 3\n");
        assert_eq!((before.total, before.stolen), (1000, 35));
        let after = read("cpu  150 0 60 830 10 0 5 45 7 0\n");
        assert_eq!(after.stolen_since(before), Some(0.1));
        assert_eq!(before.stolen_since(before), None, "no time went by");
        assert_eq!(before.stolen_since(after), None, "the clock went back");
        assert_eq!(ProcessorTime::read("cpu  1 2 3\n"), None);
        assert_eq!(ProcessorTime::read(""), None);
    }

    #[test]
    fn what_the_kernel_tells_is_read() {
        let memory = "MemTotal:       24684096 kB\nMemAvailable:     100 kB\nHugePages_Total: 0\n";
        assert_eq!(memory_of(memory, "MemTotal:"), Some(24_684_096 * 1024));
        assert_eq!(memory_of(memory, "MemAvailable:"), Some(102_400));
        assert_eq!(memory_of(memory, "HugePages_Total:"), None);
        assert_eq!(is_virtual("flags\t\t: fpu hypervisor sse\n"), Some(true));
        assert_eq!(is_virtual("flags\t\t: fpu sse\n"), Some(false));
        assert_eq!(is_virtual("BogoMIPS : 50\n"), None);
    }

    #[test]
    fn each_governor_is_named_once() {
        let top = tempfile::tempdir().expect("a temporary directory");
        for (processor, governor) in [
            ("cpu0", "powersave\n"),
            ("cpu1", "powersave\n"),
            ("cpu2", "performance\n"),
        ] {
            let folder = top.path().join(processor).join("cpufreq");
            std::fs::create_dir_all(&folder).expect("makes a folder");
            std::fs::write(folder.join("scaling_governor"), governor).expect("writes");
        }
        assert_eq!(governors(top.path()), ["performance", "powersave"]);
        assert_eq!(governors(&top.path().join("gone")), Vec::<String>::new());
    }
}
