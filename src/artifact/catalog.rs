//! Every file and folder of a result: the format it belongs to, its name, what it is for, what writes it.

use std::io::Write;

use serde_json::Value as Json;

use super::counts::{self, CountsFile};
use super::files::{SUCCESS, unwritable};
use super::{imbalance, tensors, weights};
use crate::cooccurrence::Together;
use crate::error::Result;
use crate::report::{Report, html, markdown};
use crate::weights::Weights;

/// What the files of one result are made from.
#[derive(Clone, Copy)]
pub(crate) struct Contents<'a> {
    /// The counts.
    pub file: &'a CountsFile,
    /// Their weights.
    pub weights: &'a Weights,
    /// Checks of severity error that failed, in words.
    pub failed_checks: &'a [String],
    /// Rows that have both of two labels, if pairs were counted.
    pub pairs: Option<&'a Together>,
    /// Makes the report, for the files that need one.
    pub report: &'a (dyn Fn() -> Report<'a> + Sync),
    /// The spec that decides the result.
    pub spec: &'a Json,
    /// Threads that encode one file.
    pub threads: usize,
}

type WriteContents = fn(&mut (dyn Write + Send), &Contents<'_>) -> Result<()>;

/// What writes a file.
#[derive(Clone, Copy)]
enum FileWriter {
    /// Written for every result.
    Always(WriteContents),
    /// Written for results whose pairs of labels were counted.
    WithPairs(fn(&mut (dyn Write + Send), &Together, usize) -> Result<()>),
    /// Not made from the contents of one result: groups, sampling plans, the marker.
    Elsewhere,
}

/// A file or folder of a result.
pub(crate) struct ResultFile {
    /// The format that asks for it; `None` for what no format asks for.
    pub format: Option<&'static str>,
    /// Its name inside the output folder.
    pub name: &'static str,
    writer: FileWriter,
}

const fn row(format: Option<&'static str>, name: &'static str, writer: FileWriter) -> ResultFile {
    ResultFile { format, name, writer }
}

fn text(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|cause| unwritable(&cause))
}

use FileWriter::{Always, Elsewhere, WithPairs};

/// All of them. Files are written in this order; [`SUCCESS`] is the last.
#[rustfmt::skip]
pub(crate) const RESULT_FILES: [ResultFile; 16] = [
    // Always written: everything else can be made from counts again.
    // Counts per label; weigh reads and merges them.
    row(None, "counts.parquet",
        Always(|out, of| counts::write(out, of.file, of.threads))),
    // Counts, every weight vector, status.
    row(Some("parquet"), "weights.parquet",
        Always(|out, of| weights::write_parquet(out, of.file, of.weights, of.threads))),
    // The same, with the spec.
    row(Some("json"), "weights.json",
        Always(|out, of| weights::write_json(out, of.file, of.weights, of.failed_checks, of.spec))),
    // Everything in the reports, for machines.
    row(Some("json"), "imbalance.json",
        Always(|out, of| imbalance::write(out, &(of.report)()))),
    // F32 vectors and i64 counts.
    row(Some("safetensors"), "pos_weight.safetensors",
        Always(|out, of| tensors::write_safetensors(out, of.file, of.weights))),
    // The primary vector, f32.
    row(Some("npy"), "pos_weight.npy",
        Always(|out, of| tensors::write_npy(out, of.weights))),
    // Rows that have both of two labels, i64 [C, C].
    row(Some("npy"), "cooccurrence.npy",
        WithPairs(|out, pairs, labels| tensors::write_together(out, pairs, labels))),
    // For people.
    row(Some("md"), "report.md",
        Always(|out, of| text(out, &markdown(&(of.report)())))),
    // For people, one page with charts.
    row(Some("html"), "report.html",
        Always(|out, of| text(out, &html(&(of.report)())))),
    // One such folder per group of --by.
    row(None, "by", Elsewhere),
    // A sampling plan: how it changes the counts.
    row(None, "plan.json", Elsewhere),
    // The same, for people.
    row(None, "plan.md", Elsewhere),
    // Its rows, one file per shard.
    row(None, "plan", Elsewhere),
    // The sampled shards.
    row(None, "sampled", Elsewhere),
    // Shards with columns more.
    row(None, "applied", Elsewhere),
    // Written last: sizes and SHA-256 of all.
    row(None, SUCCESS, Elsewhere),
];

/// The values of `--formats`, in the order of the table.
pub(crate) fn formats() -> impl Iterator<Item = &'static str> {
    let first = |at: usize| RESULT_FILES[..at].iter().all(|file| file.format != RESULT_FILES[at].format);
    (0..RESULT_FILES.len()).filter(move |at| first(*at)).filter_map(|at| RESULT_FILES[at].format)
}

/// The files that a result in these formats has, whatever was counted.
pub(crate) fn wanted(formats: &[String]) -> impl Iterator<Item = &'static ResultFile> {
    asked(formats).filter(|file| matches!(file.writer, Always(_)))
}

/// The files that a result in these formats has, if pairs of labels were counted.
pub(crate) fn wanted_with_pairs(formats: &[String]) -> impl Iterator<Item = &'static ResultFile> {
    asked(formats).filter(|file| !matches!(file.writer, Elsewhere))
}

fn asked(formats: &[String]) -> impl Iterator<Item = &'static ResultFile> {
    let is_asked = |format: Option<&str>| format.is_none_or(|format| formats.iter().any(|one| one == format));
    RESULT_FILES.iter().filter(move |file| is_asked(file.format))
}

impl ResultFile {
    /// Whether the counts of a result decide its contents.
    pub(crate) const fn is_of_counts(&self) -> bool {
        !matches!(self.writer, Elsewhere)
    }

    /// Whether only results whose pairs of labels were counted have it.
    pub(crate) const fn needs_pairs(&self) -> bool {
        matches!(self.writer, WithPairs(_))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`crate::error::Error::Output`] or [`crate::error::Error::Resource`] when writing fails.
    pub(crate) fn write(&self, out: &mut (dyn Write + Send), contents: &Contents<'_>) -> Result<()> {
        match (self.writer, contents.pairs) {
            (Always(write), _) => write(out, contents),
            (WithPairs(write), Some(pairs)) => write(out, pairs, contents.file.counts.len()),
            (WithPairs(_), None) | (Elsewhere, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_table_and_the_marker_is_last() {
        assert_eq!(formats().collect::<Vec<_>>(), ["parquet", "json", "safetensors", "npy", "md", "html"]);
        assert_eq!(RESULT_FILES.last().map(|file| file.name), Some(SUCCESS));
        let names = |formats: &[&str]| {
            let formats: Vec<String> = formats.iter().map(|text| (*text).to_owned()).collect();
            [wanted(&formats).count(), wanted_with_pairs(&formats).count()]
        };
        assert_eq!(names(&[]), [1, 1]);
        assert_eq!(names(&["npy", "md"]), [3, 4]);
        assert_eq!(names(&["parquet", "json", "safetensors", "npy", "md", "html"]), [8, 9]);
    }
}
