//! A server in a process of its own, and the side that asks it.

mod axum_ws;
mod members;
mod nodes;
mod order;
mod replies;
mod role;

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, sleep};

use self::order::{Answer, Order};
pub(crate) use self::{
    nodes::{Told, What, now},
    order::{End, Figures, Joined, Publish, Published, Stopped},
    role::{Options, run},
};
use crate::{Result, process::Process, soon};

/// A server in a process of its own.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one with the library's defaults.
    pub(crate) async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// Starts one with other limits, such as `--dispatch-timeout 2`.
    pub(crate) async fn with(options: &[&str]) -> Result<Self> {
        let arguments = ["serve"].iter().chain(options);
        let arguments: Vec<_> = arguments.map(ToString::to_string).collect();
        let mut process = Process::start(&arguments)?;
        let address = soon("the server's address", process.answer()).await?;
        Ok(Self { process, address })
    }

    pub(crate) async fn figures(&mut self) -> Result<Figures> {
        match self.process.ask(&Order::Figures).await? {
            Answer::Figures(figures) => Ok(*figures),
            other => Err(format!("{other:?}").into()),
        }
    }

    pub(crate) async fn publish(&mut self, publish: Publish) -> Result<Published> {
        match self.process.ask(&Order::Publish(publish)).await? {
            Answer::Published(published) => Ok(published),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// Has its sockets join groups and leave them.
    pub(crate) async fn join(&mut self) -> Result<Joined> {
        match self.process.ask(&Order::Join).await? {
            Answer::Joined(joined) => Ok(joined),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// Has a new user join a group so often per second, for so many seconds.
    pub(crate) async fn rename(&mut self, per_second: usize, seconds: usize) -> Result<()> {
        let rename = Order::Rename {
            per_second,
            seconds,
        };
        match self.process.ask(&rename).await? {
            Answer::Done => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }

    pub(crate) async fn close_user(&mut self, user: &str) -> Result<()> {
        match self.process.ask(&Order::CloseUser(user.to_owned())).await? {
            Answer::Done => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// Ends the sockets, then the server, and tells how that went.
    pub(crate) async fn shut_down(&mut self, seconds: u64) -> Result<Stopped> {
        match self.process.ask(&Order::ShutDown { seconds }).await? {
            Answer::Stopped(stopped) => Ok(stopped),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// Waits, for so long at most, until its figures are as they should be. They hold all
    /// events of that time.
    pub(crate) async fn until(
        &mut self,
        patience: Duration,
        is_so: impl Fn(&Figures) -> bool,
    ) -> Result<Figures> {
        let begin = Instant::now();
        let (mut ends, mut told) = (Vec::new(), Vec::new());
        loop {
            let mut figures = self.figures().await?;
            ends.append(&mut figures.ends);
            figures.ends.clone_from(&ends);
            told.append(&mut figures.told);
            figures.told.clone_from(&told);
            if is_so(&figures) || begin.elapsed() > patience {
                return Ok(figures);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
