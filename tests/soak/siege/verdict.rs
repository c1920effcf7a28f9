//! What an example has to bear, and whether it did.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    events::Events,
    page::Pages,
    target::{Memory, Target},
    visitors::Visits,
};
use crate::{Result, line::Line};

pub(super) const PROMISE: &str = "attacks of every kind under `max_sockets(1000)`: memory never above 512 MiB; an honest page's request waits 250 ms at most; each disconnect event is delivered once";

const MEMORY: usize = 512 * 1024;
const STALL: Duration = Duration::from_millis(250);

/// How long what was cut off may take to be noticed: a ping after 25 s, and 10 s for its answer.
const AFTERMATH: Duration = Duration::from_secs(60);

/// What was measured of one example.
pub(super) struct Siege {
    pub(super) pages: Pages,
    pub(super) visits: Visits,
    pub(super) memory: Memory,
}

impl Siege {
    pub(super) async fn judge(&self, target: &mut Target, control: &Pages) -> Result<Line> {
        let events = told(target).await?;
        let is_once = |name: &&String| events.ends_of(name) == 1;
        let leavers = self.visits.names.len();
        let told_of = self.visits.names.iter().filter(is_once).count();
        let (longest, failed) = (self.pages.longest(), self.pages.failed.len());
        let first = events.complaints.first().map_or("", String::as_str);
        let failure = self.pages.failed.first().map_or("", String::as_str);
        Ok(Line::new()
            .figure(
                format!("{} MiB of memory at most, {} after", self.memory.most / 1024, self.memory.last / 1024),
                self.memory.most <= MEMORY,
            )
            .figure(
                format!(
                    "{} pages waited {} ms at most, {} ms at p99",
                    self.pages.asked.len(),
                    longest.as_millis(),
                    self.pages.p99().as_millis()
                ),
                longest <= STALL,
            )
            .remark(format!("those of a server in peace {} ms at most", control.longest().as_millis()))
            .figure(format!("{failed} pages failed {failure}"), failed == 0)
            .figure(
                format!("disconnect events of {told_of} of {leavers} honest leavers delivered, once each"),
                told_of == leavers && leavers > 0,
            )
            .figure(
                format!(
                    "of all sockets {} disconnect events delivered, {} lost, {} doubled",
                    events.ended(),
                    events.lost(),
                    events.doubled()
                ),
                events.lost() == 0 && events.doubled() == 0,
            )
            .figure(
                format!("{} complaints in the log {first}", events.complaints.len()),
                events.complaints.is_empty(),
            )
            .figure("its process lives", target.is_running()?)
            .figure(
                format!(
                    "{} honest messages back within {} ms, {} not",
                    self.visits.answered,
                    self.visits.longest.as_millis(),
                    self.visits.unanswered
                ),
                self.visits.answered > 0 && self.visits.unanswered == 0,
            )
            .figure(
                format!("{} honest visitors turned away", self.visits.turned_away),
                self.visits.turned_away == 0,
            )
            .remark(format!(
                "{} honest visitors closed {}",
                self.visits.cut.len(),
                self.visits.cut.first().map_or("", String::as_str),
            )))
    }
}

/// The events, once the last one has come or can come no more.
async fn told(target: &Target) -> Result<Events> {
    let begin = Instant::now();
    loop {
        let events = Events::read(&target.log)?;
        if events.lost() == 0 && begin.elapsed() > Duration::from_secs(3)
            || begin.elapsed() > AFTERMATH
        {
            return Ok(events);
        }
        sleep(Duration::from_secs(1)).await;
    }
}
