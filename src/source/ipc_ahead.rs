//! A thread that reads the messages of an Arrow IPC stream ahead of whoever decodes them.

use std::collections::VecDeque;
use std::io::{Read, Result as IoResult};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::ipc_stream::{IpcMessage, IpcMessages};

/// Bytes of messages that wait, if they are more than one.
const WAITING_BYTES: usize = 2 << 20;

/// Bytes of a whole stream and their sum; `None` where its end is missing.
pub(super) type StreamSum = Option<(u64, [u8; 32])>;

/// Messages that come from a thread.
pub(super) struct IpcAhead {
    waiting: Over,
    /// Messages that no longer wait.
    taken: VecDeque<IpcMessage>,
    /// What is left of the input after the last batch, or after an error, is read as well.
    is_drained: bool,
    thread: JoinHandle<IoResult<StreamSum>>,
}

/// What was read and waits to be decoded.
#[derive(Default)]
struct MessageQueue {
    state: Mutex<QueuedMessages>,
    changed: Condvar,
}

#[derive(Default)]
struct QueuedMessages {
    messages: VecDeque<IpcMessage>,
    bytes: usize,
    /// One of both threads has ended.
    is_over: bool,
}

impl IpcAhead {
    /// Begins to read; where somebody else reads what is left of the input after a failure, it `is_drained`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(
        messages: IpcMessages<impl Read + Send + 'static>,
        is_drained: bool,
    ) -> IoResult<Self> {
        let waiting = Arc::new(MessageQueue::default());
        let over = Over(Arc::clone(&waiting));
        let read = move || over.0.read(messages, is_drained);
        let thread = Builder::new().name("posweight-stdin".to_owned()).spawn(read)?;
        Ok(Self { waiting: Over(waiting), taken: VecDeque::new(), is_drained, thread })
    }

    /// The next message; `None` once all have come, or reading has failed.
    pub(super) fn next(&mut self) -> Option<IpcMessage> {
        if self.taken.is_empty() {
            let Over(waiting) = &self.waiting;
            let empty = |state: &mut QueuedMessages| state.messages.is_empty() && !state.is_over;
            let state = waiting.changed.wait_while(waiting.lock(), empty);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            state.bytes = 0;
            std::mem::swap(&mut self.taken, &mut state.messages);
            waiting.changed.notify_one();
        }
        self.taken.pop_front()
    }

    /// Waits for the end; `None` if the thread has failed.
    pub(super) fn end(self) -> Option<IoResult<StreamSum>> {
        self.thread.join().ok()
    }

    /// Nothing is decoded any more. Waits for what somebody else reads.
    pub(super) fn give_up(self) {
        drop(self.waiting);
        if self.is_drained {
            let _ = self.thread.join();
        }
    }
}

impl MessageQueue {
    fn lock(&self) -> MutexGuard<'_, QueuedMessages> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all messages, until the decoder ends.
    fn read(&self, mut messages: IpcMessages<impl Read>, is_drained: bool) -> IoResult<StreamSum> {
        let end = loop {
            match messages.next().map(|message| message.map(|message| self.add(message))) {
                Ok(Some(true)) => {}
                Ok(Some(false)) => break Ok(None),
                Ok(None) => break Ok(messages.is_whole().then(|| messages.sum())),
                Err(cause) => break Err(cause),
            }
        };
        if is_drained {
            // What cannot be decoded here may still serve whoever reads it.
            let _ = std::io::copy(messages.rest(), &mut std::io::sink());
        }
        end
    }

    /// Adds a message once there is room for it; false if the decoder has ended.
    fn add(&self, message: IpcMessage) -> bool {
        let size = message.size();
        let full = |state: &mut QueuedMessages| {
            state.bytes + size > WAITING_BYTES && !state.messages.is_empty() && !state.is_over
        };
        let state = self.changed.wait_while(self.lock(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.bytes += size;
        state.messages.push_back(message);
        self.changed.notify_one();
        !state.is_over
    }
}

/// Says to the other thread that this one has ended, however it does.
struct Over(Arc<MessageQueue>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_one();
    }
}
