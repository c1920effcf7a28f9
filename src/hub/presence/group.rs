//! The members of one group, and what its watchers have been told of them.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    change::PresenceCause,
    member::{Holder, Mark, Member, Outcome},
    notice::{Listed, Notice},
    view::{Presence, PresenceMember},
    watchers::Watchers,
};
use crate::{
    config::PresenceTerms,
    frame::Frame,
    protocol::{ConnectionId, GroupId, UserId},
};

/// The members of one group, and what its watchers have been told of them. Pure: the time is an
/// argument.
#[derive(Debug)]
pub(super) struct Group<W> {
    terms: PresenceTerms,
    /// The partition in which nodes report this group.
    pub(super) partition: u8,
    /// In the order of their names; a hash table that grows leaves holes in memory of half as much again.
    pub(super) members: BTreeMap<UserId, Member>,
    /// Sockets without a user, by node.
    pub(super) anonymous: HashMap<u64, u32>,
    /// Members that have not left.
    here: usize,
    /// The sockets of all members.
    sockets: u64,
    pub(super) watchers: Watchers<W>,
    /// Members whose changes watchers are to be told.
    dirty: Vec<UserId>,
    /// Whether the watchers are told names.
    is_listed: bool,
    /// The count that watchers were told last.
    told: usize,
    /// When watchers were told something last.
    last: Option<Instant>,
    /// When they will be next.
    pub(super) due: Option<Instant>,
}

/// A frame, and the watchers that get it if they still watch the group by then.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) group: GroupId,
    pub(super) frame: Frame,
    pub(super) watchers: Vec<ConnectionId>,
}

impl<W: Clone> Group<W> {
    pub(super) fn new(terms: PresenceTerms, partition: u8) -> Self {
        Self {
            terms,
            partition,
            members: BTreeMap::new(),
            anonymous: HashMap::new(),
            here: 0,
            sockets: 0,
            watchers: Watchers::default(),
            dirty: Vec::new(),
            is_listed: false,
            told: 0,
            last: None,
            due: None,
        }
    }

    /// Takes what a node says of a user's sockets. `waits`: whether a user without any may come back.
    pub(super) fn set(
        &mut self,
        user: &UserId,
        holder: Holder,
        cause: PresenceCause,
        waits: bool,
        now: Instant,
    ) -> Outcome {
        if holder.sockets == 0 && !self.members.contains_key(user) {
            return Outcome::Same;
        }
        let member = match self.members.get_mut(user) {
            Some(member) => member,
            None => self.members.entry(user.clone()).or_default(),
        };
        let grace = if waits {
            self.terms.leave_after
        } else {
            Duration::ZERO
        };
        self.sockets -= member.sockets();
        let outcome = member.set(holder, cause, grace, now);
        self.sockets += member.sockets();
        match outcome {
            Outcome::Arrived => self.here += 1,
            Outcome::Altered => _ = member.mark(Mark::Altered, true),
            Outcome::Away | Outcome::Same => {}
        }
        if matches!(outcome, Outcome::Arrived | Outcome::Altered) {
            self.mark(user, now);
        }
        outcome
    }

    /// Takes a node's count of sockets without a user.
    pub(super) fn set_anonymous(&mut self, node: u64, sockets: u32, now: Instant) {
        if sockets == 0 {
            self.anonymous.remove(&node);
        } else {
            self.anonymous.insert(node, sockets);
        }
        self.schedule(now);
    }

    /// Ends a member's absence if the time has come. Returns when it will, if that is later.
    pub(super) fn expire(&mut self, user: &UserId, now: Instant) -> Option<Instant> {
        let member = self.members.get_mut(user)?;
        let was_here = member.is_here();
        let later = member.expire(now);
        member.mark(Mark::Awaited, later.is_some());
        if was_here && !member.is_here() {
            self.here -= 1;
            self.mark(user, now);
        }
        later
    }

    /// Forgets a member that has left, once all have been told.
    pub(super) fn bury(&mut self, user: &UserId) {
        let member = self.members.get(user);
        let is_over = |member: &Member| {
            let is_due = [Mark::Dirty, Mark::Unheard, Mark::Awaited].map(|mark| member.is(mark));
            !(member.is_here() || is_due.contains(&true))
        };
        if member.is_some_and(is_over) {
            self.members.remove(user);
        }
    }

    /// Has watchers told of a member, if they are told names, and of the count.
    fn mark(&mut self, user: &UserId, now: Instant) {
        if self.is_listed {
            if let Some(member) = self.members.get_mut(user) {
                if !member.mark(Mark::Dirty, true) {
                    self.dirty.push(user.clone());
                }
            }
        }
        self.schedule(now);
    }

    /// Has watchers told of the group as soon as they may be.
    pub(super) fn schedule(&mut self, now: Instant) {
        if self.due.is_none() && !self.watchers.is_empty() {
            let next = self.last.map(|last| last + BETWEEN_FRAMES);
            self.due = Some(next.map_or(now, |next| next.max(now)));
        }
    }

    /// Sends changes to known watchers and the full list to new ones.
    pub(super) fn tell(&mut self, name: &GroupId, now: Instant, out: &mut Vec<Told>) {
        self.due = None;
        let count = self.count();
        let lists = self.here <= self.limit();
        let knows = !self.watchers.known.is_empty();
        let is_reset = knows && lists && !self.is_listed;
        let is_news = count != self.told || self.is_listed != lists;
        let before = out.len();
        let told = |frame, watchers| Told {
            group: name.clone(),
            frame,
            watchers,
        };
        if knows && !is_reset {
            let listed = lists.then(|| self.changes());
            if is_news || listed.as_ref().is_some_and(Listed::is_some) {
                let notice = Notice {
                    is_reset,
                    listed,
                    count,
                };
                out.push(told(notice.frame(name), self.watchers.known()));
            }
        }
        if !(self.is_listed && knows && lists) {
            self.is_listed = lists;
            self.forget_what_was_told();
        }
        let mut whole = if is_reset {
            self.watchers.known()
        } else {
            Vec::new()
        };
        whole.extend(self.watchers.welcome());
        if !whole.is_empty() {
            out.push(told(self.whole(lists, count).frame(name), whole));
        }
        self.told = count;
        if out.len() > before {
            self.last = Some(now);
        }
    }

    /// Returns the changes that the known watchers have not been told.
    fn changes(&mut self) -> Listed<'_> {
        let mut left = Vec::new();
        let mut joined = Vec::new();
        for user in mem::take(&mut self.dirty) {
            let Some(member) = self.members.get_mut(&user) else {
                continue;
            };
            member.mark(Mark::Dirty, false);
            let is_altered = member.mark(Mark::Altered, false);
            let is_here = member.is_here();
            let was_told = member.mark(Mark::Told, is_here);
            if is_here {
                if !was_told || is_altered {
                    joined.push(user);
                }
            } else {
                self.bury(&user);
                if was_told {
                    left.push(user);
                }
            }
        }
        let joined = joined.iter().filter_map(|user| {
            let (user, member) = self.members.get_key_value(user)?;
            Some((user, member.info()))
        });
        Listed {
            joined: joined.collect(),
            left,
        }
    }

    /// Takes the members as they are for what watchers know: watchers are about to get the whole list, or
    /// know no names.
    fn forget_what_was_told(&mut self) {
        for user in mem::take(&mut self.dirty) {
            if let Some(member) = self.members.get_mut(&user) {
                member.mark(Mark::Dirty, false);
            }
            self.bury(&user);
        }
        if self.is_listed {
            for member in self.members.values_mut() {
                member.mark(Mark::Altered, false);
                member.mark(Mark::Told, member.is_here());
            }
        }
    }

    /// Returns all members, or their count alone.
    fn whole(&self, lists: bool, count: usize) -> Notice<'_> {
        let listed = lists.then(|| {
            let here = self.members.iter().filter(|(_, member)| member.is_here());
            let joined = here.map(|(user, member)| (user, member.info()));
            Listed {
                joined: joined.collect(),
                left: Vec::new(),
            }
        });
        Notice {
            is_reset: lists,
            listed,
            count,
        }
    }

    /// Stops reporting once no watcher is left.
    pub(super) fn note_watchers(&mut self) {
        if self.watchers.known.is_empty() && self.is_listed {
            self.is_listed = false;
            self.forget_what_was_told();
        }
        if self.watchers.is_empty() {
            self.due = None;
        }
    }

    /// Returns the user limit for listing names, with hysteresis: a group that grew too large is listed
    /// again only when an eighth smaller.
    fn limit(&self) -> usize {
        let limit = self.terms.list_up_to;
        if self.is_listed || self.watchers.known.is_empty() {
            limit
        } else {
            limit - limit / 8
        }
    }

    /// Returns how many users there are, and sockets without one.
    fn count(&self) -> usize {
        self.here + self.anonymous()
    }

    fn anonymous(&self) -> usize {
        self.anonymous.values().map(|count| *count as usize).sum()
    }

    /// Returns the members at this moment, but lists them only up to a number of users.
    pub(super) fn view(&self, list_up_to: usize) -> Presence {
        let listed = (self.here <= list_up_to).then_some(&self.members);
        let here = listed.into_iter().flatten();
        let here = here.filter(|(_, member)| member.is_here());
        let members = here.map(|(user, member)| {
            let sockets = member.sockets() as usize;
            PresenceMember::new(user.clone(), sockets, member.info().cloned())
        });
        Presence {
            members: members.collect(),
            users: self.here,
            sockets: self.sockets as usize + self.anonymous(),
            count: self.count(),
            is_complete: false,
        }
    }

    /// Returns how many members have not left.
    pub(super) fn here(&self) -> usize {
        self.here
    }

    /// Whether nothing is left of it.
    pub(super) fn is_over(&self) -> bool {
        self.members.is_empty() && self.anonymous.is_empty() && self.watchers.is_empty()
    }
}

impl Listed<'_> {
    fn is_some(&self) -> bool {
        !(self.joined.is_empty() && self.left.is_empty())
    }
}

/// Between two frames for one watcher of a group.
const BETWEEN_FRAMES: Duration = Duration::from_secs(1);
