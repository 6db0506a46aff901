//! JSON written key by key, so that millions of labels need no tree in memory.

use std::io::Write;

use serde::Serialize;

use super::files::unwritable;
use crate::error::{Error, Result};

/// A JSON object with one key a line. The caller closes it with [`Self::text`].
pub(super) struct JsonObject<'a> {
    out: &'a mut dyn Write,
    before: &'static str,
}

impl<'a> JsonObject<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, before: "{\n" }
    }

    /// An object as the value of `key`.
    pub(super) fn object(&mut self, key: &str) -> Result<JsonObject<'_>> {
        self.key(key)?;
        Ok(JsonObject::new(self.out))
    }

    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|cause| unwritable(&cause))
    }

    fn key(&mut self, key: &str) -> Result<()> {
        let before = std::mem::replace(&mut self.before, ",\n");
        let key = json(&key)?;
        self.text(&format!("{before}{key}:"))
    }

    pub(super) fn value(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        self.key(key)?;
        let text = json(value)?;
        self.text(&text)
    }

    /// A list, some elements at a time.
    pub(super) fn array<T: Serialize>(&mut self, key: &str, items: impl Iterator<Item = T>) -> Result<()> {
        const BUFFER: usize = 64 << 10;
        self.key(key)?;
        let mut buffer = Vec::with_capacity(BUFFER + 64);
        buffer.push(b'[');
        for (i, item) in items.enumerate() {
            if i > 0 {
                buffer.push(b',');
            }
            serde_json::to_writer(&mut buffer, &item).map_err(|cause| Error::internal(cause.to_string()))?;
            if buffer.len() >= BUFFER {
                self.out.write_all(&buffer).map_err(|cause| unwritable(&cause))?;
                buffer.clear();
            }
        }
        buffer.push(b']');
        self.out.write_all(&buffer).map_err(|cause| unwritable(&cause))
    }
}

/// A value as JSON text.
///
/// # Errors
/// [`Error::Internal`] for a value that JSON cannot hold.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|cause| Error::internal(cause.to_string()))
}
