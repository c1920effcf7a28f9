//! The application's functions that are told of events.

use std::{fmt, sync::Arc};

use crate::{sync::Mutex, unwind::contain};

/// Functions of the application, in the order in which they were given.
pub(super) struct Hooks<E>(Arc<Mutex<Vec<Hook<E>>>>);

type Hook<E> = Arc<dyn Fn(E) + Send + Sync>;

impl<E: Clone> Hooks<E> {
    pub(super) fn add(&self, hook: impl Fn(E) + Send + Sync + 'static) {
        self.0.lock().push(Arc::new(hook));
    }

    /// Tells all functions of an event. Returns whether one of them panicked; the others are told too.
    pub(super) fn tell(&self, event: &E) -> bool {
        let hooks = self.0.lock().clone();
        let tell = |hook: &Hook<E>| contain(|| hook(event.clone())).is_err();
        hooks.iter().map(tell).fold(false, |any, one| any | one)
    }
}

impl<E> Clone for Hooks<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> Default for Hooks<E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<E> fmt::Debug for Hooks<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.0.lock().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics again where it is dropped.
    struct Mine;

    impl Drop for Mine {
        fn drop(&mut self) {
            panic!("a payload panics as well");
        }
    }

    #[test]
    fn all_are_told_whatever_one_of_them_does() {
        let hooks = Hooks::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        for name in ["first", "second", "third"] {
            let heard = heard.clone();
            hooks.add(move |event: u8| {
                heard.lock().push((name, event));
                if name == "second" && event == 2 {
                    panic_any(Mine);
                }
            });
        }
        assert!(!hooks.tell(&1));
        assert!(hooks.tell(&2));
        let expected = [
            ("first", 1),
            ("second", 1),
            ("third", 1),
            ("first", 2),
            ("second", 2),
            ("third", 2),
        ];
        assert_eq!(*heard.lock(), expected);
    }
}
