//! The queue to the broker, from the threads that broadcast to the task that sends.

mod outgoing;
mod waiting;

#[cfg(test)]
mod tests;

pub(super) use self::outgoing::Outgoing;
