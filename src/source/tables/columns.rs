//! The columns of a table, and how its files name them.

use arrow::datatypes::Fields;
use sha2::{Digest, Sha256};

/// The columns of a table, in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableColumns {
    /// The columns that files hold.
    pub stored: Vec<TableColumn>,
    /// Whether files find columns by their field ids, where they have such.
    pub by_id: bool,
    /// All columns as the schema of the table has them, also those that files do not hold.
    pub all: Fields,
}

/// A column, or a field inside one.
#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    /// What the table calls it.
    pub name: String,
    /// Its field id.
    pub id: Option<i32>,
    /// What files without field ids call it.
    pub stored_as: Vec<String>,
    /// What it holds.
    pub inside: Inside,
}

/// What a column holds.
#[derive(Debug, Clone)]
pub(crate) enum Inside {
    /// Values, which have no names inside.
    Values,
    /// Fields.
    Fields(Vec<TableColumn>),
    /// Elements.
    Elements(Box<Inside>),
    /// Keys and values.
    Entries(Box<Inside>, Box<Inside>),
}

impl TableColumns {
    /// Whether the table has a column of this name, which is NULL in files that lack it.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        let root = name.split('.').next().unwrap_or(name);
        self.all.iter().any(|known| known.name() == name || known.name() == root)
    }

    /// The position of a column.
    #[must_use]
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let root = name.split('.').next().unwrap_or(name);
        let of = |name: &str| self.all.iter().position(|known| known.name() == name);
        of(name).or_else(|| of(root))
    }

    /// Whether no file without field ids can be read.
    #[must_use]
    pub(super) fn needs_ids(&self) -> bool {
        self.by_id && self.stored.iter().all(|column| column.stored_as.is_empty())
    }

    /// A hash over what files call the columns.
    #[must_use]
    pub(crate) fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(format!("{} {:?}", self.by_id, self.stored).as_bytes());
        hash.finalize().into()
    }
}

impl TableColumn {
    /// Whether a field of a file is this one.
    pub(super) fn is(&self, name: &str, id: Option<i32>, by_id: bool) -> bool {
        if by_id { id.is_some() && id == self.id } else { self.stored_as.iter().any(|known| known == name) }
    }
}
