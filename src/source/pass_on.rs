//! Bytes that are read go on to stdout as they are.

use std::io::{ErrorKind, Read, Result as IoResult, Write};

use crate::error::Error;

/// What happens when the program that reads stdout ends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBrokenPipe {
    /// Counting goes on.
    Count,
    /// The run fails.
    Stop,
}

/// Reads `input` and writes what it reads to `output`.
pub(crate) struct PassOn<R, W: Write> {
    input: R,
    /// `None` after its reader has ended.
    output: Option<W>,
    on_broken_pipe: OnBrokenPipe,
}

impl<R: Read, W: Write> PassOn<R, W> {
    pub(crate) fn new(input: R, output: W, on_broken_pipe: OnBrokenPipe) -> Self {
        Self { input, output: Some(output), on_broken_pipe }
    }
}

impl<R: Read, W: Write> Read for PassOn<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let n = self.input.read(buffer)?;
        let Some(output) = &mut self.output else { return Ok(n) };
        // Nothing is held back while the writer of the stream pauses.
        match output.write_all(&buffer[..n]).and_then(|()| output.flush()) {
            Err(cause)
                if cause.kind() == ErrorKind::BrokenPipe && self.on_broken_pipe == OnBrokenPipe::Count =>
            {
                self.output = None;
                tracing::warn!("the program that reads stdout has ended; counting goes on");
                Ok(n)
            }
            Err(cause) => {
                let error = Error::output(format!("stdout cannot be written: {cause}"));
                let hint = "--on-broken-pipe count goes on counting when the program that reads stdout ends";
                Err(std::io::Error::other(error.hint(hint)))
            }
            Ok(()) => Ok(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, then is gone.
    struct Leaves(usize);

    impl Write for Leaves {
        fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
            if self.0 == 0 {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let n = bytes.len().min(self.0);
            self.0 -= n;
            Ok(n)
        }

        fn flush(&mut self) -> IoResult<()> {
            Ok(())
        }
    }

    #[test]
    fn every_byte_goes_on_and_a_reader_that_leaves_is_one_of_two_things() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let (mut all, mut passed) = (Vec::new(), Vec::new());
        PassOn::new(&bytes[..], &mut passed, OnBrokenPipe::Stop).read_to_end(&mut all).unwrap();
        assert!(all == bytes && passed == bytes);
        all.clear();
        PassOn::new(&bytes[..], Leaves(1000), OnBrokenPipe::Count).read_to_end(&mut all).unwrap();
        assert!(all == bytes);
        all.clear();
        let stopped = PassOn::new(&bytes[..], Leaves(1000), OnBrokenPipe::Stop).read_to_end(&mut all);
        assert!(stopped.unwrap_err().to_string().contains("stdout"));
    }
}
