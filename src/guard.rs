//! Libraries that panic on damaged files: their panics are errors of ours, and say nothing on stderr.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<usize> = const { Cell::new(0) };
}

/// What `work` gives; `None` when it panics. Leave no half-changed state behind that is used after `None`.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    GUARDED.set(GUARDED.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(GUARDED.get() - 1);
    outcome.ok()
}

/// What `work` gives; `None` when it panics, which is printed: a bug, not a damaged file.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Keeps the process from printing panics that become errors; all others are printed as before.
///
/// For programs, once at their start: it wraps the panic hook of the process.
pub fn quiet() {
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
