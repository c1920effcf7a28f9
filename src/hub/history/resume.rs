//! One socket's resume: its request, its replay and its `__resumed` frame.

use std::{iter, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    catch_up::{CatchUp, Lost, Outcome},
    lane::mark_of,
    reader::Reader,
    streams::{Kept, Streams},
};
use crate::{
    config::Retention,
    frame::{Frame, StreamMark},
    protocol::{ConnectionId, GroupId, Position, Resumed, ResumedFrame, StreamName, UserId},
    sync::atomic::Ordering::Relaxed,
};

/// The positions that a client asks to resume from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    positions: Vec<Position>,
    /// How many positions are not valid, or beyond the limit.
    refused: usize,
}

impl Asked {
    /// Reads positions from a query.
    pub(crate) fn read<T: AsRef<str>>(positions: impl Iterator<Item = T>) -> Self {
        let mut asked = Self::default();
        for (number, text) in positions.enumerate() {
            match text.as_ref().parse() {
                Ok(position) if number < MAX_POSITIONS => asked.positions.push(position),
                _ => asked.refused += 1,
            }
        }
        asked
    }
}

/// A socket that resumes its streams: what it has of each, and what it may have.
#[derive(Debug)]
pub(in crate::hub) struct Resume {
    id: ConnectionId,
    user: UserId,
    groups: Vec<GroupId>,
    streams: Vec<Followed>,
    refused: usize,
    /// When it began: later broadcasts come to the socket's queue.
    since: Instant,
}

/// A stream that is kept and that the socket is in.
#[derive(Debug)]
struct Followed {
    name: StreamName,
    keep: Retention,
    /// What stands for the name in positions.
    hash: u64,
    /// The client's position, if it sent one.
    from: Option<Position>,
}

impl Followed {
    /// Whether a socket with this user and these groups is in the stream.
    fn is_of(&self, user: &UserId, groups: &[GroupId]) -> bool {
        match &self.name {
            StreamName::Group(group) => groups.contains(group),
            StreamName::User(name) => name == user,
            StreamName::All => true,
        }
    }

    fn kept(&self) -> Kept<'_> {
        Kept {
            stream: self.name.as_ref(),
            keep: self.keep,
        }
    }
}

impl Resume {
    /// Finds the streams of a socket, and its client's position in each. A position of another stream is
    /// refused like one that never existed, so that clients cannot probe for streams.
    pub(in crate::hub) fn new(
        streams: Option<&Streams>,
        id: ConnectionId,
        user: UserId,
        groups: Vec<GroupId>,
        asked: Asked,
    ) -> Self {
        let Asked {
            mut positions,
            refused,
        } = asked;
        let names = iter::once(StreamName::All)
            .chain(iter::once(StreamName::User(user.clone())))
            .chain(groups.iter().map(StreamName::from));
        let followed = names.filter_map(|name| {
            let streams = streams?;
            let keep = streams.kept(name.as_ref())?.keep;
            let hash = streams.hash_of(name.as_ref());
            let found = positions.iter().position(|it| it.stream() == hash);
            let from = found.map(|index| positions.swap_remove(index));
            Some(Followed {
                name,
                keep,
                hash,
                from,
            })
        });
        let streams = followed.collect();
        Self {
            id,
            user,
            groups,
            streams,
            refused: refused + positions.len(),
            since: Instant::now(),
        }
    }

    /// Whether the socket is in no stream that is kept, so that it can be answered at once.
    pub(in crate::hub) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Waits, for some milliseconds at most, until none of its streams has a message on its way to many
    /// sockets: meanwhile [`catch_up`](Self::catch_up) would block the thread, and the tasks that wait for
    /// it. Cancel safe.
    pub(in crate::hub) async fn when_free(&self, streams: &Streams) {
        let mut looks = 0;
        for followed in &self.streams {
            while looks < MOST_LOOKS && !streams.is_free(followed.kept()) {
                looks += 1;
                sleep(BETWEEN_LOOKS).await;
            }
        }
    }

    /// Returns what the socket missed of each stream; in total no more than its queue has room for.
    pub(in crate::hub) fn catch_up(&self, streams: &Streams) -> Vec<CatchUp> {
        let reader = Reader {
            id: self.id,
            user: self.user.as_str(),
            groups: &self.groups,
        };
        let mut room = streams.room();
        let caught_up = self.streams.iter().map(|followed| {
            streams.catch_up(followed.kept(), followed.from.as_ref(), &reader, &mut room)
        });
        caught_up.collect()
    }

    /// Like [`catch_up`](Self::catch_up), for streams that a store keeps. Cancel safe.
    pub(in crate::hub) async fn catch_up_shared(&self, streams: &Arc<Streams>) -> Vec<CatchUp> {
        let reader = Reader {
            id: self.id,
            user: self.user.as_str(),
            groups: &self.groups,
        };
        let mut room = streams.room();
        let mut caught_up = Vec::with_capacity(self.streams.len());
        for followed in &self.streams {
            let from = followed.from.as_ref();
            let who = (&reader, self.since);
            let one = streams.catch_up_shared(followed.kept(), from, who, &mut room);
            caught_up.push(one.await);
        }
        caught_up
    }

    /// Withdraws what was read of streams that the socket, with this user and these groups, is no longer in.
    pub(in crate::hub) fn forbid(
        &self,
        caught_up: &mut [CatchUp],
        user: &UserId,
        groups: &[GroupId],
    ) {
        for (followed, caught_up) in self.streams.iter().zip(caught_up) {
            if !followed.is_of(user, groups) {
                caught_up.lose(Lost::Unknown);
            }
        }
    }

    /// Returns how far the client is in each stream that it recovers.
    pub(in crate::hub) fn seen(&self, caught_up: &[CatchUp]) -> Vec<StreamMark> {
        let streams = self.streams.iter().zip(caught_up);
        let recovered = streams.filter(|(_, caught_up)| caught_up.lost().is_none());
        let positions = recovered.filter_map(|(followed, _)| followed.from.as_ref());
        // A gap before this position is reported now or is irrelevant.
        let gaps = caught_up.iter().map(|it| it.mark.of_gap());
        positions.map(mark_of).chain(gaps).collect()
    }

    /// Returns the frame that tells the client what it gets. `waiting_up_to` returns how many queued
    /// messages a client at this mark already has.
    pub(in crate::hub) fn told(
        &self,
        caught_up: &[CatchUp],
        waiting_up_to: impl Fn(StreamMark) -> usize,
    ) -> Frame {
        let streams = self.streams.iter().zip(caught_up).map(|(followed, it)| {
            let position = Some(it.position);
            let resumed = match it.outcome {
                // A `latest` stream may have more queued than the ring keeps.
                Outcome::Recovered { missed } => Resumed {
                    recovered: true,
                    missed: Some(missed.max(waiting_up_to(it.mark))),
                    reason: None,
                    position,
                },
                Outcome::Lost(why) => lost(why, position),
            };
            (&followed.name, resumed)
        });
        self.frame(&streams.collect::<Vec<_>>())
    }

    /// Returns the frame that tells the client that it gets nothing of what it missed. Nothing is missing of a
    /// stream without a position, whose place the client does not know yet.
    pub(in crate::hub) fn told_lost(&self, why: Lost) -> Frame {
        let streams = self.streams.iter().map(|followed| {
            let resumed = match followed.from {
                Some(_) => lost(why, None),
                None => Resumed::from_now_on(Position::void(followed.hash)),
            };
            (&followed.name, resumed)
        });
        self.frame(&streams.collect::<Vec<_>>())
    }

    /// Returns the streams for which the client sent no position, and that a socket with this user and these
    /// groups is in.
    pub(in crate::hub) fn begun<'a>(
        &'a self,
        user: &'a UserId,
        groups: &'a [GroupId],
    ) -> impl Iterator<Item = &'a StreamName> {
        let begun = self.streams.iter().filter(|it| it.from.is_none());
        let begun = begun.filter(|it| it.is_of(user, groups));
        begun.map(|followed| &followed.name)
    }

    /// Counts the outcome of each stream for which the client sent a position.
    pub(in crate::hub) fn count(&self, streams: &Streams, caught_up: Option<&[CatchUp]>) {
        let had = self
            .streams
            .iter()
            .filter(|followed| followed.from.is_some());
        let had = had.count();
        let lost = match caught_up {
            Some(caught_up) => {
                let of_had = self.streams.iter().zip(caught_up);
                of_had
                    .filter(|(followed, it)| followed.from.is_some() && it.lost().is_some())
                    .count()
            }
            None => had,
        };
        let totals = &streams.totals;
        totals.recovered.fetch_add((had - lost) as u64, Relaxed);
        totals.lost.fetch_add(lost as u64, Relaxed);
    }

    fn frame(&self, streams: &[(&StreamName, Resumed)]) -> Frame {
        Frame::text(&ResumedFrame::new(streams, self.refused).encode())
    }
}

fn lost(why: Lost, position: Option<Position>) -> Resumed {
    Resumed {
        recovered: false,
        missed: None,
        reason: Some(why.as_str()),
        position,
    }
}

/// How often a socket looks whether its streams are free, before it waits for their locks.
const MOST_LOOKS: u32 = 32;

const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// How many positions a client may send.
const MAX_POSITIONS: usize = 64;
