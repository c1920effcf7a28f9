//! The kinds of attack. Each keeps to a pace, so that the server is the one that is measured.

mod aim;
mod connections;
mod frames;
mod requests;
mod room;
mod streams;
mod visits;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub(super) use self::aim::{Aim, Tally};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Attack {
    HitAndRun,
    NoWindow,
    SlowHeads,
    LargeHeads,
    Flood,
    Resets,
    Frames,
    Posts,
    NoReads,
    HalfOpen,
    LongNames,
    Pings,
    Refused,
    RapidReset,
    Mute,
    Crowd,
    HalfClosed,
}

impl Attack {
    pub(super) const ALL: &[Self] = &[
        Self::HitAndRun,
        Self::NoWindow,
        Self::SlowHeads,
        Self::LargeHeads,
        Self::Flood,
        Self::Resets,
        Self::Frames,
        Self::Posts,
        Self::NoReads,
        Self::HalfOpen,
        Self::LongNames,
        Self::Pings,
        Self::Refused,
        Self::RapidReset,
        Self::Mute,
        Self::Crowd,
        Self::HalfClosed,
    ];

    /// Attacks until the time is up.
    pub(super) async fn run(self, aim: Aim) -> Tally {
        match self {
            Self::HitAndRun => visits::hit_and_run(aim).await,
            Self::NoWindow => streams::no_window(aim).await,
            Self::SlowHeads => connections::slow_heads(aim).await,
            Self::LargeHeads => connections::large_heads(aim).await,
            Self::Flood => room::flood(aim).await,
            Self::Resets => visits::resets(aim).await,
            Self::Frames => frames::broken(aim).await,
            Self::Posts => requests::posts(aim).await,
            Self::NoReads => streams::no_reads(aim).await,
            Self::HalfOpen => connections::half_open(aim).await,
            Self::LongNames => room::long_names(aim).await,
            Self::Pings => frames::pings(aim).await,
            Self::Refused => requests::refused(aim).await,
            Self::RapidReset => streams::rapid_reset(aim).await,
            Self::Crowd => room::crowd(aim).await,
            Self::Mute => connections::mute(aim).await,
            Self::HalfClosed => visits::half_closed(aim).await,
        }
    }
}
