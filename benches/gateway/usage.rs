//! The processor time of a process and its descendants, as the kernel accounts it.

use std::{fs, time::Duration};

use crate::Result;

/// Sums the time of `id` and of every process below it.
pub(crate) fn cpu(id: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    let mut waiting = vec![id];
    while let Some(id) = waiting.pop() {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name before it may hold anything but ends with the last parenthesis.
        let (_, fields) = stat.rsplit_once(')').ok_or("a process without a name")?;
        let ticks: u64 = fields
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        sum += Duration::from_millis(ticks * 10);
        for thread in fs::read_dir(format!("/proc/{id}/task"))? {
            let children = fs::read_to_string(thread?.path().join("children"))?;
            let children = children.split_ascii_whitespace();
            waiting.extend(children.filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    Ok(sum)
}
