//! Memory that a query and the counts inside it share.

use std::sync::Arc;

use datafusion::execution::memory_pool::MemoryPool;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// One memory pool for several sessions, and the turn of the one count that may run.
#[derive(Debug, Clone)]
pub(super) struct SharedMemory {
    pub(super) pool: Arc<dyn MemoryPool>,
    turn: Arc<Mutex<()>>,
}

impl SharedMemory {
    pub(super) fn new(pool: Arc<dyn MemoryPool>) -> Self {
        Self { pool, turn: Arc::default() }
    }

    /// Waits until no other count runs.
    pub(super) async fn turn(&self) -> Turn {
        Turn { _guard: Arc::clone(&self.turn).lock_owned().await }
    }
}

impl PartialEq for SharedMemory {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.turn, &other.turn)
    }
}

impl Eq for SharedMemory {}

/// While this is held, no other count of the same budget runs.
#[derive(Debug)]
pub struct Turn {
    _guard: OwnedMutexGuard<()>,
}
