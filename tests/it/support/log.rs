//! A log that a test can read: what is traced on this thread while it is held.

use std::{
    cell::RefCell,
    fmt::{self, Write},
    rc::Rc,
    sync::Once,
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// The events of this thread from [`capture`] until it is dropped. A test that reads it runs on one
/// thread.
pub(crate) struct Log {
    lines: Lines,
}

type Lines = Rc<RefCell<Vec<(Level, String)>>>;

thread_local! {
    static CAPTURED: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// Starts to keep what is traced on this thread.
///
/// One subscriber serves all threads: with one for each, a thread without any could teach `tracing`
/// for good that an event has no listener.
pub(crate) fn capture() -> Log {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        tracing::subscriber::set_global_default(Capture).expect("no other subscriber");
    });
    let lines = Lines::default();
    CAPTURED.set(Some(lines.clone()));
    Log { lines }
}

impl Log {
    /// All lines of a level.
    pub(crate) fn of(&self, level: Level) -> Vec<String> {
        let lines = self.lines.borrow();
        let of_level = lines.iter().filter(|(its, _)| *its == level);
        of_level.map(|(_, line)| line.clone()).collect()
    }

    /// All lines of any level, as one text.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.borrow();
        lines.iter().fold(String::new(), |text, (level, line)| {
            format!("{text}{level} {line}\n")
        })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

struct Capture;

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("web_connection_socket")
    }

    fn event(&self, event: &Event<'_>) {
        CAPTURED.with_borrow(|captured| {
            if let Some(lines) = captured {
                let mut line = Line(String::new());
                event.record(&mut line);
                lines.borrow_mut().push((*event.metadata().level(), line.0));
            }
        });
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
