//! One user's membership in a group: which nodes have sockets of it, or since when none has.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{change::PresenceCause, info::Info};

/// One user's membership in a group: 32 bytes, of which there may be many.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// A node that has sockets of the user.
    node: u64,
    info: Option<Arc<Info>>,
    rest: Option<Box<Rest>>,
    sockets: u32,
    /// One bit for each mark.
    marks: u8,
}

/// The rare parts of a member, which are boxed.
#[derive(Debug)]
enum Rest {
    Away(Absence),
    /// Other nodes with sockets of it.
    Others(Vec<Holder>),
}

/// One node's sockets of a user.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) node: u64,
    pub(super) sockets: u32,
    pub(super) info: Option<Arc<Info>>,
}

#[derive(Debug)]
struct Absence {
    until: Instant,
    cause: PresenceCause,
    /// The latest value, which may be a removal.
    word: Option<Arc<Info>>,
    is_over: bool,
}

/// A flag of a member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// Watchers have been told that it is here.
    Told = 1,
    /// Watchers are to be told something of it.
    Dirty = 2,
    /// Its value has changed since watchers were told.
    Altered = 4,
    /// The application's functions have been told that it is here.
    Heard = 8,
    /// They are to be told something of it.
    Unheard = 16,
    /// The end of its absence is being waited for.
    Awaited = 32,
}

/// What a change of a member's sockets comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Same,
    /// It is here and was not.
    Arrived,
    /// Its value has changed.
    Altered,
    /// It has no socket any more.
    Away,
}

impl Member {
    /// Takes what a node says of its sockets.
    pub(super) fn set(
        &mut self,
        holder: Holder,
        cause: PresenceCause,
        grace: Duration,
        now: Instant,
    ) -> Outcome {
        let word = self.last_word().cloned();
        let was_present = self.sockets > 0;
        if holder.sockets == 0 {
            self.remove(holder.node);
            if was_present && self.sockets == 0 {
                self.rest = Some(Box::new(Rest::Away(Absence {
                    until: now + grace,
                    cause,
                    word,
                    is_over: false,
                })));
                return Outcome::Away;
            }
            self.is_away_again(cause, now + grace);
        } else {
            let was_here = was_present || self.absence().is_some_and(|absence| !absence.is_over);
            self.put(holder);
            if !was_here {
                // Watchers may not have been told that it was gone.
                if !self.says(word.as_deref()) {
                    self.mark(Mark::Altered, true);
                }
                return Outcome::Arrived;
            }
        }
        if self.says(word.as_deref()) {
            Outcome::Same
        } else {
            Outcome::Altered
        }
    }

    /// Whether its value is the same as before.
    fn says(&self, before: Option<&Info>) -> bool {
        let now = self.info().map(|info| info.json.get());
        let before = before.filter(|info| !info.is_nothing());
        now == before.map(|info| info.json.get())
    }

    /// Notes that it returned and left again since, between two reports of its node.
    fn is_away_again(&mut self, cause: PresenceCause, until: Instant) {
        if let Some(absence) = self.absence_mut().filter(|absence| !absence.is_over) {
            (absence.cause, absence.until) = (cause, until);
        }
    }

    /// Copies the latest value to a node that has sockets of the user, so that it outlives the node on which
    /// it was set. Returns whether that node had another one.
    pub(super) fn carry_word(&mut self, node: u64) -> bool {
        let Some(last) = self.last_word().cloned() else {
            return false;
        };
        let own = if self.sockets > 0 && self.node == node {
            Some(&mut self.info)
        } else if let Some(Rest::Others(others)) = self.rest.as_deref_mut() {
            let own = others.iter_mut().find(|other| other.node == node);
            own.map(|own| &mut own.info)
        } else {
            None
        };
        let is_it = |own: &Arc<Info>| (own.stamp, own.json.get()) == (last.stamp, last.json.get());
        let own = own.filter(|own| !own.as_ref().is_some_and(is_it));
        own.map(|own| *own = Some(last)).is_some()
    }

    /// Sets a mark or takes it away. Returns whether it was set.
    pub(super) fn mark(&mut self, mark: Mark, is_set: bool) -> bool {
        let was_set = self.is(mark);
        if is_set {
            self.marks |= mark as u8;
        } else {
            self.marks &= !(mark as u8);
        }
        was_set
    }

    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks & mark as u8 != 0
    }

    /// Returns what a node has of it.
    pub(super) fn holder(&self, node: u64) -> Option<Holder> {
        self.holders().find(|one| one.node == node)
    }

    /// Returns the nodes that have sockets of it.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u64> {
        self.holders().map(|one| one.node)
    }

    /// Ends its absence if the time has come. Returns when it will, if that is later.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let absence = self.absence_mut().filter(|absence| !absence.is_over)?;
        if absence.until > now {
            return Some(absence.until);
        }
        absence.is_over = true;
        None
    }

    /// Returns when it has left, if it has no sockets.
    pub(super) fn away_until(&self) -> Option<Instant> {
        self.absence().map(|absence| absence.until)
    }

    /// Whether it counts as a member.
    pub(super) fn is_here(&self) -> bool {
        self.absence().is_none_or(|absence| !absence.is_over)
    }

    /// Returns how its last socket ended, if it has none.
    pub(super) fn cause(&self) -> Option<PresenceCause> {
        self.absence().map(|absence| absence.cause)
    }

    pub(super) fn sockets(&self) -> u64 {
        let others = self.others().iter().map(|other| u64::from(other.sockets));
        u64::from(self.sockets) + others.sum::<u64>()
    }

    /// Returns its latest value from the nodes that have sockets of it, unless that was removed.
    pub(super) fn info(&self) -> Option<&Arc<Info>> {
        self.last_word().filter(|info| !info.is_nothing())
    }

    /// Returns its latest value, which may be a removal.
    pub(super) fn last_word(&self) -> Option<&Arc<Info>> {
        if let Some(absence) = self.absence() {
            return absence.word.as_ref();
        }
        let first = self.info.as_ref().map(|info| (info, self.node));
        let others = self.others().iter();
        let others = others.filter_map(|other| Some((other.info.as_ref()?, other.node)));
        let said = first.into_iter().chain(others);
        let last = said.max_by_key(|(info, node)| (info.stamp, *node));
        last.map(|(info, _)| info)
    }

    fn holders(&self) -> impl Iterator<Item = Holder> {
        let first = (self.sockets > 0).then(|| Holder {
            node: self.node,
            sockets: self.sockets,
            info: self.info.clone(),
        });
        first.into_iter().chain(self.others().iter().cloned())
    }

    fn others(&self) -> &[Holder] {
        match self.rest.as_deref() {
            Some(Rest::Others(others)) => others,
            Some(Rest::Away(_)) | None => &[],
        }
    }

    fn absence(&self) -> Option<&Absence> {
        match self.rest.as_deref() {
            Some(Rest::Away(absence)) => Some(absence),
            Some(Rest::Others(_)) | None => None,
        }
    }

    fn absence_mut(&mut self) -> Option<&mut Absence> {
        match self.rest.as_deref_mut() {
            Some(Rest::Away(absence)) => Some(absence),
            Some(Rest::Others(_)) | None => None,
        }
    }

    fn put(&mut self, holder: Holder) {
        if self.sockets == 0 || self.node == holder.node {
            let others = matches!(self.rest.as_deref(), Some(Rest::Others(_)));
            if !others {
                self.rest = None;
            }
            self.take(holder);
            return;
        }
        let rest = self
            .rest
            .get_or_insert_with(|| Box::new(Rest::Others(Vec::new())));
        if let Rest::Others(others) = &mut **rest {
            match others.iter_mut().find(|one| one.node == holder.node) {
                Some(one) => *one = holder,
                None => others.push(holder),
            }
        }
    }

    fn remove(&mut self, node: u64) {
        let others = match self.rest.as_deref_mut() {
            Some(Rest::Others(others)) => others,
            Some(Rest::Away(_)) => return,
            None => {
                if self.node == node {
                    (self.sockets, self.info) = (0, None);
                }
                return;
            }
        };
        if self.node == node {
            if let Some(next) = others.pop() {
                (self.node, self.sockets, self.info) = (next.node, next.sockets, next.info);
            }
        } else {
            others.retain(|one| one.node != node);
        }
        if others.is_empty() {
            self.rest = None;
        }
    }

    /// Replaces the inline holder.
    fn take(&mut self, holder: Holder) {
        (self.node, self.sockets, self.info) = (holder.node, holder.sockets, holder.info);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    fn holder(node: u64, sockets: u32, info: Option<(u64, &str)>) -> Holder {
        let info = info.map(|(stamp, text)| {
            let json = serde_json::value::to_raw_value(text).expect("JSON");
            Arc::new(Info { stamp, json })
        });
        Holder {
            node,
            sockets,
            info,
        }
    }

    #[test]
    fn a_member_of_one_node_takes_little() {
        let bytes = size_of::<Member>();
        assert!(bytes <= 32, "{bytes}");
    }

    #[test]
    fn it_is_away_when_the_last_node_has_none() {
        let now = Instant::now();
        let mut member = Member::default();
        let mut set = |holder, cause| member.set(holder, cause, GRACE, now);
        let closed = PresenceCause::Closed;
        assert_eq!(set(holder(1, 1, None), closed), Outcome::Arrived);
        assert_eq!(set(holder(2, 3, None), closed), Outcome::Same);
        assert_eq!(set(holder(1, 0, None), closed), Outcome::Same);
        assert_eq!(set(holder(3, 0, None), closed), Outcome::Same);
        let lost = PresenceCause::Lost;
        assert_eq!(set(holder(2, 0, None), lost), Outcome::Away);
        assert_eq!(member.cause(), Some(lost));
        assert_eq!(member.away_until(), Some(now + GRACE));
        assert_eq!(member.expire(now), Some(now + GRACE));
        assert!(member.is_here());
        assert_eq!(member.expire(now + GRACE), None);
        assert!(!member.is_here());
        let outcome = member.set(holder(1, 1, None), closed, GRACE, now);
        assert_eq!(outcome, Outcome::Arrived);
        assert!(member.is_here() && member.cause().is_none());
    }

    #[test]
    fn the_last_word_of_the_nodes_that_have_it_counts() {
        let now = Instant::now();
        let mut member = Member::default();
        let said = |member: &Member| member.info().map(|info| info.json.get().to_owned());
        let mut set = |one| member.set(one, PresenceCause::Closed, GRACE, now);
        assert_eq!(set(holder(1, 1, Some((5, "a")))), Outcome::Arrived);
        assert_eq!(set(holder(2, 1, Some((4, "b")))), Outcome::Same);
        assert_eq!(set(holder(2, 1, Some((5, "c")))), Outcome::Altered);
        assert_eq!(set(holder(2, 0, None)), Outcome::Altered);
        assert_eq!(set(holder(1, 0, None)), Outcome::Away);
        assert_eq!(said(&member).as_deref(), Some("\"a\""));
        let mut set = |one| member.set(one, PresenceCause::Closed, GRACE, now);
        assert_eq!(set(holder(1, 1, None)), Outcome::Altered, "it came back");
        assert_eq!(said(&member), None);
    }
}
