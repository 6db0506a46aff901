//! Small files beside a result, at places that a person names: a summary, metrics, events.
//!
//! A file is replaced as a whole, also where a link leads to it. A device or a pipe takes the text as it is and stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::disk::{may_write, replace};
use crate::error::{Error, Result};

/// Links that are followed at most.
const LINKS: usize = 40;
/// What a person writes for stdout.
const STDOUT: &str = "-";
/// What stands for an open file of this process, whatever that is.
const DESCRIPTORS: [&str; 4] = ["/dev/fd", "/dev/stdout", "/dev/stderr", "/proc"];

/// What `path` leads to: links are followed, also those whose target is not there yet; `-` is stdout.
#[must_use]
pub(crate) fn target(path: &Path) -> PathBuf {
    if path == Path::new(STDOUT) {
        return PathBuf::from("/dev/stdout");
    }
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        if is_descriptor(&path) {
            break;
        }
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}

fn is_descriptor(path: &Path) -> bool {
    DESCRIPTORS.iter().any(|of| path.starts_with(of))
}

/// Whether the target is written as it comes: a device, a pipe, an open file.
#[must_use]
pub(crate) fn is_stream(target: &Path) -> bool {
    is_descriptor(target) || fs::metadata(target).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// The stdout or stderr of this process, if it is meant: opened anew, a file would be written from another place on, and what
/// others write there after this process would go over it.
#[cfg(unix)]
fn own_stream(target: &Path) -> Option<io::Result<File>> {
    use std::os::fd::AsFd as _;
    let number = target.to_str()?.strip_prefix("/dev/")?;
    let own = match number {
        "stdout" | "fd/1" => io::stdout().flush().and_then(|()| io::stdout().as_fd().try_clone_to_owned()),
        "stderr" | "fd/2" => io::stderr().as_fd().try_clone_to_owned(),
        _ => return None,
    };
    Some(own.map(File::from))
}

/// Opens a device, a pipe or an open file. A named pipe that no program reads is refused: waiting for a reader may
/// take forever.
///
/// # Errors
/// As the system reports.
pub(crate) fn open_stream(target: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, open};
        if let Some(own) = own_stream(target) {
            return own;
        }
        let probe = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match open(target, probe, Mode::empty()) {
            Err(rustix::io::Errno::NXIO) => Err(io::Error::other("no program reads this pipe")),
            Err(cause) => Err(cause.into()),
            // The probe is held until the reader has a second writer.
            Ok(_probe) => OpenOptions::new().append(true).open(target),
        }
    }
    #[cfg(not(unix))]
    OpenOptions::new().append(true).open(target)
}

/// Writes `text` to what `path` leads to.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] naming the path.
pub(crate) fn write_side(path: &Path, text: &str) -> Result<()> {
    let target = target(path);
    if is_stream(&target) {
        let written = open_stream(&target).and_then(|mut file| file.write_all(text.as_bytes()));
        return written.map_err(|cause| Error::writing(path, &cause));
    }
    refuse(path, &target)?;
    replace(&target, text)
}

/// Appends a line to what `path` leads to.
///
/// # Errors
/// As the system reports.
pub(crate) fn append_side(path: &Path, line: &str) -> io::Result<()> {
    let mut file = if is_stream(&target(path)) {
        open_stream(&target(path))?
    } else {
        OpenOptions::new().create(true).append(true).open(path)?
    };
    file.write_all(line.as_bytes())
}

/// What a file beside a result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SideKind {
    /// The summary of a run: one JSON object.
    Summary,
    /// Metrics in the text format of Prometheus.
    Metrics,
    /// OpenLineage events, one a line.
    Events,
}

impl SideKind {
    fn name(self) -> &'static str {
        match self {
            Self::Summary => "a summary of a run",
            Self::Metrics => "metrics of posweight",
            Self::Events => "OpenLineage events",
        }
    }

    /// Whether a file that begins so is one of these.
    fn is_in(self, head: &[u8]) -> bool {
        let text = String::from_utf8_lossy(head);
        let has = |key: &str| text.contains(&format!("\"{key}\":"));
        match self {
            // The record of a run has the same keys and more.
            Self::Summary => text.starts_with('{') && has("status") && has("exit_code") && !has("metadata"),
            Self::Metrics => text.starts_with("# HELP posweight_"),
            Self::Events => text.starts_with('{') && has("eventType"),
        }
    }
}

/// Refuses a file that holds something else: it would be lost.
///
/// # Errors
/// [`Error::Usage`] naming the path.
pub(crate) fn check_kind(path: &Path, kind: SideKind) -> Result<()> {
    const HEAD: u64 = 1 << 20;
    let target = target(path);
    if is_stream(&target) {
        return Ok(());
    }
    // What cannot be read is found by who writes it.
    let Ok(file) = File::open(&target) else { return Ok(()) };
    let mut head = Vec::new();
    if file.take(HEAD).read_to_end(&mut head).is_err() || head.trim_ascii().is_empty() || kind.is_in(&head) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{}: this file holds something else than {}, and would be lost",
        path.display(),
        kind.name()
    ))
    .hint("name another file, or delete this one if it is of no use"))
}

/// Whether [`write_side`] can write there, as far as that can be known before.
///
/// # Errors
/// [`Error::Output`] naming the path.
pub(crate) fn check_side(path: &Path) -> Result<()> {
    let target = target(path);
    if is_stream(&target) {
        return Ok(());
    }
    refuse(path, &target)?;
    if OpenOptions::new().append(true).open(&target).is_ok() {
        return Ok(());
    }
    let here = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.into() };
    let mut folders = target.ancestors().skip(1).map(here);
    let Some(folder) = folders.find(|folder| folder.exists()) else { return Ok(()) };
    if folder.is_dir() && may_write(&folder) {
        return Ok(());
    }
    let kind = if folder.is_dir() { io::ErrorKind::PermissionDenied } else { io::ErrorKind::NotADirectory };
    Err(Error::writing(path, &kind.into()))
}

fn refuse(path: &Path, target: &Path) -> Result<()> {
    let wrong = |what: &str| Err(Error::output(format!("{}: {what}", path.display())));
    if target.is_dir() {
        return wrong("this is a folder, not a file");
    }
    if target.is_symlink() {
        return wrong("the links lead in a circle");
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_a_person_names_stays_what_it_is() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let error = write_side(&at("pipe"), "lost").unwrap_err().to_string();
        assert!(error.contains("no program reads this pipe"), "{error}");
        symlink("pipe", at("to-pipe")).unwrap();
        for path in ["pipe", "to-pipe"] {
            let reader = std::thread::spawn({
                let path = at("pipe");
                move || fs::read_to_string(path).unwrap()
            });
            // The reader may not be there yet.
            while write_side(&at(path), "said\n").is_err() {
                std::thread::yield_now();
            }
            assert_eq!(reader.join().unwrap(), "said\n");
            assert!(fs::symlink_metadata(at("pipe")).unwrap().file_type().is_fifo());
        }
        // A link stays a link, and its target gets the text, there or not.
        symlink("below/file", at("link")).unwrap();
        symlink("link", at("to-link")).unwrap();
        for text in ["one", "two"] {
            write_side(&at("to-link"), text).unwrap();
            assert_eq!(fs::read_to_string(at("below/file")).unwrap(), text);
        }
        assert!(at("link").is_symlink() && at("to-link").is_symlink() && at("to-pipe").is_symlink());
        symlink("round", at("about")).unwrap();
        symlink("about", at("round")).unwrap();
        for wrong in ["round", "below"] {
            assert_eq!(write_side(&at(wrong), "x").unwrap_err().exit_code(), 7);
            assert_eq!(check_side(&at(wrong)).unwrap_err().exit_code(), 7);
        }
        assert_eq!(check_side(&at("below/file/under")).unwrap_err().exit_code(), 7);
        for good in ["link", "pipe", "new/folder/file"] {
            check_side(&at(good)).unwrap();
        }
        assert!(!at("new").exists());
    }
}
