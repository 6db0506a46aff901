//! Formats of tables whose live rows are not simply those of their files.

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
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delta => "Delta Lake",
            Self::Iceberg => "Iceberg",
            Self::Hudi => "Hudi",
        }
    }

    /// The feature of this crate that reads it.
    pub(super) fn feature(self) -> Option<&'static str> {
        match self {
            Self::Delta => Some("delta"),
            Self::Iceberg => Some("iceberg"),
            Self::Hudi => None,
        }
    }

    /// How to read the live rows of the table in `folder`.
    pub(super) fn way_out(self, folder: &str, metadata: Option<&str>) -> String {
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
