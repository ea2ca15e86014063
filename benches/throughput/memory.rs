//! What processes have of the memory, as the kernel counts it.

use std::fs;
use std::path::Path;

use crate::Outcome;

const KIB_A_MIB: f64 = 1_024.0;

/// MiB resident of a process: now, and at most so far.
pub fn of_process(process: u32) -> Outcome<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok((mib(&status, "VmRSS:")?, mib(&status, "VmHWM:")?))
}

/// MiB of all processes that work in `folder`, what they share counted once.
pub fn of_those_in(folder: &Path) -> Outcome<f64> {
    let mut sum = 0.0;
    for process in fs::read_dir("/proc")?.flatten() {
        // One that is no process, or has ended, works nowhere.
        let works_in = fs::read_link(process.path().join("cwd")).unwrap_or_default();
        if works_in.starts_with(folder)
            && let Ok(shares) = fs::read_to_string(process.path().join("smaps_rollup"))
        {
            sum += mib(&shares, "Pss:")?;
        }
    }
    Ok(sum)
}

fn mib(lines: &str, name: &str) -> Outcome<f64> {
    let line = lines.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in /proc")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / KIB_A_MIB)
}
