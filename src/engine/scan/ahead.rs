//! Reads of an object are asked for before they are needed, as many at a time as memory allows.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::reads::{READ_BYTES, Read};
use crate::error::{Error, Result};
use crate::store::Object;

/// Requests of one thread at a time, at most.
const REQUESTS: usize = 16;

/// Reads that were asked for, in the order in which they will be needed.
#[derive(Debug)]
pub(super) struct Ahead {
    object: Object,
    asked: VecDeque<JoinHandle<Result<Bytes>>>,
    most: usize,
}

impl Ahead {
    /// Reads of `object` that may hold `budget` bytes.
    pub(super) fn new(object: Object, budget: usize) -> Self {
        let most = (budget as u64 / READ_BYTES).clamp(2, REQUESTS as u64);
        Self { object, asked: VecDeque::new(), most: usize::try_from(most).unwrap_or(REQUESTS) }
    }

    /// Whether more may be asked for.
    pub(super) fn has_room(&self) -> bool {
        self.asked.len() < self.most
    }

    /// Asks for one more.
    pub(super) fn ask(&mut self, read: &Read) -> Result<()> {
        self.asked.push_back(self.object.fetch(read.range())?);
        Ok(())
    }

    /// The bytes of the read that was asked for first.
    pub(super) async fn next(&mut self) -> Result<Bytes> {
        let first = self.asked.pop_front().ok_or_else(|| Error::internal("nothing was asked for"))?;
        first.await.map_err(|cause| Error::internal(cause.to_string()))?
    }
}

/// A run that ends early needs no more bytes.
impl Drop for Ahead {
    fn drop(&mut self) {
        self.asked.iter().for_each(JoinHandle::abort);
    }
}
