//! Where a table lies: a folder of this machine, or one of a store.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::store::{Address, Bucket, Object, Place, is_address};

/// The folder of a table.
#[derive(Debug)]
pub(crate) enum Root {
    /// As it was written, and without links.
    Folder(PathBuf, PathBuf),
    /// With the objects that were listed below it, by key.
    Store(Bucket, Address, BTreeMap<String, Object>),
}

impl Root {
    /// A folder of this machine.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self> {
        let real = fs::canonicalize(folder).map_err(|cause| Error::reading(folder, &cause))?;
        Ok(Self::Folder(folder.to_owned(), real))
    }

    /// What messages call it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Folder(shown, _) => {
                let shown = shown.display().to_string();
                let bare = shown.trim_end_matches('/');
                if bare.is_empty() { shown } else { bare.to_owned() }
            }
            Self::Store(_, address, _) => address.to_string().trim_end_matches('/').to_owned(),
        }
    }

    /// The place of a file, by its path below the folder, its absolute path or its address.
    pub(crate) fn place(&self, path: &str) -> Result<Place> {
        if let Some(local) = local_path(path) {
            return match self {
                Self::Folder(shown, real) => {
                    let below = Path::new(local).strip_prefix(real);
                    Ok(Place::File(below.map_or_else(|_| local.into(), |below| shown.join(below))))
                }
                Self::Store(..) => Err(Error::input(format!(
                    "{}: the table names the file {path} of a machine, but lies in a store",
                    self.shown()
                ))
                .hint("write the table again where it lies")),
            };
        }
        let address = match self {
            _ if is_address(path) => Address::parse(path)?,
            Self::Folder(shown, _) => return Ok(Place::File(shown.join(path))),
            Self::Store(_, address, _) => address.join(path),
        };
        if let Self::Store(bucket, root, objects) = self
            && root.root() == address.root()
        {
            if let Some(object) = objects.get(address.key()) {
                return Ok(Place::Object(object.clone()));
            }
            return found(bucket.object(&address)?, &address);
        }
        found(Bucket::of(&address)?.object(&address)?, &address)
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, path: &str) -> Result<Bytes> {
        match self.place(path)? {
            Place::File(path) => {
                fs::read(&path).map(Bytes::from).map_err(|cause| Error::reading(&path, &cause))
            }
            Place::Object(object) => object.read(0..object.bytes()),
        }
    }

    /// Some bytes of a file.
    #[cfg(feature = "iceberg")]
    pub(crate) fn read_part(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let place = self.place(path)?;
        let mut file = place.open().map_err(|cause| place.failed(&cause))?;
        let size = file.stat().map_err(|cause| place.failed(&cause))?.bytes;
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(Error::input(format!("{place}: a part of the file that ends beyond it"))
                .hint("restore the file"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_at(offset, &mut bytes).map_err(|cause| place.failed(&cause))?;
        Ok(bytes)
    }
}

fn found(object: Option<Object>, address: &Address) -> Result<Place> {
    object.map(Place::Object).ok_or_else(|| {
        Error::input(format!("{address}: the table names this file, but it does not exist"))
            .hint("restore the file, or read a version of the table that does not need it")
    })
}

/// The path that a file address or an absolute path names.
fn local_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:"));
    let rest = rest.map(|rest| rest.strip_prefix("localhost").unwrap_or(rest));
    rest.or(Some(path)).filter(|path| path.starts_with('/'))
}
