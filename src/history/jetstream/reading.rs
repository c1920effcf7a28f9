//! Reads a stream: its top, the entry at the requested place, and the entries after it.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::StreamExt;
use tokio::time::sleep;

use super::{
    api::Failure,
    link::JetStreamLink,
    message::{Found, Stored},
};
use crate::history::{
    random::random,
    read::{Entry, Page, Read},
};

pub(super) async fn page(link: &JetStreamLink, read: &Read) -> Result<Page, Failure> {
    link.keep(read.keep).await?;
    for _ in 0..MAX_ATTEMPTS {
        if let Some(page) = look(link, read).await? {
            return Ok(page);
        }
        sleep(LATER).await;
    }
    Err(Failure::Refused {
        code: 0,
        text: "the server that was read lags behind".to_owned(),
    })
}

/// Reads once. There is no page if the newest message is not among those that were read: a consumer may
/// be on a server that has not got it yet.
async fn look(link: &JetStreamLink, read: &Read) -> Result<Option<Page>, Failure> {
    let subject = link.names.subject(read.stream);
    let (top, anchor) = ends(link, read, &subject).await?;
    let mut page = Page::new(link.epoch, top.sequence, top.id.id);
    // What a smaller rule than the stream's own does not keep is not there.
    let limit = read.limit.min(read.keep.messages);
    let Some((epoch, offset)) = read.after else {
        if top.id.sender.is_none() {
            // A mark is put into a stream without entries.
            page.is_complete = true;
        } else if limit > 0 && !newest(link, read, &subject, &mut page).await? {
            return Ok(None);
        }
        return Ok(Some(page));
    };
    if epoch != link.epoch || offset > top.sequence {
        return Ok(Some(page));
    }
    let anchor = Some(top).filter(|top| top.sequence == offset).or(anchor);
    // The oldest messages of a subject go first: if this one is there, so are all behind it.
    let from = if let Some(anchor) = anchor {
        page.anchor = Some(anchor.id.id);
        offset + 1
    } else if let Some(bridge) = link.bridge(read.stream, offset, top.sequence).await {
        let is_there = link.api.at(bridge.next, &subject).await?.is_some();
        if !is_there {
            return Ok(Some(page));
        }
        page.anchor = bridge.anchor(offset);
        bridge.next
    } else {
        return Ok(Some(page));
    };
    let mut is_there = true;
    if from > top.sequence {
        page.is_complete = true;
    } else {
        is_there = behind(link, read, &subject, from, limit, &mut page).await?;
    }
    Ok(is_there.then_some(page))
}

/// Returns the newest message, which is a mark if there was none, and the one that is asked after.
async fn ends(
    link: &JetStreamLink,
    read: &Read,
    subject: &str,
) -> Result<(Found, Option<Found>), Failure> {
    for _ in 0..MAX_ATTEMPTS {
        let after = read.after.filter(|(epoch, _)| *epoch == link.epoch);
        let anchor = async {
            match after {
                Some((_, offset)) if offset > 0 => link.api.at(offset, subject).await,
                _ => Ok(None),
            }
        };
        let (top, anchor, config) = tokio::join!(link.api.last(subject), anchor, link.config());
        config?;
        match top? {
            Some(top) => return Ok((top, anchor?)),
            None => link.mark(subject, random()).await?,
        }
    }
    Err(Failure::Refused {
        code: 0,
        text: "its newest message goes before it is read".to_owned(),
    })
}

/// Reads all entries from a place on, if they fit. Returns false if the newest one was not there.
async fn behind(
    link: &JetStreamLink,
    read: &Read,
    subject: &str,
    from: u64,
    limit: usize,
    page: &mut Page,
) -> Result<bool, Failure> {
    let (consumer, count) = link.api.consumer(subject, Some(from)).await?;
    let mut entries = Kept::new(read.after.map_or(0, |(_, offset)| offset));
    let mut marks = 0;
    let mut is_there = true;
    // A mark may be among them.
    if count <= limit.saturating_add(1) {
        let oldest = now().saturating_sub(read.keep.lifetime());
        let mut is_old = false;
        fetch(link, &consumer, count, |message| {
            if message.id.sender.is_none() {
                entries.last = message.sequence;
                marks += 1;
                return true;
            }
            is_old |= message.time < oldest;
            entries.push(message);
            entries.bytes <= read.max_bytes && !is_old
        })
        .await?;
        if !is_old && entries.bytes <= read.max_bytes {
            is_there = entries.last >= page.top;
            let is_all = entries.list.len() + marks == count && entries.list.len() <= limit;
            if is_there && is_all {
                page.is_complete = true;
                entries.fill(page);
            }
        }
    }
    link.api.forget(&consumer).await;
    Ok(is_there)
}

/// Reads the newest entries that fit. Returns false if the newest one was not there.
async fn newest(
    link: &JetStreamLink,
    read: &Read,
    subject: &str,
    page: &mut Page,
) -> Result<bool, Failure> {
    let (consumer, count) = link.api.consumer(subject, None).await?;
    let oldest = now().saturating_sub(read.keep.lifetime());
    let mut entries = Kept::new(0);
    let mut is_complete = true;
    fetch(link, &consumer, count, |message| {
        if message.time < oldest || message.id.sender.is_none() {
            entries.last = message.sequence;
            return true;
        }
        entries.push(message);
        if entries.list.len() > read.keep.messages {
            entries.pop();
        }
        while entries.list.len() > read.limit || entries.bytes > read.max_bytes {
            entries.pop();
            is_complete = false;
        }
        true
    })
    .await?;
    link.api.forget(&consumer).await;
    let is_there = entries.last >= page.top;
    page.is_complete = is_complete;
    entries.fill(page);
    Ok(is_there)
}

/// Hands over the messages of a consumer, for as long as they are wanted.
async fn fetch(
    link: &JetStreamLink,
    consumer: &str,
    count: usize,
    mut take: impl FnMut(Stored) -> bool,
) -> Result<(), Failure> {
    let client = &link.api.client;
    let closed = |error: &dyn std::fmt::Display| Failure::Link(error.to_string());
    let inbox = client.new_inbox();
    let messages = client.subscribe(inbox.clone()).await;
    let mut messages = messages.map_err(|error| closed(&error))?;
    let mut left = count;
    while left > 0 {
        let mut batch = left.min(MAX_BATCH);
        link.api.next(consumer, batch, &inbox).await?;
        while batch > 0 {
            let message = messages.next().await;
            let message = message.ok_or_else(|| closed(&"the connection was closed"))?;
            let Some(stored) = Stored::of_consumer(&message) else {
                if message.status.is_some() {
                    // Fewer than there were: the oldest have gone meanwhile.
                    return Ok(());
                }
                // Not one of ours.
                batch -= 1;
                left -= 1;
                continue;
            };
            batch -= 1;
            left -= 1;
            if !take(stored) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The entries of a page.
struct Kept {
    list: VecDeque<Entry>,
    bytes: usize,
    /// The place of the message before the next one.
    last: u64,
}

impl Kept {
    fn new(last: u64) -> Self {
        Self {
            list: VecDeque::new(),
            bytes: 0,
            last,
        }
    }

    fn push(&mut self, message: Stored) {
        self.bytes += message.payload.len();
        let (offset, id) = (message.sequence, message.id.id);
        let entry = Entry::new(offset, self.last, id, message.payload);
        self.list.push_back(entry);
        self.last = offset;
    }

    fn pop(&mut self) {
        if let Some(entry) = self.list.pop_front() {
            self.bytes -= entry.entry.len();
        }
    }

    /// Puts the entries into a page, which goes up to the newest of them.
    fn fill(self, page: &mut Page) {
        if let Some(last) = self.list.back().filter(|last| last.offset > page.top) {
            (page.top, page.top_id) = (last.offset, last.id);
        }
        page.entries = self.list.into();
    }
}

/// Returns the time after 1970, which the server counts in too.
fn now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

/// How many messages are asked for in one go.
const MAX_BATCH: usize = 256;
const MAX_ATTEMPTS: usize = 5;

/// How long a server that lags behind is left alone.
const LATER: Duration = Duration::from_millis(50);
