//! What publishing asks of a file system, and what it does where the file system cannot.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

pub(super) fn may_write(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}

/// A rename stays within one file system; a mounted folder is on another than its parent.
pub(super) fn same_disk(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        matches!((fs::metadata(a), fs::metadata(b)), (Ok(a), Ok(b)) if a.dev() == b.dev())
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        true
    }
}

pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// True when the file system cannot do what was asked, whatever the state of the disk.
pub(super) fn is_unsupported(cause: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(
        cause.kind(),
        Kind::Unsupported
            | Kind::InvalidInput
            | Kind::CrossesDevices
            | Kind::ResourceBusy
            | Kind::PermissionDenied
    )
}

/// Swaps two folders in one step.
pub(super) fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?;
        Ok(())
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        let _ = (a, b);
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// Writes a file beside its place and moves it there, so that readers see all of it or what was there. Makes
/// the folder if need be.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when the disk refuses.
pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        // Removed again when anything below fails.
        let mut place = tempfile::Builder::new();
        place.prefix(".posweight");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As readable as any other file of this user.
            place.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut file = place.tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    };
    // A file that is mounted by itself, or in a folder of another user, can only be written where it is.
    write()
        .or_else(
            |cause| if is_unsupported(&cause) && path.is_file() { fs::write(path, text) } else { Err(cause) },
        )
        .map_err(|cause| Error::writing(path, &cause))
}
