//! Bytes that are read go on to stdout as they are.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult, Stdin, Stdout, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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
    /// Both, where both are pipes: the system passes on what comes without a copy.
    pipes: Option<[OwnedFd; 2]>,
    /// Bytes that were passed on and not read yet.
    passed: usize,
}

/// Bytes that a pipe holds: its writer need not wait for its reader so often.
const PIPE_BYTES: i32 = 1 << 20;

/// Stdin without a buffer of its own.
///
/// # Errors
/// What the system says.
pub(crate) fn unbuffered(stdin: &Stdin) -> IoResult<File> {
    unbuffered_pipe(stdin.as_fd())
}

fn unbuffered_pipe(of: BorrowedFd<'_>) -> IoResult<File> {
    #[cfg(target_os = "linux")]
    // What is no pipe, or may not be larger, stays as it is.
    let _ = nix::fcntl::fcntl(of, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
    Ok(File::from(of.try_clone_to_owned()?))
}

impl PassOn<File, File> {
    /// Between stdin and stdout.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn between(stdin: &Stdin, stdout: &Stdout, on_broken_pipe: OnBrokenPipe) -> IoResult<Self> {
        let (input, output) = (unbuffered_pipe(stdin.as_fd())?, unbuffered_pipe(stdout.as_fd())?);
        let pipes = cfg!(target_os = "linux")
            .then(|| Ok::<_, IoError>([input.try_clone()?.into(), output.try_clone()?.into()]))
            .transpose()?;
        Ok(Self { pipes, ..Self::new(input, output, on_broken_pipe) })
    }
}

impl<R: Read, W: Write> PassOn<R, W> {
    fn new(input: R, output: W, on_broken_pipe: OnBrokenPipe) -> Self {
        Self { input, output: Some(output), on_broken_pipe, pipes: None, passed: 0 }
    }

    /// Lets the system pass on what comes next. False where it cannot.
    fn pass_on(&mut self) -> IoResult<bool> {
        let Some(pipes) = &self.pipes else { return Ok(false) };
        match tee(pipes) {
            Ok(n) => self.passed = n,
            Err(cause) if matches!(cause.kind(), ErrorKind::BrokenPipe) => self.broken(&cause)?,
            // They are no pipes, or do not wait.
            Err(_) => self.pipes = None,
        }
        Ok(self.pipes.is_some())
    }

    /// What happens when nothing can be written any more.
    fn broken(&mut self, cause: &IoError) -> IoResult<()> {
        if cause.kind() == ErrorKind::BrokenPipe && self.on_broken_pipe == OnBrokenPipe::Count {
            (self.output, self.pipes) = (None, None);
            tracing::warn!("the program that reads stdout has ended; counting goes on");
            return Ok(());
        }
        let error = Error::output(format!("stdout cannot be written: {cause}"));
        let hint = "--on-broken-pipe count goes on counting when the program that reads stdout ends";
        Err(IoError::other(error.hint(hint)))
    }
}

/// Passes on what is in the first pipe, and leaves it there; 0 at its end.
#[cfg(target_os = "linux")]
fn tee([input, output]: &[OwnedFd; 2]) -> IoResult<usize> {
    use nix::fcntl::SpliceFFlags;
    loop {
        match nix::fcntl::tee(input, output, usize::MAX >> 1, SpliceFFlags::empty()) {
            Err(nix::Error::EINTR) => {}
            done => return done.map_err(IoError::from),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn tee(_: &[OwnedFd; 2]) -> IoResult<usize> {
    Err(ErrorKind::Unsupported.into())
}

impl<R: Read, W: Write> Read for PassOn<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if self.passed > 0 || self.pass_on()? {
            let most = buffer.len().min(self.passed);
            let n = self.input.read(&mut buffer[..most])?;
            self.passed -= n;
            return Ok(n);
        }
        let n = self.input.read(buffer)?;
        let Some(output) = &mut self.output else { return Ok(n) };
        // Nothing is held back while the writer of the stream pauses.
        if let Err(cause) = output.write_all(&buffer[..n]).and_then(|()| output.flush()) {
            self.broken(&cause)?;
        }
        Ok(n)
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

    /// Writes `bytes` into a pipe that is passed on into another one, of which `most` bytes are read.
    fn through_pipes(
        bytes: &[u8],
        most: usize,
        on_broken_pipe: OnBrokenPipe,
    ) -> (IoResult<Vec<u8>>, Vec<u8>) {
        let (input, mut writer) = std::io::pipe().unwrap();
        let (reader, output) = std::io::pipe().unwrap();
        let (input, output) = (File::from(OwnedFd::from(input)), File::from(OwnedFd::from(output)));
        let pipes = Some([input.try_clone().unwrap().into(), output.try_clone().unwrap().into()]);
        let mut passing = PassOn { pipes, ..PassOn::new(input, output, on_broken_pipe) };
        std::thread::scope(|scope| {
            // A program that ends early leaves its reader without an end mark only.
            scope.spawn(move || writer.write_all(bytes));
            let passed = scope.spawn(move || {
                let mut passed = Vec::new();
                reader.take(most as u64).read_to_end(&mut passed).unwrap();
                passed
            });
            let mut all = Vec::new();
            let read = passing.read_to_end(&mut all).map(|_| all);
            drop(passing);
            (read, passed.join().unwrap())
        })
    }

    #[test]
    fn pipes_hand_on_every_byte_without_a_copy() {
        let bytes: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
        for n in [bytes.len(), 1, 0] {
            let (read, passed) = through_pipes(&bytes[..n], usize::MAX, OnBrokenPipe::Stop);
            assert!(read.unwrap() == bytes[..n] && passed == bytes[..n], "{n}");
        }
        let (read, passed) = through_pipes(&bytes, 70_000, OnBrokenPipe::Count);
        assert!(read.unwrap() == bytes && passed == bytes[..70_000]);
        let (read, _) = through_pipes(&bytes, 70_000, OnBrokenPipe::Stop);
        assert!(read.unwrap_err().to_string().contains("stdout"));
    }

    #[test]
    fn files_are_passed_on_by_copies() {
        let bytes: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::write(&from, &bytes).unwrap();
        let (input, output) = (File::open(&from).unwrap(), File::create(&to).unwrap());
        let pipes = Some([input.try_clone().unwrap().into(), output.try_clone().unwrap().into()]);
        let mut passing = PassOn { pipes, ..PassOn::new(input, output, OnBrokenPipe::Stop) };
        let mut all = Vec::new();
        passing.read_to_end(&mut all).unwrap();
        assert!(all == bytes && std::fs::read(&to).unwrap() == bytes);
    }
}
