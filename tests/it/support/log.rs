//! A log that a test can read: what is traced on this thread while it is held.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::DefaultGuard,
};

/// The events of this thread from [`capture`] until it is dropped. A test that reads it runs on one
/// thread.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    _guard: DefaultGuard,
}

/// Starts to keep what is traced on this thread.
pub(crate) fn capture() -> Log {
    let lines = Arc::default();
    let subscriber = Capture {
        lines: Arc::clone(&lines),
    };
    Log {
        lines,
        _guard: tracing::subscriber::set_default(subscriber),
    }
}

impl Log {
    /// All lines of a level.
    pub(crate) fn of(&self, level: Level) -> Vec<String> {
        let lines = self.lines.lock();
        let of_level = lines.iter().filter(|(its, _)| *its == level);
        of_level.map(|(_, line)| line.clone()).collect()
    }

    /// All lines of any level, as one text.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.lock();
        lines.iter().fold(String::new(), |text, (level, line)| {
            format!("{text}{level} {line}\n")
        })
    }
}

struct Capture {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
}

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("web_connection_socket")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = *event.metadata().level();
        self.lines.lock().push((level, line.0));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        let written = write!(self.0, "{space}{}={value:?}", field.name());
        written.expect("a string has room");
    }
}
