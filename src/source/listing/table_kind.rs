//! Tables whose live rows are not simply those of their files: Delta Lake, Iceberg, Hudi.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A format of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TableKind {
    /// `_delta_log/`.
    Delta,
    /// `metadata/*.metadata.json`.
    Iceberg,
    /// `.hoodie/`.
    Hudi,
}

impl TableKind {
    fn name(self) -> &'static str {
        match self {
            Self::Delta => "Delta Lake",
            Self::Iceberg => "Iceberg",
            Self::Hudi => "Hudi",
        }
    }

    /// How to read the live rows of the table in `folder`.
    fn way_out(self, folder: &str, metadata: Option<&str>) -> String {
        // JSON strings are strings of Python, too.
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default().replace('\'', "\\u0027");
        let to = "pyarrow.parquet.write_table(t, \"live.parquet\")";
        match (self, metadata) {
            (Self::Delta, _) => format!(
                "write its live rows with Python: python -c 'import deltalake, pyarrow, pyarrow.parquet; t = pyarrow.table(deltalake.DeltaTable({}).to_pyarrow_table()); {to}'",
                quoted(folder)
            ),
            (Self::Iceberg, Some(metadata)) => format!(
                "write its live rows with Python: python -c 'import pyiceberg.table, pyarrow.parquet; t = pyiceberg.table.StaticTable.from_metadata({}).scan().to_arrow(); {to}'",
                quoted(metadata)
            ),
            (Self::Iceberg, None) => {
                "write its live rows to Parquet with pyiceberg: table.scan().to_arrow()".to_owned()
            }
            (Self::Hudi, _) => format!(
                "write its live rows with Python: python -c 'import hudi, pyarrow, pyarrow.parquet; t = pyarrow.Table.from_batches(hudi.HudiTableBuilder.from_base_uri({}).build().read_snapshot()); {to}'",
                quoted(folder)
            ),
        }
    }
}

/// Tables that were met while listing.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Folders of this machine that were looked at.
    seen: BTreeSet<PathBuf>,
    /// By path or address, with the metadata to read them by.
    met: BTreeMap<String, (TableKind, Option<String>)>,
}

impl Tables {
    /// Notes a table in a store.
    pub(super) fn add(&mut self, folder: String, kind: TableKind, metadata: Option<String>) {
        self.met.entry(folder).or_insert((kind, metadata));
    }

    /// Whether `folder` is a table.
    pub(super) fn look_at(&mut self, folder: &Path) {
        if !self.seen.insert(folder.to_owned()) {
            return;
        }
        let shown = folder.display().to_string();
        if folder.join("_delta_log").is_dir() {
            self.add(shown, TableKind::Delta, None);
        } else if folder.join(".hoodie").is_dir() {
            self.add(shown, TableKind::Hudi, None);
        } else if let Some(metadata) = newest_metadata(&folder.join("metadata")) {
            self.add(shown, TableKind::Iceberg, Some(metadata));
        }
    }

    /// Whether a file lies in a table, by its path and by what links lead to.
    pub(super) fn look_above(&mut self, file: &Path) {
        for path in [std::path::absolute(file), fs::canonicalize(file)].into_iter().flatten() {
            for folder in path.ancestors().skip(1) {
                if self.seen.contains(folder) {
                    break;
                }
                self.look_at(folder);
            }
        }
    }

    /// Whether there is a table in `folder` or below.
    pub(super) fn are_in(&self, folder: &Path) -> bool {
        self.met.keys().any(|table| Path::new(table).starts_with(folder))
    }

    /// The error that names all of them.
    pub(super) fn refused(&self) -> Option<Error> {
        let errors = self.distinct().into_iter().map(|(folder, kind, metadata)| {
            Error::input(format!(
                "{folder}: this is {} {} table, whose files also hold deleted and replaced rows; this build cannot read it",
                if kind == TableKind::Iceberg { "an" } else { "a" },
                kind.name()
            ))
            .hint(format!("{}; or count the files as they lie with --as-files", kind.way_out(folder, metadata)))
        });
        Error::together(errors.collect(), "sources")
    }

    /// What is said of them where files count as they lie.
    pub(super) fn said(&self) -> Option<String> {
        let tables = self.distinct();
        let (folder, kind, _) = tables.first()?;
        let more = if tables.len() > 1 { format!(" and {} more", tables.len() - 1) } else { String::new() };
        Some(format!("{} table {folder}{more}", kind.name()))
    }

    /// Each table once, whatever path leads to it.
    fn distinct(&self) -> Vec<(&str, TableKind, Option<&str>)> {
        let mut known = BTreeSet::new();
        let mut met: Vec<_> = self.met.iter().collect();
        // A path as it was written comes first.
        met.sort_by_key(|(folder, _)| (folder.starts_with('/'), folder.len()));
        met.into_iter()
            .filter(|(folder, _)| known.insert(fs::canonicalize(folder).unwrap_or_else(|_| folder.into())))
            .map(|(folder, (kind, metadata))| (folder.as_str(), *kind, metadata.as_deref()))
            .collect()
    }
}

/// The newest `*.metadata.json` of a folder: the one with the largest number in front.
fn newest_metadata(folder: &Path) -> Option<String> {
    let names = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let newest = names.filter(|name| is_metadata(name)).max_by_key(|name| {
        let digits: String = name.trim_start_matches('v').chars().take_while(char::is_ascii_digit).collect();
        (digits.parse::<u64>().unwrap_or(0), name.clone())
    })?;
    Some(folder.join(newest).display().to_string())
}

/// Whether a file in `metadata/` is one that Iceberg writes.
pub(super) fn is_metadata(name: &str) -> bool {
    name.ends_with(".metadata.json")
}
