//! What names of files say.

use std::path::Path;

/// Whether a name is passed over unless it is written out. Kaggle puts a form for predictions beside the labels.
pub(super) fn is_hidden(name: &str) -> bool {
    const FORMS: [&str; 5] =
        ["submission", "submission_format", "gender_submission", "example_submission", "submission_example"];
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_sample = || ["sample_submission", "samplesubmission"].iter().any(|form| stem.contains(form));
    name.starts_with(['.', '_']) || is_sample() || FORMS.contains(&stem.as_str())
}

/// A format of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// Counted as it is; the others are saved as Parquet for the time of a run.
    Parquet,
    /// The file format and the stream format.
    Arrow,
    /// Fields between commas, with a line of names.
    Csv,
    /// Fields between tabs, with a line of names.
    Tsv,
    /// One JSON object a line.
    JsonLines,
}

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileCompression {
    Gzip,
    Zstd,
    /// Recognised, so that it can be refused.
    Bzip2,
    /// Likewise.
    Xz,
}

/// Formats, what they are called, and how names of files end.
const FORMATS: [(FileFormat, &str, &[&str]); 5] = [
    (FileFormat::Parquet, "Parquet", &["parquet", "parq", "pq", "pqt"]),
    (FileFormat::Arrow, "Arrow IPC", &["arrow", "feather", "ipc"]),
    (FileFormat::Csv, "CSV", &["csv"]),
    (FileFormat::Tsv, "TSV", &["tsv"]),
    (FileFormat::JsonLines, "JSON lines", &["jsonl", "ndjson"]),
];

/// Endings of compressed files of text, after that of the format.
const COMPRESSIONS: [(FileCompression, &str); 4] = [
    (FileCompression::Gzip, "gz"),
    (FileCompression::Zstd, "zst"),
    (FileCompression::Bzip2, "bz2"),
    (FileCompression::Xz, "xz"),
];

impl FileFormat {
    /// What it is called.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        FORMATS.iter().find(|(format, ..)| *format == self).map_or("", |(_, name, _)| name)
    }

    /// Parquet and Arrow compress inside a file.
    fn is_text(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// The format of a file, and how it is compressed as a whole, by its name; `None` for other endings.
#[must_use]
pub(crate) fn format_of(name: &str) -> Option<(FileFormat, Option<FileCompression>)> {
    let (start, end) = name.rsplit_once('.')?;
    let is_end = |known: &&str| end.eq_ignore_ascii_case(known);
    if let Some((format, ..)) = FORMATS.iter().find(|(.., ends)| ends.iter().any(is_end)) {
        return Some((*format, None));
    }
    let (compression, _) = COMPRESSIONS.iter().find(|(_, known)| is_end(known))?;
    let (format, _) = format_of(start).filter(|(format, inner)| format.is_text() && inner.is_none())?;
    Some((format, Some(*compression)))
}

/// Whether the ending of a path is that of a shard.
pub(super) fn is_shard(path: &Path) -> bool {
    path.file_name().is_some_and(|name| format_of(&name.to_string_lossy()).is_some())
}

/// All endings of shards, for messages.
pub(super) fn endings() -> String {
    let ends: Vec<&str> = FORMATS.iter().flat_map(|(.., ends)| ends.iter().copied()).collect();
    format!(".{} (text also with .gz and .zst)", ends.join(", ."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_and_forms_for_predictions_are_passed_over() {
        for name in [
            ".a.parquet",
            "_b.csv",
            "sample_submission.csv",
            "sampleSubmission.csv.gz",
            "stage_1_sample_submission.csv",
            "submission_format.csv",
            "gender_submission.csv",
        ] {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["a_.csv", "sample.csv", "submissions.csv", "reddit_submission_2020.csv", "s"] {
            assert!(!is_hidden(name), "{name}");
        }
    }

    #[test]
    fn the_ending_of_a_name_is_its_format() {
        let of = |name| format_of(name);
        assert_eq!(of("a/b.c.PARQUET"), Some((FileFormat::Parquet, None)));
        assert_eq!(of("b.csv"), Some((FileFormat::Csv, None)));
        assert_eq!(of("b.csv.gz"), Some((FileFormat::Csv, Some(FileCompression::Gzip))));
        assert_eq!(of("b.jsonl.zst"), Some((FileFormat::JsonLines, Some(FileCompression::Zstd))));
        assert_eq!(of("b.tsv.xz"), Some((FileFormat::Tsv, Some(FileCompression::Xz))));
        for name in ["b", "b.gz", "b.parquet.gz", "b.csv.gz.gz", "csv", "b.json"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
