//! What the client tells of the measured messages, as a line between processes.

use std::{str::FromStr, time::Duration};

use tower::BoxError;

use crate::error::Result;

/// What the client saw of the measured messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// Time from the publish to the last receiver, in µs.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How many reads of sockets found something.
    pub(crate) reads: f64,
}

impl Run {
    /// Sums up the time each message took.
    pub(crate) fn new(took: Duration, mut latencies: Vec<Duration>, reads: u64) -> Self {
        latencies.sort_unstable();
        let at = |percent: usize| micros(latencies[(latencies.len() - 1) * percent / 100]);
        Self {
            seconds: took.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            reads: reads as f64,
        }
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {} {} {}", self.seconds, self.p50, self.p99, self.reads)
    }
}

impl FromStr for Run {
    type Err = BoxError;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split(' ');
        let mut number = || -> Result<f64> { Ok(words.next().unwrap_or_default().parse()?) };
        Ok(Self {
            seconds: number()?,
            p50: number()?,
            p99: number()?,
            reads: number()?,
        })
    }
}

/// A time in µs.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
