//! A message of a stream, before it has its place.

use std::sync::Arc;

use crate::{frame::Frame, hub::history::sequencer::Weight, protocol::Recipient};

/// A message as it was published, shared by all that have yet to deliver it.
#[derive(Clone, Debug)]
pub(in crate::hub::history) struct Sent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recipients: Box<[Recipient]>,
    /// Without a position.
    plain: Frame,
}

impl Sent {
    pub(in crate::hub::history) fn new(recipients: &[Recipient], plain: Frame) -> Self {
        let recipients = recipients.into();
        Self(Arc::new(Inner { recipients, plain }))
    }

    pub(in crate::hub::history) fn recipients(&self) -> &[Recipient] {
        &self.0.recipients
    }

    pub(in crate::hub::history) fn plain(&self) -> &Frame {
        &self.0.plain
    }
}

impl Weight for Sent {
    fn weight(&self) -> usize {
        self.0.plain.cost()
    }
}
