//! The two scripts that the server runs: what they are given, and what they answer.

use std::{str, time::Duration};

use bytes::Bytes;
use redis::{Pipeline, Value};

use crate::{
    backplane::prefix::Prefix,
    history::{
        append::{Append, Appended},
        random::random,
        read::{Entry, Page, Read},
        retention::Retention,
        stream_key::StreamKey,
    },
};

pub(super) const APPEND: &str = include_str!("append.lua");
pub(super) const READ: &str = include_str!("read.lua");

/// What a server calls the scripts that it was given.
#[derive(Debug)]
pub(super) struct Hashes {
    pub(super) append: String,
    pub(super) read: String,
}

/// How a script is named to the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Script<'a> {
    /// By its hash, if the server has it.
    Known(&'a str),
    /// By its text.
    Text(&'static str),
}

/// The names of a stream's keys, all in one slot of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Keys(String);

impl Keys {
    pub(super) fn new(prefix: &Prefix) -> Self {
        Self(format!("{{{prefix}}}/history"))
    }

    /// Returns a name in the slot of all keys.
    pub(super) fn any(&self) -> &str {
        &self.0
    }

    fn of(&self, stream: StreamKey) -> [String; 2] {
        let stream = format!("{}/{stream}", self.0);
        let meta = format!("{stream}/meta");
        [stream, meta]
    }
}

/// Adds a call of the script that appends.
pub(super) fn append(
    pipeline: &mut Pipeline,
    script: Script<'_>,
    keys: &Keys,
    generation: &str,
    (publisher, number): (&str, u64),
    append: &Append,
) {
    begin(pipeline, script, keys, append.stream)
        .arg(publisher)
        .arg(number)
        .arg(generation)
        .arg(fresh_epoch())
        .arg(format!("{:x}", append.id))
        .arg(&append.entry[..])
        .arg(append.keep.messages.min(MOST_KEPT))
        .arg(lifetime(append.keep));
}

/// Adds a call of the script that reads.
pub(super) fn read(
    pipeline: &mut Pipeline,
    script: Script<'_>,
    keys: &Keys,
    generation: &str,
    read: &Read,
) {
    let (epoch, offset) = match read.after {
        Some((epoch, offset)) => (format!("{epoch:x}"), offset.to_string()),
        None => Default::default(),
    };
    begin(pipeline, script, keys, read.stream)
        .arg(generation)
        .arg(fresh_epoch())
        .arg(lifetime(read.keep))
        .arg(read.limit.min(MOST))
        .arg(read.max_bytes.min(MOST))
        .arg(epoch)
        .arg(offset);
}

fn begin<'a>(
    pipeline: &'a mut Pipeline,
    script: Script<'_>,
    keys: &Keys,
    stream: StreamKey,
) -> &'a mut Pipeline {
    match script {
        Script::Known(hash) => pipeline.cmd("EVALSHA").arg(hash),
        Script::Text(text) => pipeline.cmd("EVAL").arg(text),
    };
    let keys = keys.of(stream);
    pipeline.arg(keys.len()).arg(&keys)
}

/// Reads the place of an entry; `None` if it was sent before and is not there.
pub(super) fn appended(answer: Value) -> Option<Appended> {
    let [epoch, offset] = list(answer)?;
    let offset = count(&offset)?;
    Some(Appended::new(
        hexadecimal(&epoch)?,
        offset,
        Some(offset.checked_sub(1)?),
    ))
}

/// Reads the answer to a question.
pub(super) fn page(read: &Read, answer: Value) -> Option<Page> {
    let [epoch, top, top_id, extra, rows] = list(answer)?;
    let mut page = Page::new(hexadecimal(&epoch)?, count(&top)?, hexadecimal(&top_id)?);
    let Value::Array(rows) = rows else {
        return None;
    };
    let entries: Option<Vec<_>> = rows.into_iter().rev().map(entry).collect();
    let entries = entries?;
    let extra = list(extra);
    let Some((epoch, after)) = read.after else {
        page.is_complete = extra.is_none();
        page.entries = entries;
        return Some(page);
    };
    if epoch != page.epoch {
        return Some(page);
    }
    if let Some([offset, id]) = extra {
        page.anchor = hexadecimal(&id).filter(|_| count(&offset) == Some(after));
    }
    // All offsets are taken, so a hole is one that the server made for lack of memory.
    let offsets = entries.iter().map(|entry| entry.offset);
    if after <= page.top && offsets.eq(after + 1..=page.top) {
        page.is_complete = true;
        page.entries = entries;
    }
    Some(page)
}

fn entry(row: Value) -> Option<Entry> {
    let [offset, id, entry] = list(row)?;
    let offset = count(&offset)?;
    let Value::BulkString(entry) = entry else {
        return None;
    };
    Some(Entry::new(
        offset,
        offset.checked_sub(1)?,
        hexadecimal(&id)?,
        Bytes::from(entry),
    ))
}

fn list<const N: usize>(value: Value) -> Option<[Value; N]> {
    match value {
        Value::Array(values) => values.try_into().ok(),
        _ => None,
    }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Int(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}

fn hexadecimal(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(text) => u64::from_str_radix(str::from_utf8(text).ok()?, 16).ok(),
        _ => None,
    }
}

fn fresh_epoch() -> String {
    format!("{:x}", random())
}

fn lifetime(keep: Retention) -> u128 {
    keep.lifetime().max(SHORTEST).as_millis()
}

const SHORTEST: Duration = Duration::from_millis(1);

/// How many entries of a stream are kept at most.
const MOST_KEPT: usize = 100_000;

/// A number that the scripts can count with.
const MOST: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_stream_is_kept_than_the_cap() {
        for (messages, kept) in [(100, "100"), (100_000, "100000"), (usize::MAX, "100000")] {
            let keep = Retention::new(messages, Duration::from_secs(1));
            let entry = Append::new(StreamKey::new(1), 1, Bytes::new(), keep);
            let keys = Keys::new(&Prefix::default());
            let mut pipeline = Pipeline::new();
            let publisher = ("p", 1);
            append(
                &mut pipeline,
                Script::Text(APPEND),
                &keys,
                "g",
                publisher,
                &entry,
            );
            let packed = pipeline.get_packed_pipeline();
            let packed = String::from_utf8(packed).unwrap();
            let arguments: Vec<_> = packed.split("\r\n").collect();
            // The last but one, before the lifetime; each comes behind its length.
            assert_eq!(arguments[arguments.len() - 4], kept);
        }
    }
}
