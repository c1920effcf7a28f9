//! What an example's log says of who came and who went.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use crate::Result;

/// Openings and ends by socket, and what else the log complains of.
#[derive(Default)]
pub(super) struct Events {
    sockets: HashMap<String, Told>,
    users: HashMap<String, Told>,
    /// Lines of panics, and of events that were given up or not handled.
    pub(super) complaints: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Told {
    opened: usize,
    ended: usize,
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
            for (name, map) in [(id, &mut self.sockets), (user, &mut self.users)] {
                let told = map.entry(name.to_owned()).or_default();
                match what {
                    "open" => told.opened += 1,
                    "disconnect" => told.ended += 1,
                    _ => {}
                }
            }
        } else if COMPLAINTS.iter().any(|complaint| line.contains(complaint)) {
            self.complaints.push(line.to_owned());
        }
    }

    pub(super) fn ended(&self) -> usize {
        self.sockets.values().filter(|told| told.ended > 0).count()
    }

    /// Sockets that opened and whose end was not told of.
    pub(super) fn lost(&self) -> usize {
        self.sockets.values().filter(|told| told.ended == 0).count()
    }

    /// Sockets whose end was told of more than once.
    pub(super) fn doubled(&self) -> usize {
        self.sockets.values().filter(|told| told.ended > 1).count()
    }

    /// How often the end of a visitor's socket was told.
    pub(super) fn ends_of(&self, name: &str) -> usize {
        let user = format!(r#"user=Claimed(UserId("{name}"))"#);
        self.users.get(&user).map_or(0, |told| told.ended)
    }
}

const COMPLAINTS: [&str; 5] = [
    "panicked",
    "gave up disconnect events",
    "was not handled",
    "was dropped, because too many wait",
    "cannot accept",
];
