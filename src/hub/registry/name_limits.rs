//! The limits on the number and length of a socket's names.

use crate::{
    config::Config,
    protocol::{GroupId, UserId},
};

/// How many groups one socket may have, and how long their names may be. Each name is a key of an
/// index and a header of each dispatch, so names are bounded one by one and all together.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct NameLimits {
    pub(in crate::hub) groups: usize,
    /// Bytes of a name.
    pub(in crate::hub) name: usize,
    /// Bytes of all names of a socket.
    pub(in crate::hub) names: usize,
}

impl NameLimits {
    pub(in crate::hub) fn new(config: &Config) -> Self {
        Self {
            groups: config.max_groups,
            name: config.max_name_length,
            names: config.max_handshake_size,
        }
    }

    /// Returns the groups that an identity names and those that its socket joined besides, each once
    /// and without the default group, with the number of those named. Fails if that is too much.
    pub(in crate::hub) fn unite(
        &self,
        user: &UserId,
        named: impl IntoIterator<Item = GroupId>,
        joined: &[GroupId],
    ) -> Result<(Vec<GroupId>, usize), Excess> {
        self.check_name(user.as_str())?;
        let named = named.into_iter();
        // Most sockets join no other groups, and room for more would be kept for nothing.
        let room = (named.size_hint().0 + joined.len()).min(self.groups);
        let mut groups = Vec::with_capacity(room);
        let mut bytes = user.as_str().len() + total(joined);
        if bytes > self.names && !joined.is_empty() {
            return Err(Excess::TooManyGroups);
        }
        for group in named {
            if group.is_empty() || joined.contains(&group) || groups.contains(&group) {
                continue;
            }
            self.check_name(group.as_str())?;
            bytes += group.as_str().len();
            if groups.len() + joined.len() >= self.groups || bytes > self.names {
                return Err(Excess::TooManyGroups);
            }
            groups.push(group);
        }
        let count = groups.len();
        groups.extend_from_slice(joined);
        Ok((groups, count))
    }

    /// Fails if a socket that is in these groups may not join one more.
    pub(in crate::hub) fn check_join(
        &self,
        user: &UserId,
        groups: &[GroupId],
        group: &GroupId,
    ) -> Result<(), Excess> {
        self.check_name(group.as_str())?;
        let bytes = user.as_str().len() + total(groups) + group.as_str().len();
        if groups.len() >= self.groups || bytes > self.names {
            return Err(Excess::TooManyGroups);
        }
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), Excess> {
        let fits = name.len() <= self.name;
        fits.then_some(()).ok_or(Excess::NameTooLong(name.len()))
    }
}

/// Which limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Excess {
    TooManyGroups,
    /// A name of so many bytes.
    NameTooLong(usize),
}

fn total(groups: &[GroupId]) -> usize {
    groups.iter().map(|group| group.as_str().len()).sum()
}
