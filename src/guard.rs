//! Turns panics of libraries on damaged files into errors, without output on stderr.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<usize> = const { Cell::new(0) };
}

/// The value of `work`; `None` if it panics. State that `work` has half changed must not be used after `None`.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    GUARDED.set(GUARDED.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(GUARDED.get() - 1);
    outcome.ok()
}

/// The value of `work`; `None` if it panics. The panic is printed: it is a bug, not a damaged file.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Keeps the process from printing panics that become errors; all others are printed as before.
///
/// For programs, once at their start: it wraps the panic hook of the process.
pub(crate) fn quiet() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if GUARDED.get() == 0 {
            print(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_none_and_the_guard_ends_with_it() {
        assert_eq!(guarded(|| 1), Some(1));
        assert_eq!(guarded(|| guarded(|| [0_u8; 0][std::hint::black_box(1)])), Some(None));
        assert_eq!(GUARDED.get(), 0);
    }
}
