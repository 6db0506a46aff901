//! What a file is that is not what its name says, by its first bytes.

/// Bytes that are looked at.
pub(super) const LENGTH: usize = 256;

/// A known kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// As in "this is …".
    name: &'static str,
    /// A way to read it; `{}` stands for the path.
    way_out: &'static str,
}

/// First bytes and the kinds of file that begin with them; of several, the first.
const KINDS: [(&[u8], Kind); 14] = [
    (b"PAR1", Kind { name: "a Parquet file", way_out: "it was cut off: copy or write it again" }),
    (b"ARROW1", Kind { name: "an Arrow IPC file", way_out: "rename it: mv {} {}.arrow" }),
    (b"\xff\xff\xff\xff", Kind { name: "an Arrow IPC stream", way_out: "rename it: mv {} {}.arrow" }),
    (
        b"FEA1",
        Kind {
            name: "a Feather file of version 1",
            way_out: "convert it: python -c 'import pyarrow.feather as f, pyarrow.parquet as p; p.write_table(f.read_table(\"{}\"), \"{}.parquet\")'",
        },
    ),
    (
        b"ORC",
        Kind {
            name: "an ORC file",
            way_out: "convert it: python -c 'import pyarrow.orc as o, pyarrow.parquet as p; p.write_table(o.read_table(\"{}\"), \"{}.parquet\")'",
        },
    ),
    (
        b"Obj\x01",
        Kind {
            name: "an Avro file",
            way_out: "convert it: python -c 'import polars; polars.read_avro(\"{}\").write_parquet(\"{}.parquet\")'",
        },
    ),
    (b"\x1f\x8b", Kind { name: "a gzip file", way_out: "unpack it: gzip -dc {} > {}.unpacked" }),
    (b"\x28\xb5\x2f\xfd", Kind { name: "a Zstandard file", way_out: "unpack it: zstd -dc {} > {}.unpacked" }),
    (b"BZh", Kind { name: "a bzip2 file", way_out: "unpack it: bzip2 -dc {} > {}.unpacked" }),
    (b"\xfd7zXZ", Kind { name: "an xz file", way_out: "unpack it: xz -dc {} > {}.unpacked" }),
    (b"PK\x03\x04", Kind { name: "a ZIP archive", way_out: "unpack it: unzip {}" }),
    (
        b"version https://git-lfs",
        Kind { name: "a pointer of Git LFS, not the file", way_out: "bring the file: git lfs pull" },
    ),
    (b"SQLite format 3", Kind { name: "an SQLite database", way_out: "export the table as Parquet or CSV" }),
    (b"\x89HDF", Kind { name: "an HDF5 file", way_out: "write the label columns as Parquet" }),
];

/// Endings of programs and their files, which may hold commas as CSV files do.
const PROGRAMS: [&str; 12] =
    [".py", ".ipynb", ".sh", ".toml", ".yaml", ".yml", ".md", ".rs", ".sql", ".r", ".log", ".cfg"];

const JSON: Kind = Kind {
    name: "a JSON file",
    way_out: "if each line is an object, rename it: mv {} {}.jsonl; a list becomes such lines with jq -c '.[]' {} > {}.jsonl",
};
const HTML: Kind =
    Kind { name: "an HTML page", way_out: "download the file again: this page may ask to log in" };
const CSV: Kind = Kind { name: "a CSV file", way_out: "rename it: mv {} {}.csv" };
const TSV: Kind = Kind { name: "a TSV file", way_out: "rename it: mv {} {}.tsv" };
const TEXT: Kind = Kind { name: "a text file", way_out: "leave it out of the sources" };

/// What a file that begins with `start` is, and a way to read the one at `path`; `None` where nothing is known.
#[must_use]
pub(super) fn found(start: &[u8], path: &str) -> Option<(&'static str, String)> {
    let known = KINDS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, kind)| *kind);
    let is_program = PROGRAMS.iter().any(|end| path.to_lowercase().ends_with(end));
    let of_text = || of_text(start).map(|kind| if is_program { TEXT } else { kind });
    let kind = known.or_else(of_text)?;
    Some((kind.name, kind.way_out.replace("{}", path)))
}

fn of_text(start: &[u8]) -> Option<Kind> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(cause) if start.len() - cause.valid_up_to() < 4 => {
            std::str::from_utf8(&start[..cause.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() || text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let line = text.lines().next().unwrap_or_default();
    Some(match text.chars().next() {
        Some('{' | '[') => JSON,
        Some('<') => HTML,
        _ if line.contains('\t') => TSV,
        _ if line.contains([',', ';']) => CSV,
        _ => TEXT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        let name = |start: &[u8]| found(start, "x").map(|(name, _)| name);
        assert_eq!(name(b"ORC\x08"), Some("an ORC file"));
        assert_eq!(name(b"\x1f\x8b\x08"), Some("a gzip file"));
        assert_eq!(name(b"a,b\n1,0\n"), Some("a CSV file"));
        assert_eq!(name("ä\tb\n1\té".as_bytes().split_last().unwrap().1), Some("a TSV file"));
        assert_eq!(name(b"\xef\xbb\xbf [1]"), Some("a JSON file"));
        assert_eq!(name(b"<!DOCTYPE html>"), Some("an HTML page"));
        assert_eq!(name(b"no"), Some("a text file"));
        assert_eq!(found(b"import os, sys\n", "d/make.py").unwrap().0, "a text file");
        assert_eq!(name(b"\x00\x01\x02\x03"), None);
        assert_eq!(name(b""), None);
        assert_eq!(
            found(b"ARROW1\0\0", "d/a.parquet").unwrap().1,
            "rename it: mv d/a.parquet d/a.parquet.arrow"
        );
    }
}
