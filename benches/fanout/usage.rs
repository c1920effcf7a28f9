//! What a process has used, as the kernel accounts it.

use std::{fs, time::Duration};

use crate::error::Result;

/// What a process has used so far.
pub(crate) struct Usage {
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    pub(crate) resident_kib: f64,
}

impl Usage {
    pub(crate) fn of(process: u32) -> Result<Self> {
        Ok(Self {
            cpu: cpu(process)?,
            resident_kib: resident_kib(process)?,
        })
    }
}

fn cpu(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = schedule.split(' ').next().unwrap_or_default();
        nanoseconds += on_cpu.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The sum over the mappings is exact; `VmRSS` of `status` is not.
fn resident_kib(process: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number
        .ok_or("the kernel tells no resident memory")?
        .parse()?)
}
