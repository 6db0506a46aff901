//! Says when files below local folders come, go or are replaced, where the system tells: inotify of Linux.
//!
//! A file counts when its writer closes it or moves it here, not when it is created. Whoever listens looks at all
//! shards then, so an event that is missed or is there twice does no harm.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(target_os = "linux")]
use linux::Watched;

use crate::store::is_address;

/// Changes below folders, as long as the process lives.
pub(super) struct Changes {
    #[cfg(target_os = "linux")]
    watched: Option<std::sync::Arc<Watched>>,
    #[cfg(target_os = "linux")]
    folders: Vec<PathBuf>,
}

impl Changes {
    /// Listens to the folders of `sources`. Where that is not possible, it never says anything.
    pub(super) fn of(sources: &[String]) -> Self {
        let folders = folders(sources);
        #[cfg(target_os = "linux")]
        {
            let watched = Watched::begin(&folders);
            if let Err(cause) = &watched {
                tracing::info!("changes of folders are found by listing alone: {cause}");
            }
            Self { watched: watched.ok(), folders }
        }
        #[cfg(not(target_os = "linux"))]
        {
            tracing::info!("changes of {} folders are found by listing alone", folders.len());
            Self {}
        }
    }

    /// Listens also to folders that came in the place of others.
    pub(super) fn look_again(&self) {
        #[cfg(target_os = "linux")]
        if let Some(watched) = &self.watched {
            self.folders.iter().for_each(|folder| watched.add(folder, 0));
        }
    }

    /// Waits until something has changed since the last time, then for `settle`: shards come in company.
    pub(super) async fn next(&self, settle: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(watched) = &self.watched {
            watched.changed.notified().await;
            return tokio::time::sleep(settle).await;
        }
        let _ = settle;
        std::future::pending::<()>().await;
    }
}

/// The local folders that sources lie in: a folder itself, that of a file, that before the first wildcard.
fn folders(sources: &[String]) -> Vec<PathBuf> {
    let local = sources.iter().filter(|source| !is_address(source) || source.starts_with("file://"));
    let folder = |source: &String| {
        let path = PathBuf::from(source.strip_prefix("file://").unwrap_or(source));
        if path.is_dir() {
            return path;
        }
        let is_plain = |part: &std::path::Component<'_>| {
            !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{'])
        };
        let parts = path.components().count();
        let plain: PathBuf = path.components().take_while(is_plain).take(parts.saturating_sub(1)).collect();
        if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
    };
    local.map(folder).collect()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::ffi::OsStr;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex, PoisonError};

    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
    use tokio::sync::Notify;

    use crate::source::listing::format_of;

    /// Folders that are watched at most; the system has a limit too.
    const FOLDERS_MAX: usize = 10_000;
    /// Folders inside each other that are followed, so that a link to itself ends.
    const DEEP: usize = 32;

    /// The folders that the system tells of.
    pub(super) struct Watched {
        inotify: OwnedFd,
        /// By the number of the watch.
        folders: Mutex<HashMap<i32, PathBuf>>,
        pub(super) changed: Notify,
    }

    impl Watched {
        pub(super) fn begin(roots: &[PathBuf]) -> std::io::Result<Arc<Self>> {
            let watched = Arc::new(Self {
                inotify: init(CreateFlags::CLOEXEC)?,
                folders: Mutex::default(),
                changed: Notify::new(),
            });
            roots.iter().for_each(|root| watched.add(root, 0));
            let thread = Arc::clone(&watched);
            std::thread::Builder::new()
                .name("posweight-changes".to_owned())
                .spawn(move || thread.listen())?;
            Ok(watched)
        }

        /// Watches a folder and those in it. One that is gone or too many is found by listing.
        pub(super) fn add(&self, folder: &Path, deep: usize) {
            let flags = WatchFlags::CLOSE_WRITE
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE_SELF
                | WatchFlags::ONLYDIR;
            let is_full = self.lock().len() >= FOLDERS_MAX;
            if is_full || deep > DEEP {
                return;
            }
            let Ok(number) = add_watch(&self.inotify, folder, flags) else { return };
            self.lock().insert(number, folder.to_owned());
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if may_hold_shards(&entry.file_name()) && path.is_dir() {
                    self.add(&path, deep + 1);
                }
            }
        }

        fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, PathBuf>> {
            self.folders.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Waits for events; ends when there can be no more.
        fn listen(&self) {
            let mut buffer = [MaybeUninit::uninit(); 1 << 13];
            let mut events = Reader::new(&self.inotify, &mut buffer);
            loop {
                let event = match events.next() {
                    Ok(event) => event,
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(_) => return,
                };
                let (what, name) = (event.events(), event.file_name().map(|name| name.to_bytes().to_vec()));
                if what.contains(ReadFlags::IGNORED) {
                    self.lock().remove(&event.wd());
                }
                if self.matters(event.wd(), what, name.as_deref().map(OsStr::from_bytes)) {
                    self.changed.notify_one();
                }
            }
        }

        /// Whether shards may be others now.
        fn matters(&self, number: i32, what: ReadFlags, name: Option<&OsStr>) -> bool {
            let Some(name) = name else {
                // Events were lost, or a whole folder is gone.
                return what.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::DELETE_SELF);
            };
            if what.contains(ReadFlags::ISDIR) {
                let folder = self.lock().get(&number).map(|folder| folder.join(name));
                let is_new = what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
                if let Some(folder) = folder.filter(|_| is_new && may_hold_shards(name)) {
                    self.add(&folder, 0);
                }
                return may_hold_shards(name);
            }
            // What is created is written next, and closed later.
            what != ReadFlags::CREATE && may_be_shard(name)
        }
    }

    fn may_hold_shards(folder: &OsStr) -> bool {
        folder == "_delta_log" || !folder.as_bytes().starts_with(b".") && !folder.as_bytes().starts_with(b"_")
    }

    fn may_be_shard(file: &OsStr) -> bool {
        let is_hidden = file.as_bytes().starts_with(b".") || file.as_bytes().starts_with(b"_");
        !is_hidden && file.to_str().is_some_and(|name| format_of(name).is_some())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_what_may_be_a_shard_matters() {
            let watched = Watched::begin(&[]).unwrap();
            let name = |text: &'static str| Some(OsStr::new(text));
            for (what, file, matters) in [
                (ReadFlags::CLOSE_WRITE, name("a.parquet"), true),
                (ReadFlags::MOVED_TO, name("a.csv"), true),
                (ReadFlags::DELETE, name("a.parquet"), true),
                (ReadFlags::CREATE, name("a.parquet"), false),
                (ReadFlags::CLOSE_WRITE, name(".a.parquet"), false),
                (ReadFlags::CLOSE_WRITE, name("w.state"), false),
                (ReadFlags::CREATE | ReadFlags::ISDIR, name("split=train"), true),
                (ReadFlags::CREATE | ReadFlags::ISDIR, name("_temporary"), false),
                (ReadFlags::QUEUE_OVERFLOW, None, true),
                (ReadFlags::IGNORED, None, false),
            ] {
                assert_eq!(watched.matters(1, what, file), matters, "{what:?} {file:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_folders() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name).display().to_string();
        std::fs::create_dir(at("d")).unwrap();
        let sources =
            [at("d"), at("d/a.parquet"), at("d/k=*/*.parquet"), "s3://b/d".to_owned(), "*.csv".to_owned()];
        let expected = [at("d"), at("d"), at("d"), ".".to_owned()].map(PathBuf::from);
        assert_eq!(folders(&sources), expected);
    }
}
