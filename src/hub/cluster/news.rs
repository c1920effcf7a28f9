//! Hands news of members on to presence, in the order in which the state found it.

use std::collections::VecDeque;

use super::local::{Local, MemberNews};
use crate::sync::Mutex;

/// News of members that the state has found and that are not handed on yet.
#[derive(Debug, Default)]
pub(super) struct News {
    waiting: Mutex<VecDeque<MemberNews>>,
    /// Held by the thread that hands some on, or one that comes later would overtake it: what this node has
    /// heard of would then be forgotten for good, or a node that is back be gone.
    turn: Mutex<()>,
}

impl News {
    /// Adds some. To be called while the state is held; [`hand_on`](Self::hand_on) is to follow without it.
    pub(super) fn push(&self, news: MemberNews) {
        self.waiting.lock().push_back(news);
    }

    /// Hands on all there is. Returns how many were not of this cluster.
    pub(super) fn hand_on(&self, local: &dyn Local) -> usize {
        let _turn = self.turn.lock();
        let next = || self.waiting.lock().pop_front();
        let mut refused = 0;
        while let Some(news) = next() {
            refused += usize::from(!local.members(news));
        }
        refused
    }
}
