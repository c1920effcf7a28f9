//! What a process has used, as the kernel accounts it.

use std::{fs, time::Duration};

use crate::error::Result;

/// User and system time of all threads so far.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = schedule.split(' ').next().unwrap_or_default();
        nanoseconds += on_cpu.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory in KiB. The sum over the mappings is exact; `VmRSS` of `status` is not.
pub(crate) fn resident_kib(process: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number
        .ok_or("the kernel tells no resident memory")?
        .parse()?)
}
