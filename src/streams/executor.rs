//! The tasks of HTTP/2 connections, and the one among them that writes for a socket.

use std::{cell::Cell, future::Future};

use http::Version;
use hyper::rt::Executor;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn},
};

/// Spawns the tasks of HTTP/2 connections onto tokio, so that sockets can be cut off one by one.
///
/// An HTTP/2 connection carries many sockets and other requests. hyper writes each socket from a task of
/// its own, which holds the bytes that the client does not take, and which hyper offers no way to end.
/// With this executor the socket can end that task: a client that is too slow, or does not answer a
/// close, sees its stream reset (`RST_STREAM`, `CANCEL`), and the connection's other streams live on.
///
/// With any other executor such a stream keeps its memory, and its place under
/// [`Config::max_sockets`](crate::Config::max_sockets), until the client resets it or leaves. The crate
/// logs one warning in that case.
///
/// [`Server`](crate::Server) and [`serve`](crate::serve) use this executor. In an accept loop of your
/// own, give it to hyper in place of `TokioExecutor`. It works within the task that hyper spawns for a
/// request, so a layer outside [`WebConnectionSocketLayer`](crate::WebConnectionSocketLayer) that
/// handles requests in a task of another spawner hides it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hyper_util::{rt::TokioTimer, server::conn::auto};
/// use web_connection_socket::StreamExecutor;
///
/// fn server() -> auto::Builder<StreamExecutor> {
///     let mut server = auto::Builder::new(StreamExecutor::new());
///     server
///         .http2()
///         .enable_connect_protocol()
///         // Ends connections whose client vanished.
///         .timer(TokioTimer::new())
///         .keep_alive_interval(Duration::from_secs(25))
///         .keep_alive_timeout(Duration::from_secs(10))
///         // Bounds what one stream holds for a client that does not read.
///         .max_send_buf_size(64 * 1024);
///     server
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamExecutor(());

impl StreamExecutor {
    /// Makes an executor. All of them are alike.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        // hyper answers an upgrade within the task of its request, which then spawns the writing task.
        let expected = EXPECTED.try_with(Cell::take).ok().flatten();
        #[expect(
            clippy::disallowed_methods,
            reason = "hyper owns the tasks of a connection"
        )]
        let task = spawn(EXPECTED.scope(Cell::default(), async move {
            future.await;
        }));
        if let Some(Err(_ended)) = expected.map(|expected| expected.send(task)) {
            tracing::debug!("a socket had ended before its stream was there");
        }
    }
}

tokio::task_local! {
    /// Within a task of the executor: where to send the next task that it spawns.
    static EXPECTED: Cell<Option<oneshot::Sender<JoinHandle<()>>>>;
}

/// What carries the socket of an upgrade request.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// A connection of its own, which ends with it.
    Connection,
    /// A stream of an HTTP/2 connection.
    Stream(Sending),
}

impl Carrier {
    /// Returns what will carry an upgrade. Must be called in the task of the request, before the answer.
    pub(crate) fn of(version: Version) -> Self {
        if version == Version::HTTP_2 {
            Self::Stream(Sending::expect())
        } else {
            Self::Connection
        }
    }
}

/// The task that writes a stream.
#[derive(Debug)]
pub(crate) enum Sending {
    /// It can be ended.
    Ours(oneshot::Receiver<JoinHandle<()>>),
    /// It was spawned by another executor.
    Foreign,
}

impl Sending {
    /// Expects the task that will write the stream of the current request.
    fn expect() -> Self {
        let expected = EXPECTED.try_with(|slot| {
            let (sender, receiver) = oneshot::channel();
            slot.set(Some(sender));
            receiver
        });
        expected.map_or(Self::Foreign, Self::Ours)
    }

    /// Ends the task, and drops what it holds. Returns whether it could be ended at all.
    ///
    /// If the stream is dropped after that, the server drops its part as well, and the client sees a
    /// reset. The other way round, the task would first end the stream in an orderly way, behind all
    /// that the client does not take.
    pub(crate) async fn end(&mut self) -> bool {
        let Self::Ours(expected) = self else {
            return false;
        };
        if let Ok(task) = expected.await {
            task.abort();
            if let Err(error) = task.await {
                tracing::trace!(%error, "a stream was cut off");
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::{
        sync::oneshot::error::TryRecvError,
        task::{JoinSet, yield_now},
    };

    use super::*;

    /// Runs something in a task of the executor and returns what it makes.
    async fn within<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, made) = oneshot::channel();
        StreamExecutor::new().execute(async move { done.send(future.await).is_ok() });
        made.await.ok()
    }

    #[tokio::test]
    async fn the_task_that_a_request_spawns_is_the_one_that_it_expects() {
        let (dropped, gone) = oneshot::channel::<()>();
        let mut sending = within(async {
            let sending = Sending::expect();
            StreamExecutor::new().execute(async move {
                let _held = dropped;
                pending::<()>().await;
            });
            // No other is taken for it.
            StreamExecutor::new().execute(async {});
            sending
        })
        .await
        .expect("a task");
        assert!(sending.end().await);
        assert!(gone.await.is_err(), "it was dropped before the end is told");
    }

    #[tokio::test]
    async fn a_request_that_spawns_nothing_has_nothing_to_end() {
        let mut sending = within(async { Sending::expect() }).await.expect("a task");
        assert!(sending.end().await);
    }

    #[tokio::test]
    async fn what_is_spawned_beside_or_below_is_of_no_request() {
        let (sending, spawned) = within(async {
            let Sending::Ours(mut expected) = Sending::expect() else {
                return None;
            };
            // A task of another spawner is not the request's.
            let mut beside = JoinSet::new();
            beside.spawn(async {
                StreamExecutor::new().execute(async {});
                matches!(Sending::expect(), Sending::Foreign)
            });
            let is_foreign = beside.join_next().await?.ok()?;
            Some((expected.try_recv().err()?, is_foreign))
        })
        .await
        .flatten()
        .expect("a task of the executor");
        assert_eq!((sending, spawned), (TryRecvError::Empty, true));
        assert!(matches!(Sending::expect(), Sending::Foreign));
    }

    #[tokio::test]
    async fn a_task_outlives_a_socket_that_ended_before_it() {
        let (done, made) = oneshot::channel();
        within(async {
            drop(Sending::expect());
            StreamExecutor::new().execute(async move {
                yield_now().await;
                done.send(()).is_ok()
            });
        })
        .await
        .expect("a task");
        assert!(made.await.is_ok());
    }
}
