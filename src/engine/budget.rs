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

/// While this is held, no other count within the same memory runs.
#[derive(Debug)]
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datafusion::execution::memory_pool::UnboundedMemoryPool;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn counts_within_one_memory_run_one_after_the_other() {
        const SOON: Duration = Duration::from_millis(20);
        let memory = SharedMemory::new(Arc::new(UnboundedMemoryPool::default()));
        let first = memory.turn().await;
        assert!(timeout(SOON, memory.clone().turn()).await.is_err());
        drop(first);
        assert!(timeout(SOON, memory.turn()).await.is_ok());
        assert_eq!(memory, memory.clone());
    }
}
