//! What one measurement found, and how it is called.

use crate::run::Run;

/// What one measurement found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) delivered: Option<Delivered>,
    /// Of the cell's sockets.
    pub(crate) first: Option<Opened>,
    /// Of those that opened afterwards.
    pub(crate) further: Option<Opened>,
}

/// What was found while sockets opened, as an average.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// Processor time of the server, in µs.
    pub(crate) cpu: f64,
    /// Memory of the server, in KiB.
    pub(crate) resident_kib: f64,
}

/// What was found while messages went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) deliveries: f64,
    /// Processor time of the server per delivery, in µs.
    pub(crate) cpu: f64,
    pub(crate) run: Run,
}

/// A figure that is shown, if it was measured.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) figure: Figure,
}

pub(crate) type Figure = fn(&Figures) -> Option<f64>;

pub(crate) const CPU: Column = Column {
    title: "CPU us/delivery",
    figure: |figures| Some(figures.delivered?.cpu),
};

pub(crate) const IDLE: Column = Column {
    title: "KiB/idle socket",
    figure: |figures| Some(figures.first?.resident_kib),
};

pub(crate) const FURTHER: Column = Column {
    title: "KiB/further one",
    figure: |figures| Some(figures.further?.resident_kib),
};

pub(crate) const COLUMNS: [Column; 8] = [
    CPU,
    Column {
        title: "deliveries/s",
        figure: |figures| {
            let delivered = figures.delivered?;
            Some(delivered.deliveries / delivered.run.seconds)
        },
    },
    Column {
        title: "p50 us",
        figure: |figures| Some(figures.delivered?.run.p50),
    },
    Column {
        title: "p99 us",
        figure: |figures| Some(figures.delivered?.run.p99),
    },
    Column {
        title: "reads/delivery",
        figure: |figures| {
            let delivered = figures.delivered?;
            Some(delivered.run.reads / delivered.deliveries)
        },
    },
    IDLE,
    FURTHER,
    Column {
        title: "CPU us/connect",
        figure: |figures| Some(figures.first?.cpu),
    },
];
