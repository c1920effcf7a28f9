//! One user's membership in a group: which nodes have sockets of it, or since when none has.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{change::PresenceCause, info::Info};

/// One user's membership in a group.
#[derive(Debug, Default)]
pub(super) struct Member {
    holders: Holders,
    /// Of a user without sockets.
    absence: Option<Box<Absence>>,
    /// Whether watchers have been told that it is here.
    pub(super) is_told: bool,
    /// Whether watchers are to be told something of it.
    pub(super) is_dirty: bool,
    /// Whether what is said of it has changed since watchers were told.
    pub(super) is_altered: bool,
    /// Whether the application's functions have been told that it is here.
    pub(super) is_heard: bool,
    /// Whether they are to be told something of it.
    pub(super) is_unheard: bool,
    /// Whether the end of its absence is being waited for.
    pub(super) is_awaited: bool,
}

/// The nodes with sockets of a user. Nearly always that is one.
#[derive(Debug, Default)]
enum Holders {
    #[default]
    None,
    One(Holder),
    Many(Vec<Holder>),
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
    info: Option<Arc<Info>>,
    is_over: bool,
}

/// What a change of a member's sockets comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Same,
    /// It is here and was not.
    Arrived,
    /// What is said of it is another.
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
        let info = self.info().cloned();
        let was_present = !self.holders.is_empty();
        if holder.sockets == 0 {
            self.holders.remove(holder.node);
            if was_present && self.holders.is_empty() {
                self.absence = Some(Box::new(Absence {
                    until: now + grace,
                    cause,
                    info,
                    is_over: false,
                }));
                return Outcome::Away;
            }
            self.explain(cause);
        } else {
            self.holders.put(holder);
            let absence = self.absence.take();
            if !was_present && absence.is_none_or(|absence| absence.is_over) {
                return Outcome::Arrived;
            }
        }
        let is_same = match (&info, self.info()) {
            (Some(before), Some(after)) => before.json.get() == after.json.get(),
            (before, after) => before.is_none() && after.is_none(),
        };
        if is_same {
            Outcome::Same
        } else {
            Outcome::Altered
        }
    }

    /// Says better how the last socket ended.
    fn explain(&mut self, cause: PresenceCause) {
        if let Some(absence) = self.absence.as_mut().filter(|absence| !absence.is_over) {
            absence.cause = cause;
        }
    }

    /// Returns what a node has of it.
    pub(super) fn holder(&self, node: u64) -> Option<&Holder> {
        self.holders.as_slice().iter().find(|one| one.node == node)
    }

    /// Returns the nodes that have sockets of it.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u64> {
        self.holders.as_slice().iter().map(|one| one.node)
    }

    /// Ends its absence if the time has come. Returns when it will, if that is later.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let absence = self.absence.as_mut().filter(|absence| !absence.is_over)?;
        if absence.until > now {
            return Some(absence.until);
        }
        absence.is_over = true;
        None
    }

    /// Returns when it has left, if it has no sockets.
    pub(super) fn away_until(&self) -> Option<Instant> {
        self.absence.as_ref().map(|absence| absence.until)
    }

    /// Whether it counts as a member.
    pub(super) fn is_here(&self) -> bool {
        self.absence.as_ref().is_none_or(|absence| !absence.is_over)
    }

    /// Returns how its last socket ended, if it has none.
    pub(super) fn cause(&self) -> Option<PresenceCause> {
        self.absence.as_ref().map(|absence| absence.cause)
    }

    pub(super) fn sockets(&self) -> usize {
        let sockets = self.holders.as_slice().iter();
        sockets.map(|holder| holder.sockets as usize).sum()
    }

    /// Returns what was said last of it, by the nodes that have sockets of it.
    pub(super) fn info(&self) -> Option<&Arc<Info>> {
        if let Some(absence) = &self.absence {
            return absence.info.as_ref();
        }
        let said = self.holders.as_slice().iter();
        let said = said.filter_map(|holder| Some((holder.info.as_ref()?, holder.node)));
        let last = said.max_by_key(|(info, node)| (info.stamp, *node));
        last.map(|(info, _)| info)
    }
}

impl Holders {
    fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    fn as_slice(&self) -> &[Holder] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn put(&mut self, holder: Holder) {
        match self {
            Self::None => *self = Self::One(holder),
            Self::One(one) if one.node == holder.node => *one = holder,
            Self::One(_) => {
                if let Self::One(one) = mem::take(self) {
                    *self = Self::Many(vec![one, holder]);
                }
            }
            Self::Many(many) => match many.iter_mut().find(|one| one.node == holder.node) {
                Some(one) => *one = holder,
                None => many.push(holder),
            },
        }
    }

    fn remove(&mut self, node: u64) {
        match self {
            Self::One(one) if one.node == node => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(many) => {
                many.retain(|one| one.node != node);
                if let [one] = &many[..] {
                    *self = Self::One(one.clone());
                }
            }
        }
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
        assert!(bytes <= 48, "{bytes}");
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
