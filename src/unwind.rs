//! Contains panics of the application's and the host's code.

use std::{
    any::Any,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

/// A panic, which the panic hook has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Runs code that may panic.
///
/// # Errors
///
/// If it panicked.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        discard(payload);
        Panicked
    })
}

/// Drops what a panic carries. That may panic in turn, with something that also panics when dropped.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}

pin_project! {
    /// Work that may panic while it runs and when it is dropped, finished or not.
    ///
    /// It resolves to an error if the work panicked, and calls `panicked`. It calls `panicked` also if
    /// the work panics when the future is dropped, when no caller is left to take an error.
    pub(crate) struct Contained<F, P: FnMut()> {
        #[pin]
        work: Option<F>,
        panicked: P,
    }

    impl<F, P: FnMut()> PinnedDrop for Contained<F, P> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if contain(|| this.work.set(None)).is_err() {
                (this.panicked)();
            }
        }
    }
}

impl<F: Future, P: FnMut()> Contained<F, P> {
    pub(crate) fn new(work: F, panicked: P) -> Self {
        Self {
            work: Some(work),
            panicked,
        }
    }
}

impl<F: Future, P: FnMut()> Future for Contained<F, P> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = contain(|| match this.work.as_mut().as_pin_mut() {
            Some(work) => work.poll(cx),
            None => Poll::Pending,
        });
        let output = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panicked) => Err(panicked),
        };
        // Not left to the caller: dropping may panic as well.
        let dropped = contain(|| this.work.set(None));
        if output.is_err() || dropped.is_err() {
            (this.panicked)();
        }
        Poll::Ready(dropped.and(output))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending, panic::panic_any};

    use futures_util::FutureExt;

    use super::*;

    /// Panics when it is dropped, with something that does so as well.
    struct Bomb(u8);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Self(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_panic_is_an_error_whatever_it_carries() {
        assert_eq!(contain(|| 7), Ok(7));
        assert_eq!(contain(|| panic_any(Bomb(0))), Err::<(), _>(Panicked));
        assert_eq!(contain(|| drop(Bomb(5))), Err(Panicked));
    }

    #[test]
    fn work_that_panics_at_any_time_is_contained_and_told_of_once() {
        let told = Cell::new(0);
        let tell = || told.set(told.get() + 1);

        let fine = Contained::new(async { 7 }, tell);
        assert_eq!(fine.now_or_never(), Some(Ok(7)));
        assert_eq!(told.take(), 0);

        let running = Contained::new(async { panic_any(Bomb(1)) }, tell);
        assert_eq!(running.now_or_never(), Some(Err::<(), _>(Panicked)));
        assert_eq!(told.take(), 1);

        let kept = Bomb(1);
        let done = Contained::new(
            std::future::poll_fn(move |_| {
                let _kept = &kept;
                Poll::Ready(())
            }),
            tell,
        );
        assert_eq!(done.now_or_never(), Some(Err(Panicked)));
        assert_eq!(told.take(), 1);

        let cancelled = Contained::new(
            async {
                let _bomb = Bomb(2);
                pending::<()>().await;
            },
            tell,
        );
        assert_eq!(cancelled.now_or_never(), None);
        assert_eq!(told.take(), 1);

        let unpolled = Bomb(1);
        drop(Contained::new(async move { drop(unpolled) }, tell));
        assert_eq!(told.take(), 1);
    }
}
