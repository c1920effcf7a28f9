//! What arrives at nodes and the store, and what they do then.

use super::{
    judge::{Event, Time},
    parts::{Arrival, Message},
    world::{DEADLINE, NODES, STOP, World},
};
use crate::hub::history::sequencer::{Body, Effect, Last, Place};

impl World {
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let now = self.instant();
        match arrival {
            Arrival::Append { node, id, body } => self.take_append(node, id, body),
            Arrival::Answered { node, place } => {
                let effects = self.nodes[node].sequencer.answered(place, now);
                self.apply(node, effects);
            }
            Arrival::Failed { node, id } => {
                let effects = self.nodes[node].sequencer.failed(id, now);
                self.apply(node, effects);
            }
            Arrival::Read { node, after } => {
                let is_lost = self.is_down || self.is_faulty && self.below(10) == 0;
                let answer = (!is_lost).then(|| self.store.read(after));
                let delay = self.store_delay();
                let delay = if self.is_faulty && self.below(40) == 0 {
                    DEADLINE
                } else {
                    delay
                };
                let arrival = Arrival::ReadAnswered {
                    node,
                    after,
                    answer,
                };
                self.send_at(self.now + delay, arrival);
            }
            Arrival::ReadAnswered {
                node,
                after,
                answer,
            } => {
                let sequencer = &mut self.nodes[node].sequencer;
                let effects = match answer {
                    Some(answer) => sequencer.read(after, answer, now),
                    None => {
                        sequencer.read_failed(now);
                        Vec::new()
                    }
                };
                self.apply(node, effects);
            }
            Arrival::Top { node } => {
                let zero = Last {
                    epoch: self.store.epoch,
                    offset: 0,
                    id: None,
                };
                let top = self.store.read(zero).top();
                let delay = self.store_delay();
                self.send_at(self.now + delay, Arrival::Begin { node, top });
            }
            Arrival::Begin { node, top } => {
                let sequencer = &mut self.nodes[node].sequencer;
                if sequencer.last().is_none() {
                    self.totals.begun += u64::from(top.offset > 0);
                    sequencer.begin(top, true, now);
                }
                self.apply(node, Vec::new());
            }
            Arrival::Frame {
                node,
                from,
                id,
                place,
                body,
            } => {
                let is_message = matches!(body, Body::Message(_));
                if is_message {
                    self.nodes[node].came.insert(id);
                }
                let sequencer = &mut self.nodes[node].sequencer;
                let from = from as u64;
                let effects = match (place, body) {
                    (Some(place), body) => sequencer.arrived(place, body, from, now),
                    (None, Body::Message(message)) => {
                        sequencer.arrived_void(id, message, from, now)
                    }
                    (None, other) => panic!("{other:?} without a place"),
                };
                self.apply(node, effects);
                if is_message && !self.nodes[node].has(id) {
                    self.nodes[node].out_of_turn.insert(id);
                }
            }
            Arrival::Lost { node } => self.ask(node),
        }
    }

    fn take_append(&mut self, node: usize, id: u64, body: Body<Message>) {
        let delay = self.store_delay();
        if self.is_down || self.is_faulty && self.below(25) == 0 {
            self.send_at(self.now + delay, Arrival::Failed { node, id });
            return;
        }
        let place = self.store.append(id, body);
        if self.is_faulty && self.below(25) == 0 {
            self.send_at(self.now + DEADLINE, Arrival::Failed { node, id });
        } else {
            self.send_at(self.now + delay, Arrival::Answered { node, place });
        }
    }

    pub(super) fn apply(&mut self, node: usize, effects: Vec<Effect<Message>>) {
        if !self.nodes[node].is_up {
            return;
        }
        let now = self.instant();
        let due = self.nodes[node].sequencer.due(now);
        let is_beginning = self.nodes[node].sequencer.beginning(now).is_some();
        self.nodes[node].due = due.map_or(STOP, |due| {
            let due = due.saturating_duration_since(self.start).as_millis() as Time;
            due.max(self.now)
        });
        for effect in effects {
            match effect {
                Effect::Deliver {
                    id,
                    message,
                    place,
                    is_void,
                } => {
                    assert_eq!(message, Message(id));
                    let own = self.published.get(&id).filter(|(its, _)| *its == node);
                    if let Some((_, since)) = own {
                        let waited = self.now - since;
                        assert!(waited <= 250, "it has waited {waited} ms");
                    } else if !self.nodes[node].came.contains(&id) {
                        self.nodes[node].out_of_turn.insert(id);
                    }
                    self.totals.void += u64::from(is_void);
                    self.totals.delivered += 1;
                    let place = place.filter(|_| !is_void && !is_beginning);
                    let position = place.map(|place| (place.epoch, place.offset));
                    self.nodes[node].log.push(Event::Message { id, position });
                }
                Effect::Pass(place) => {
                    let (epoch, offset) = (place.epoch, place.offset);
                    self.nodes[node].log.push(Event::Passed { epoch, offset });
                }
                Effect::Forward { id, place, body } => self.forward(node, id, place, &body),
                Effect::Read(after) => {
                    let delay = self.store_delay();
                    self.send_at(self.now + delay, Arrival::Read { node, after });
                }
                Effect::TellGap(position) => {
                    self.totals.gaps += 1;
                    self.nodes[node].log.push(Event::Gap(position));
                }
                Effect::Scar { id, scar } => {
                    self.totals.scars += 1;
                    self.append(node, id, Body::Scar(scar));
                }
            }
        }
    }

    fn forward(&mut self, from: usize, id: u64, place: Option<Place>, body: &Body<Message>) {
        for node in (0..NODES).filter(|node| *node != from) {
            if self.is_lossy && self.below(15) == 0 {
                self.nodes[node].out_of_turn.insert(id);
                let found = self.now + self.below(6_000);
                self.send_at(found, Arrival::Lost { node });
                continue;
            }
            let delay = match self.below(20) {
                0 => self.below(400),
                _ => self.below(20),
            };
            let at = self.now + delay;
            let last = self.last_frame.entry((from, node)).or_default();
            *last = at.max(*last);
            let at = *last;
            let body = body.clone();
            self.send_at(
                at,
                Arrival::Frame {
                    node,
                    from,
                    id,
                    place,
                    body,
                },
            );
        }
    }
}
