//! What a process costs, read from `/proc`.

use std::fs;
use std::io;

/// CPU time in seconds, user and system, of all threads that are alive.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let mut nanos = 0u64;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path().join("schedstat");
        // Without schedstat the resolution is the clock tick of 10 ms.
        let Ok(text) = fs::read_to_string(path) else {
            return cpu_ticks(pid).map(|ticks| ticks as f64 / 100.0);
        };
        nanos += text
            .split(' ')
            .next()
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(nanos as f64 / 1e9)
}

fn cpu_ticks(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may contain spaces; the fields after it do not.
    let fields = text.rsplit(')').next().unwrap_or("").split_whitespace();
    Ok(fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum())
}

/// Memory in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident set size, shared pages included (RSS).
    pub rss: u64,
    /// Proportional set size: shared pages count in part (PSS).
    pub pss: u64,
}

/// The memory of a process.
pub fn memory(pid: u32) -> io::Result<Memory> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
    };
    let rss = field("status", "VmRSS:").ok_or(io::ErrorKind::NotFound)?;
    let pss = field("smaps_rollup", "Pss:").unwrap_or(rss);
    Ok(Memory { rss, pss })
}

/// The machine in general terms: processor, cores, kernel.
pub fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpuinfo
            .lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split(':').nth(1))
            .map_or("unknown", str::trim)
            .to_owned()
    };
    let cores = cpuinfo
        .lines()
        .filter(|l| l.starts_with("processor"))
        .count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = kernel.trim().split(['.', '-']).take(2).collect();
    let guest = if field("flags").split(' ').any(|flag| flag == "hypervisor") {
        ", virtual machine"
    } else {
        ""
    };
    format!(
        "{cores} cores, {} (family {}), Linux {}{guest}",
        field("model name"),
        field("cpu family"),
        kernel.join(".")
    )
}
