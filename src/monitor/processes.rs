//! Processor time and memory of processes, as Linux tells them under `/proc`; none on systems that do not.

use std::path::Path;

/// Nanoseconds of one tick in `/proc/<process>/stat`: `USER_HZ`, which is 100 on every Linux that PostgreSQL runs on.
const TICK_NS: u64 = 10_000_000;

/// What is read of `/proc/<process>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    /// Ticks of its own.
    own: u64,
    /// Ticks of its children that have ended.
    ended_children: u64,
}

/// Processor time of a process, of its children that have ended, and of those that are alive, in nanoseconds: of a server, if the
/// process is its first. Exact to 10 ms a process. None if it is gone.
#[must_use]
pub fn tree_cpu_ns(process: i32) -> Option<u64> {
    let stat = read(process)?;
    let children: u64 = processes()
        .filter_map(read)
        .filter(|child| child.parent == process)
        .map(|child| child.own + child.ended_children)
        .sum();
    Some((stat.own + stat.ended_children + children) * TICK_NS)
}

/// Processor time of one process, its children left out, in nanoseconds; none if it is gone.
#[must_use]
pub fn cpu_ns(process: i32) -> Option<u64> {
    Some(read(process)?.own * TICK_NS)
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir(Path::new("/proc"));
    let entries = entries.into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn read(process: i32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// See proc(5): the second field is a name in brackets that may hold brackets and spaces; 4 is the parent, 14 to 17 are the times.
fn parse(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(14)? + ticks(15)?,
        ended_children: ticks(16)? + ticks(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_a_strange_name() {
        let line =
            "4711 (a ) b (c) S 17 4711 4711 0 -1 4194560 100 200 0 0 12 34 56 78 20 0 1 0 99";
        let expected = Stat {
            parent: 17,
            own: 46,
            ended_children: 134,
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse("4711 (cut off) S 17"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_living_child_counts() {
        let me = i32::try_from(std::process::id()).expect("an id");
        let mut child = std::process::Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .expect("starts a shell");
        let process = i32::try_from(child.id()).expect("an id");
        let before = tree_cpu_ns(me).expect("is alive");
        let spent = || cpu_ns(process).expect("is alive");
        while spent() < 3 * TICK_NS {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(tree_cpu_ns(me).expect("is alive") >= before + 2 * TICK_NS);
        child.kill().expect("ends it");
        child.wait().expect("waits for it");
        assert!(tree_cpu_ns(me).expect("is alive") >= before + 2 * TICK_NS);
        assert_eq!(cpu_ns(process), None);
    }
}
