//! Temporary folders of a run: locked while it runs, removed when it ends, or by the next run if it was
//! killed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};

/// The longest time between creation and locking of a folder.
const MOMENT: Duration = Duration::from_mins(1);

/// A folder of this run, removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _lock: Option<File>,
}

impl Scratch {
    /// Creates a folder in `parent` whose name begins with `prefix`, and removes folders of killed runs.
    pub(crate) fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        others(parent, prefix, MOMENT);
        Self::make(parent, prefix)
    }

    fn make(parent: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        // Some file systems have no locks; there, the folder of a killed run remains.
        let lock = File::open(folder.path()).ok().filter(|folder| folder.try_lock().is_ok());
        Ok(Self { folder, _lock: lock })
    }

    /// The same, but `None` if another run has such a folder.
    pub(crate) fn alone(parent: &Path, prefix: &str) -> io::Result<Option<Self>> {
        // Held until the folder of this run is visible.
        let turn = File::open(parent).ok().filter(|parent| parent.lock().is_ok());
        // In its turn, a run has locked its folder.
        let moment = if turn.is_some() { Duration::ZERO } else { MOMENT };
        if others(parent, prefix, moment) { Ok(None) } else { Self::make(parent, prefix).map(Some) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A new file that will take the place of the one at `path`, which this run has locked: what a killed run left of its own is
/// removed.
pub(crate) fn file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = format!(".{}.posweight-new", path.file_name().unwrap_or_default().to_string_lossy());
    match fs::remove_file(folder.join(&name)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => tempfile::Builder::new().prefix(&name).rand_bytes(0).tempfile_in(folder),
    }
}

/// Whether other runs have folders in `parent` that begin with `prefix`. Folders without a lock that are older
/// than `moment`, which may lie between creation and locking, are removed; a failed removal is ignored.
fn others(parent: &Path, prefix: &str, moment: Duration) -> bool {
    let is_old = |folder: &File| {
        let modified = folder.metadata().and_then(|meta| meta.modified());
        modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age >= moment))
    };
    let mut lives = false;
    let found = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in found.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let Ok(folder) = File::open(entry.path()) else { continue };
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        match folder.try_lock() {
            Ok(()) if is_old(&folder) => {
                tracing::info!(folder = %entry.path().display(), "removed the folder of a killed run");
                let _ = fs::remove_dir_all(entry.path());
            }
            Err(TryLockError::WouldBlock) => lives = true,
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
    }
    lives
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(place: &Path, name: &str, old: bool) -> File {
        let folder = place.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("counts.parquet"), "x").unwrap();
        let handle = File::open(&folder).unwrap();
        if old {
            handle.set_modified(std::time::SystemTime::now() - Duration::from_hours(1)).unwrap();
        }
        handle
    }

    fn names(place: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(place).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_run_left_is_taken_away() {
        let place = tempfile::tempdir().unwrap();
        drop(make(place.path(), ".out.posweight-dead", true));
        drop(make(place.path(), ".out.posweight-new", false));
        drop(make(place.path(), ".other.posweight-dead", true));
        let lives = make(place.path(), ".out.posweight-lives", true);
        lives.lock().unwrap();
        let scratch = Scratch::new(place.path(), ".out.posweight-").unwrap();
        assert!(scratch.path().is_dir());
        drop(scratch);
        assert_eq!(
            names(place.path()),
            [".other.posweight-dead", ".out.posweight-lives", ".out.posweight-new"]
        );
    }

    #[test]
    fn one_run_at_a_time_is_alone() {
        let place = tempfile::tempdir().unwrap();
        let first = Scratch::alone(place.path(), ".out.").unwrap();
        assert!(first.is_some());
        assert!(Scratch::alone(place.path(), ".out.").unwrap().is_none());
        assert!(Scratch::alone(place.path(), ".other.").unwrap().is_some());
        drop(first);
        assert!(Scratch::alone(place.path(), ".out.").unwrap().is_some());
        assert_eq!(names(place.path()), Vec::<String>::new());
        // What a killed run left goes at once.
        drop(make(place.path(), ".out.dead", false));
        drop(Scratch::alone(place.path(), ".out.").unwrap().unwrap());
        assert_eq!(names(place.path()), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_a_killed_run_left_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("nights.state");
        let (_, left) = file_beside(&path).unwrap().keep().unwrap();
        assert_eq!(left, place.path().join(".nights.state.posweight-new"));
        file_beside(&path).unwrap().persist(&path).unwrap();
        let names: Vec<_> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["nights.state"]);
    }
}
