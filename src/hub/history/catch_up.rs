//! Replays the messages of a stream that a resuming socket missed.

use super::{
    entry::Entry,
    lane::{Lane, State, mark_of},
    reader::{Reader, Room},
    ring::{Place, Since},
    streams::{Kept, Streams},
};
use crate::{
    frame::{Frame, StreamMark},
    protocol::Position,
};

/// What a resuming socket is told of a stream, and what it gets.
#[derive(Debug)]
pub(in crate::hub) struct CatchUp {
    pub(in crate::hub) outcome: Outcome,
    /// The messages that it missed, in their order. None if it cannot have all of them.
    pub(in crate::hub) frames: Vec<Frame>,
    /// The place up to which it has all that it can have. Later messages are on their way to its queue.
    pub(in crate::hub) position: Position,
    /// The same, as queues know it.
    pub(in crate::hub) mark: StreamMark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Outcome {
    /// It gets so many messages, and lacks none.
    Recovered { missed: usize },
    /// It may lack messages.
    Lost(Lost),
}

/// Why a socket cannot have what it missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Lost {
    /// It is no longer kept, or more than the socket's queue or the hub has room for.
    Expired,
    /// The position is of another life of the stream, or of another node.
    Elsewhere,
    /// Some of it may never have come to this node.
    Gap,
    /// No message had this position.
    Unknown,
    /// It took too long to find out.
    Timeout,
    /// The store could not be asked.
    Unavailable,
}

impl CatchUp {
    pub(super) fn lost(&self) -> Option<Lost> {
        match self.outcome {
            Outcome::Recovered { .. } => None,
            Outcome::Lost(why) => Some(why),
        }
    }

    /// Withdraws the messages that the socket was to get.
    pub(in crate::hub) fn lose(&mut self, why: Lost) {
        self.outcome = Outcome::Lost(why);
        self.frames = Vec::new();
    }
}

impl Lost {
    /// Returns the reason as `__resumed` frames spell it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Elsewhere => "elsewhere",
            Self::Gap => "gap",
            Self::Unknown => "unknown",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Streams {
    /// Returns what a socket missed of a stream since a position, or where the stream is now.
    ///
    /// Broadcasts must select the socket already, and its gate be shut: messages that are not in the answer
    /// then come to its queue. To be called without a lock.
    pub(super) fn catch_up(
        &self,
        kept: Kept<'_>,
        from: Option<&Position>,
        reader: &Reader<'_>,
        room: &mut Room,
    ) -> CatchUp {
        let caught_up = self.with_lane(kept, |lane, state| {
            let now = state.used;
            self.change(state, |ring| ring.expire(&lane.keep, now));
            let position = lane.position(state.epoch, state.ring.top());
            let missed = match from {
                Some(from) => missed(lane, state, from, reader, room),
                None => Ok(Vec::new()),
            };
            let (outcome, frames) = match missed {
                Ok(frames) => (
                    Outcome::Recovered {
                        missed: frames.len(),
                    },
                    frames,
                ),
                Err(why) => (Outcome::Lost(why), Vec::new()),
            };
            CatchUp {
                outcome,
                frames,
                position,
                mark: mark_of(&position),
            }
        });
        self.keep_bound();
        caught_up
    }

    /// Returns how much one socket may be sent of what it missed, over all its streams.
    pub(super) fn room(&self) -> Room {
        Room::new(self.max_replay_bytes)
    }
}

pub(super) fn missed(
    lane: &Lane,
    state: &State,
    from: &Position,
    reader: &Reader<'_>,
    room: &mut Room,
) -> Result<Vec<Frame>, Lost> {
    if from.stream() != lane.hash {
        return Err(Lost::Unknown);
    }
    if from.epoch() != state.epoch {
        return Err(Lost::Elsewhere);
    }
    let ring = &state.ring;
    let place = Place {
        offset: from.offset(),
        tag: from.tag(),
    };
    let is_for_it = |entry: &&Entry| !reader.is_excluded(entry.excludes.iter().flatten());
    let begin = match ring.since(place) {
        Since::Whole(index) => index,
        // The newest message replaces all others.
        Since::Gone
            if lane.keep.is_latest
                && ring.entries().back().is_some_and(|entry| is_for_it(&entry)) =>
        {
            0
        }
        Since::Gone => return Err(Lost::Expired),
        Since::Broken => return Err(Lost::Gap),
        Since::Unknown => return Err(Lost::Unknown),
    };
    let mut frames = Vec::new();
    let mut left = *room;
    for entry in ring.entries().range(begin..).filter(is_for_it) {
        left = left.without(&entry.frame).ok_or(Lost::Expired)?;
        frames.push(entry.frame.clone());
    }
    *room = left;
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, advance};

    use super::*;
    use crate::{
        config::{Config, HistoryRule},
        hub::history::reader::MAX_REPLAY,
        protocol::{ConnectionId, GroupId, Recipient, SocketMessage, StreamRef},
    };

    const LOBBY: StreamRef<'_> = StreamRef::Group("lobby");

    struct World {
        streams: Streams,
    }

    impl World {
        fn new(rule: HistoryRule) -> Self {
            Self::with(&Config::new().history(rule))
        }

        fn with(config: &Config) -> Self {
            let streams = Streams::new(config).expect("it has a rule");
            Self { streams }
        }

        fn kept(&self) -> Kept<'static> {
            self.streams.kept(LOBBY).expect("it has a rule")
        }

        fn publish(&self, text: &str, excludes: &[Recipient]) -> Position {
            let mut message = SocketMessage::new("a").text(text).to_group("lobby");
            message.recipients.extend_from_slice(excludes);
            let plain = Frame::message(&message);
            let recipients = &message.recipients;
            let (position, ()) = self
                .streams
                .publish(self.kept(), recipients, &plain, |_| ());
            position.expect("it is a message")
        }

        fn catch_up(&self, from: Option<&Position>, reader: &Reader<'_>) -> CatchUp {
            let mut room = self.streams.room();
            self.streams.catch_up(self.kept(), from, reader, &mut room)
        }

        /// What Ann gets since a position, or why not.
        fn missed(&self, from: &Position) -> Result<Vec<String>, Lost> {
            let caught_up = self.catch_up(Some(from), &ann());
            let texts: Vec<_> = caught_up.frames.iter().map(text).collect();
            match caught_up.outcome {
                Outcome::Recovered { missed } => {
                    assert_eq!(missed, texts.len());
                    Ok(texts)
                }
                Outcome::Lost(why) => {
                    assert_eq!(texts, [""; 0]);
                    Err(why)
                }
            }
        }
    }

    fn ann() -> Reader<'static> {
        Reader {
            id: ConnectionId::new(1, 1),
            user: "ann",
            groups: &[],
        }
    }

    fn text(frame: &Frame) -> String {
        SocketMessage::from_slice(frame.payload()).unwrap().message
    }

    #[tokio::test]
    async fn a_socket_gets_what_came_after_its_position() {
        let world = World::new(HistoryRule::group("lobby"));
        let begin = world.catch_up(None, &ann());
        assert_eq!(begin.outcome, Outcome::Recovered { missed: 0 });
        let [one, two] = ["1", "2"].map(|text| world.publish(text, &[]));
        assert_eq!(world.missed(&begin.position).unwrap(), ["1", "2"]);
        assert_eq!(world.missed(&one).unwrap(), ["2"]);
        assert_eq!(world.missed(&two).unwrap(), [""; 0]);
        let caught_up = world.catch_up(Some(&one), &ann());
        assert_eq!((caught_up.position, caught_up.mark), (two, mark_of(&two)));
    }

    #[tokio::test]
    async fn what_excluded_a_socket_is_not_for_it_afterwards() {
        let world = World::new(HistoryRule::group("lobby"));
        let begin = world.catch_up(None, &ann()).position;
        let me = ConnectionId::new(1, 1);
        let other = ConnectionId::new(1, 2);
        for (text, exclude) in [
            ("not ann", Recipient::all_but_user("ann")),
            ("not bob", Recipient::all_but_user("bob")),
            ("not ops", Recipient::all_but_group("ops")),
            ("not lobby", Recipient::all_but_group("lobby")),
            ("not me", Recipient::all_but_connection(me)),
            ("not the other", Recipient::all_but_connection(other)),
            ("not one without a name", Recipient::all_but_user("")),
        ] {
            world.publish(text, &[exclude]);
        }
        let groups = &[GroupId::from("lobby"), GroupId::from("ops")];
        let reader = Reader { groups, ..ann() };
        let caught_up = world.catch_up(Some(&begin), &reader);
        let texts: Vec<_> = caught_up.frames.iter().map(text).collect();
        let expected = ["not bob", "not the other", "not one without a name"];
        assert_eq!(texts, expected);
        let nameless = Reader { user: "", ..ann() };
        let caught_up = world.catch_up(Some(&begin), &nameless);
        assert_eq!(caught_up.outcome, Outcome::Recovered { missed: 6 });
    }

    #[tokio::test]
    async fn a_position_that_does_not_fit_is_told_apart() {
        let world = World::new(HistoryRule::group("lobby").messages(2));
        let place = |epoch, offset, tag| {
            let stream = world.streams.hash_of(LOBBY);
            Position::new(stream, epoch, offset, tag)
        };
        let begin = world.catch_up(None, &ann()).position;
        let epoch = begin.epoch();
        let all: Vec<_> = ["1", "2", "3", "4"]
            .iter()
            .map(|text| world.publish(text, &[]))
            .collect();
        assert_eq!(world.missed(&begin), Err(Lost::Expired));
        assert_eq!(world.missed(&all[0]), Err(Lost::Expired));
        assert_eq!(world.missed(&all[1]).unwrap(), ["3", "4"]);
        assert_eq!(world.missed(&place(epoch, 5, 0)), Err(Lost::Unknown));
        assert_eq!(world.missed(&place(epoch, 3, 0)), Err(Lost::Unknown));
        assert_eq!(world.missed(&place(0, 3, 0)), Err(Lost::Elsewhere));
        assert_eq!(world.missed(&place(epoch ^ 1, 3, 0)), Err(Lost::Elsewhere));
        let other = Position::new(7, epoch, all[3].offset(), all[3].tag());
        assert_eq!(world.missed(&other), Err(Lost::Unknown));
    }

    #[tokio::test]
    async fn of_a_stream_of_values_the_newest_is_enough() {
        let world = World::new(HistoryRule::group("lobby").latest());
        let begin = world.catch_up(None, &ann()).position;
        let all: Vec<_> = ["1", "2", "3"]
            .iter()
            .map(|text| world.publish(text, &[]))
            .collect();
        assert_eq!(world.missed(&begin).unwrap(), ["3"]);
        assert_eq!(world.missed(&all[0]).unwrap(), ["3"]);
        assert_eq!(world.missed(&all[2]).unwrap(), [""; 0]);
        // The newest was not for Ann, and the one before is gone.
        world.publish("4", &[Recipient::all_but_user("ann")]);
        assert_eq!(world.missed(&all[2]).unwrap(), [""; 0]);
        assert_eq!(world.missed(&all[1]), Err(Lost::Expired));
    }

    #[tokio::test]
    async fn nothing_is_replayed_in_part() {
        let world = World::new(HistoryRule::group("lobby").messages(1_000));
        let begin = world.catch_up(None, &ann()).position;
        let mut last = begin;
        for number in 0..MAX_REPLAY {
            last = world.publish(&number.to_string(), &[]);
        }
        assert_eq!(world.missed(&begin).unwrap().len(), MAX_REPLAY);
        world.publish("one more", &[]);
        assert_eq!(world.missed(&begin), Err(Lost::Expired));
        assert_eq!(world.missed(&last).unwrap(), ["one more"]);

        let config = Config::new().history(HistoryRule::group("lobby"));
        let world = World::with(&config.max_queue_bytes(2_000));
        let begin = world.catch_up(None, &ann()).position;
        let half = world.publish(&"x".repeat(500), &[]);
        assert_eq!(world.missed(&begin).unwrap().len(), 1);
        world.publish(&"x".repeat(500), &[]);
        assert_eq!(world.missed(&begin), Err(Lost::Expired));
        assert_eq!(world.missed(&half).unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_stays_for_its_age_and_is_gone_after_twice_that() {
        let rule = HistoryRule::group("lobby").age(Duration::from_secs(10));
        let world = World::new(rule);
        let begin = world.catch_up(None, &ann()).position;
        let one = world.publish("1", &[]);
        advance(Duration::from_secs(10)).await;
        assert_eq!(world.missed(&begin).unwrap(), ["1"]);
        advance(Duration::from_secs(11)).await;
        assert_eq!(world.missed(&begin), Err(Lost::Expired));
        assert_eq!(world.missed(&one).unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn no_position_can_be_made_up() {
        let world = World::new(HistoryRule::group("lobby"));
        world.publish("said before", &[]);
        let now = world.catch_up(None, &ann()).position;
        for offset in [0, 1] {
            let made_up = Position::new(now.stream(), now.epoch(), offset, 0);
            assert_eq!(world.missed(&made_up), Err(Lost::Unknown), "{offset}");
        }
    }

    #[tokio::test]
    async fn what_is_broadcast_during_a_delivery_has_no_place() {
        let world = World::new(HistoryRule::group("lobby"));
        let message = SocketMessage::new("a").to_group("lobby");
        let recipients = &message.recipients;
        let plain = Frame::message(&message);
        assert!(world.streams.kept_of(recipients).is_some());
        let (position, is_kept) = world
            .streams
            .publish(world.kept(), recipients, &plain, |_| {
                world.streams.kept_of(recipients).is_some()
            });
        assert!(!is_kept);
        assert!(world.streams.kept_of(recipients).is_some());
        // A client that was away may lack it.
        assert_eq!(world.missed(&position.unwrap()), Err(Lost::Gap));
        let now = world.catch_up(None, &ann()).position;
        assert_eq!(world.missed(&now).unwrap(), [""; 0]);
        assert_eq!(world.streams.stats().void, 1);
    }
}
