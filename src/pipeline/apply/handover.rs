//! Row groups on their way from the threads that read rows to those that write shards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Number of a shard, and of a row group in it.
pub(super) type GroupPlace = (usize, usize);

/// Row groups that were made and wait for their shard to be written. Those who make them wait where too many do, but
/// for the one that is asked for.
#[derive(Debug)]
pub(super) struct Handover<T> {
    state: Mutex<Waiting<T>>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    ready: BTreeMap<GroupPlace, T>,
    asked: BTreeSet<GroupPlace>,
    /// Why nothing more comes or is taken.
    failed: Option<Error>,
    /// No more are made.
    is_over: bool,
}

impl<T> Handover<T> {
    /// With at most `most` row groups that wait.
    pub(super) fn new(most: usize) -> Self {
        let (ready, asked) = (BTreeMap::new(), BTreeSet::new());
        let state = Mutex::new(Waiting { ready, asked, failed: None, is_over: false });
        Self { state, changed: Condvar::new(), most: most.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'m>(&self, state: MutexGuard<'m, Waiting<T>>) -> MutexGuard<'m, Waiting<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over a row group, once there is room or it is asked for.
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`Self::fail`].
    pub(super) fn put(&self, place: GroupPlace, columns: T) -> Result<()> {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() {
                return Err(ENDED);
            }
            // It is not taken when another row group does not come.
            if state.ready.len() < self.most || state.asked.contains(&place) || state.is_over {
                break;
            }
            state = self.wait(state);
        }
        state.ready.insert(place, columns);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes a row group, once it is there.
    ///
    /// # Errors
    /// [`Error::Stopped`] when it does not come.
    pub(super) fn take(&self, place: GroupPlace) -> Result<T> {
        let mut state = self.lock();
        state.asked.insert(place);
        self.changed.notify_all();
        loop {
            if state.failed.is_some() {
                return Err(ENDED);
            }
            if let Some(columns) = state.ready.remove(&place) {
                state.asked.remove(&place);
                drop(state);
                self.changed.notify_all();
                return Ok(columns);
            }
            if state.is_over {
                return Err(ENDED);
            }
            state = self.wait(state);
        }
    }

    /// Nothing more comes, whether all were made or some thread has failed.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Everybody ends, for this reason unless there was one before.
    pub(super) fn fail(&self, error: Error) {
        self.lock().failed.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`Self::fail`].
    pub(super) fn check(&self) -> Result<()> {
        if self.lock().failed.is_some() { Err(ENDED) } else { Ok(()) }
    }

    /// Why everybody ends.
    ///
    /// # Errors
    /// That of [`Self::fail`].
    pub(super) fn failure(&self) -> Result<()> {
        self.lock().failed.clone().map_or(Ok(()), Err)
    }
}

/// What those get who end because of others.
const ENDED: Error = Error::Stopped(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_for_need_not_wait_and_the_others_do() {
        let handover = Handover::new(1);
        std::thread::scope(|scope| {
            // Made in another order than they are taken in, by several.
            for group in [3, 2, 1, 0] {
                let handover = &handover;
                scope.spawn(move || handover.put((0, group), group).unwrap());
            }
            let taken: Vec<usize> = (0..4).map(|group| handover.take((0, group)).unwrap()).collect();
            assert_eq!(taken, [0, 1, 2, 3]);
        });
        handover.end();
        assert!(handover.take((0, 4)).is_err() && handover.failure().is_ok());
        // There is no wait for room that is never made.
        handover.put((0, 5), 5).and_then(|()| handover.put((0, 6), 6)).unwrap();
    }

    #[test]
    fn an_error_ends_all_and_the_first_stays() {
        let handover = Handover::<usize>::new(1);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| handover.take((0, 0)));
            handover.fail(Error::input("first"));
            handover.fail(Error::internal("later"));
            assert!(waits.join().unwrap().is_err());
        });
        assert!(handover.put((0, 1), 1).is_err() && handover.check().is_err());
        assert_eq!(handover.failure().unwrap_err().to_string(), "first");
    }
}
