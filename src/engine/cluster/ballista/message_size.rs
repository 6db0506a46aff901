//! How large a message between client, scheduler and executors may be.

/// Largest message in bytes: a plan with all shards and labels.
pub(super) const MESSAGE_BYTES: u32 = 1 << 30;
