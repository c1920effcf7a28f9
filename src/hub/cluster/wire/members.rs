//! Encodes reports of a group's members, and the versions of reports in heartbeats.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

use super::reader::{Reader, write_length, write_text};
use crate::{
    backplane::Topic,
    protocol::{GroupId, UserId},
};

/// A node's report of its members of groups of one partition.
#[derive(Clone, Debug)]
pub(in crate::hub) struct MemberReport {
    /// How many reports the node has made of the partition, this one included. A snapshot is none.
    pub(in crate::hub) version: u64,
    pub(in crate::hub) part: ReportPart,
    pub(in crate::hub) entries: Vec<MemberEntry>,
}

/// Whether a report says what has changed or all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum ReportPart {
    Changes,
    /// A part of a snapshot.
    Snapshot {
        number: u16,
        is_last: bool,
    },
}

/// A node's sockets of one user in one group.
#[derive(Clone, Debug)]
pub(in crate::hub) struct MemberEntry {
    pub(in crate::hub) group: GroupId,
    /// Empty for all sockets without a user together.
    pub(in crate::hub) user: UserId,
    pub(in crate::hub) sockets: u32,
    /// How the last one ended.
    pub(in crate::hub) cause: u8,
    /// When something was said of the user, and what.
    pub(in crate::hub) info: Option<(u64, Box<RawValue>)>,
}

impl MemberEntry {
    /// Returns at least the bytes that it takes in a frame.
    pub(in crate::hub) fn len(&self) -> usize {
        let info = self.info.as_ref().map_or(0, |(_, json)| json.get().len());
        self.group.as_str().len() + self.user.as_str().len() + info + BESIDE_TEXTS
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        write_text(buffer, self.group.as_str());
        write_text(buffer, self.user.as_str());
        buffer.extend_from_slice(&u64::from(self.sockets).to_be_bytes());
        buffer.push(self.cause);
        match &self.info {
            None => buffer.push(0),
            Some((stamp, json)) => {
                buffer.push(1);
                buffer.extend_from_slice(&stamp.to_be_bytes());
                write_text(buffer, json.get());
            }
        }
    }

    /// Reads one of several, which share the names of their groups.
    fn read<'a>(reader: &mut Reader<'a>, groups: &mut HashMap<&'a str, GroupId>) -> Option<Self> {
        let group = reader.text()?;
        Some(Self {
            group: groups.entry(group).or_insert_with(|| group.into()).clone(),
            user: reader.text()?.into(),
            sockets: u32::try_from(reader.u64()?).ok()?,
            cause: reader.u8()?,
            info: match reader.u8()? {
                0 => None,
                1 => {
                    let stamp = reader.u64()?;
                    // Watchers get it as it is.
                    let json: &RawValue = serde_json::from_str(reader.text()?).ok()?;
                    Some((stamp, json.to_owned()))
                }
                _ => return None,
            },
        })
    }
}

impl MemberReport {
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.version.to_be_bytes());
        match self.part {
            ReportPart::Changes => buffer.push(0),
            ReportPart::Snapshot { number, is_last } => {
                buffer.push(1 + u8::from(is_last));
                buffer.extend_from_slice(&number.to_be_bytes());
            }
        }
        write_length(buffer, self.entries.len());
        self.entries.iter().for_each(|entry| entry.write(buffer));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let version = reader.u64()?;
        let part = match reader.u8()? {
            0 => ReportPart::Changes,
            kind @ (1 | 2) => ReportPart::Snapshot {
                number: reader.u16()?,
                is_last: kind == 2,
            },
            _ => return None,
        };
        let count = reader.length()?;
        // Grows with what is there, not with what was announced.
        let mut groups = HashMap::new();
        let entries = (0..count).map(|_| MemberEntry::read(reader, &mut groups));
        Some(Self {
            version,
            part,
            entries: entries.collect::<Option<_>>()?,
        })
    }
}

/// How many reports a node has made of each partition; 0 before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::hub) struct MemberVersions(BTreeMap<u8, u64>);

impl MemberVersions {
    pub(in crate::hub) fn get(&self, partition: u8) -> u64 {
        self.0.get(&partition).copied().unwrap_or_default()
    }

    /// Returns the number of the next report.
    pub(in crate::hub) fn next(&mut self, partition: u8) -> u64 {
        let version = self.0.entry(partition).or_default();
        *version += 1;
        *version
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        let mask = self.0.keys().fold(0, |mask, at| mask | 1_u64 << at);
        buffer.extend_from_slice(&mask.to_be_bytes());
        for version in self.0.values() {
            buffer.extend_from_slice(&version.to_be_bytes());
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mask = reader.u64()?;
        let partitions = (0..Topic::PARTITIONS).filter(|at| mask >> at & 1 == 1);
        let versions = partitions.map(|at| Some((at, reader.u64()?)));
        Some(Self(versions.collect::<Option<_>>()?))
    }
}

/// The most that lengths, the count and the time take.
const BESIDE_TEXTS: usize = 32;
