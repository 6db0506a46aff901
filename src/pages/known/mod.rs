//! Chunks and pages that need no decoding, because statistics or page indexes describe them completely.

pub(super) mod chunk_statistics;
pub(super) mod page_statistics;
