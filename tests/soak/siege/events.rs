//! What an example's log says of who came and who went.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use crate::Result;

/// How often the end of each socket was told, and what else the log complains of.
#[derive(Default)]
pub(super) struct Events {
    sockets: HashMap<String, usize>,
    users: HashMap<String, usize>,
    /// Lines of panics, and of events that were given up or not handled.
    pub(super) complaints: Vec<String>,
}

impl Events {
    pub(super) fn read(log: &Path) -> Result<Self> {
        let mut events = Self::default();
        for line in BufReader::new(File::open(log)?).split(b'\n') {
            events.add(&String::from_utf8_lossy(&line?));
        }
        Ok(events)
    }

    fn add(&mut self, line: &str) {
        // What visitors wrote is quoted, with its own quotes escaped, and comes last.
        if let Some((_, event)) = line.split_once("who is here has changed what=") {
            let mut words = event.splitn(3, ' ');
            let what = words.next().unwrap_or_default().trim_matches('"');
            let id = words.next().unwrap_or_default();
            let user = words.next().unwrap_or_default();
            for (name, ends) in [(id, &mut self.sockets), (user, &mut self.users)] {
                *ends.entry(name.to_owned()).or_default() += usize::from(what == "disconnect");
            }
        } else if COMPLAINTS.iter().any(|complaint| line.contains(complaint)) {
            self.complaints.push(line.to_owned());
        }
    }

    pub(super) fn ended(&self) -> usize {
        self.sockets.values().filter(|ends| **ends > 0).count()
    }

    /// Sockets that opened and whose end was not told of.
    pub(super) fn lost(&self) -> usize {
        self.sockets.values().filter(|ends| **ends == 0).count()
    }

    /// Sockets whose end was told of more than once.
    pub(super) fn doubled(&self) -> usize {
        self.sockets.values().filter(|ends| **ends > 1).count()
    }

    /// How often the end of a visitor's socket was told.
    pub(super) fn ends_of(&self, name: &str) -> usize {
        let user = format!(r#"user=Claimed(UserId("{name}"))"#);
        self.users.get(&user).copied().unwrap_or_default()
    }
}

const COMPLAINTS: [&str; 5] = [
    "panicked",
    "gave up disconnect events",
    "was not handled",
    "was dropped, because too many wait",
    "no connection can be accepted",
];
