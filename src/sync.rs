//! The locks, atomics and tasks of the hub, named in one place, so that a model that explores how
//! threads interleave can replace all of them.

#[cfg(not(all(test, shuttle)))]
pub(crate) use self::threads::{
    Delivering, Mutex, MutexGuard, Writing, atomic, spawn, yield_thread,
};

#[cfg(all(test, shuttle))]
pub(crate) use self::model::{Delivering, Mutex, MutexGuard, Writing, atomic, spawn, yield_thread};

#[cfg(not(all(test, shuttle)))]
mod threads {
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::{sync::atomic, thread::yield_now as yield_thread};
    pub(crate) use tokio::spawn;

    use std::cell::Cell;

    /// Marks this thread as one that writes to a socket's stream, until it is dropped.
    #[derive(Debug)]
    pub(crate) struct Writing(());

    impl Writing {
        pub(crate) fn begin() -> Self {
            IS_WRITING.set(true);
            Self(())
        }

        /// Whether this thread writes to a stream.
        pub(crate) fn is_under_way() -> bool {
            IS_WRITING.get()
        }
    }

    impl Drop for Writing {
        fn drop(&mut self) {
            IS_WRITING.set(false);
        }
    }

    /// Marks this thread as one that delivers a message of a stream, until it is dropped.
    ///
    /// What is broadcast meanwhile, as by a log that goes to sockets, must not wait for the lane that its
    /// own thread has locked.
    #[derive(Debug)]
    pub(crate) struct Delivering(());

    impl Delivering {
        pub(crate) fn begin() -> Self {
            IS_DELIVERING.set(true);
            Self(())
        }

        /// Whether this thread delivers a message.
        pub(crate) fn is_under_way() -> bool {
            IS_DELIVERING.get()
        }
    }

    impl Drop for Delivering {
        fn drop(&mut self) {
            IS_DELIVERING.set(false);
        }
    }

    thread_local! {
        static IS_WRITING: Cell<bool> = const { Cell::new(false) };
        static IS_DELIVERING: Cell<bool> = const { Cell::new(false) };
    }
}

#[cfg(all(test, shuttle))]
mod model {
    use std::sync::PoisonError;

    pub(crate) use shuttle::{
        sync::{MutexGuard, atomic},
        thread::yield_now as yield_thread,
    };

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    /// Tasks of the model share a thread, and no stream of theirs calls the hub.
    #[derive(Debug)]
    pub(crate) struct Writing;

    impl Writing {
        pub(crate) fn begin() -> Self {
            Self
        }

        pub(crate) fn is_under_way() -> bool {
            false
        }
    }

    /// No delivery of the model broadcasts.
    #[derive(Debug)]
    pub(crate) struct Delivering;

    impl Delivering {
        pub(crate) fn begin() -> Self {
            Self
        }

        pub(crate) fn is_under_way() -> bool {
            false
        }
    }

    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(task));
    }
}
