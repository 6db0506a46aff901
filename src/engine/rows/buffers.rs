//! What one thread reads rows with.

use crate::engine::read::interner::Interner;
use crate::engine::rows::block::Block;
use crate::engine::rows::columns::Columns;
use crate::engine::rows::decode::Decoder;
use crate::engine::rows::job::RowJob;
use crate::pages::{Marks, Workspace};

/// Buffers that are used again for every row group.
#[derive(Debug)]
pub(super) struct RowBuffers {
    pub(super) block: Block,
    pub(super) decoder: Decoder,
    pub(super) read: Vec<u8>,
    pub(super) workspace: Workspace,
    /// For the values beside labels.
    pub(super) values: Workspace,
    pub(super) interner: Interner,
    pub(super) marks: Marks,
    pub(super) columns: Columns,
}

impl RowBuffers {
    pub(super) fn new(job: &RowJob) -> Self {
        Self {
            block: Block::default(),
            decoder: Decoder::default(),
            read: Vec::new(),
            workspace: Workspace::default(),
            values: Workspace::default(),
            interner: Interner::of(&job.counting),
            marks: Marks::default(),
            columns: Columns::default(),
        }
    }
}
