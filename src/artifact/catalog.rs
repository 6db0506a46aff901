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
pub struct Contents<'a> {
    /// The counts.
    pub file: &'a CountsFile,
    /// Their weights.
    pub weights: &'a Weights,
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
pub struct ResultFile {
    /// The format that asks for it; `None` for what no format asks for.
    pub format: Option<&'static str>,
    /// Its name inside the output folder.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    writer: FileWriter,
}

const fn row(
    format: Option<&'static str>,
    name: &'static str,
    about: &'static str,
    writer: FileWriter,
) -> ResultFile {
    ResultFile { format, name, about, writer }
}

fn text(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|cause| unwritable(&cause))
}

use FileWriter::{Always, Elsewhere, WithPairs};

/// All of them. Files are written in this order; [`SUCCESS`] is the last.
#[rustfmt::skip]
pub const RESULT_FILES: [ResultFile; 15] = [
    // Always written: everything else can be made from counts again.
    row(None, "counts.parquet", "counts per label; weigh reads and merges them",
        Always(|out, of| counts::write(out, of.file, of.threads))),
    row(Some("parquet"), "weights.parquet", "counts, every weight vector, status",
        Always(|out, of| weights::write_parquet(out, of.file, of.weights, of.threads))),
    row(Some("json"), "weights.json", "the same, with the spec",
        Always(|out, of| weights::write_json(out, of.file, of.weights, of.spec))),
    row(Some("json"), "imbalance.json", "everything in the reports, for machines",
        Always(|out, of| imbalance::write(out, &(of.report)()))),
    row(Some("safetensors"), "pos_weight.safetensors", "f32 vectors and i64 counts",
        Always(|out, of| tensors::write_safetensors(out, of.file, of.weights))),
    row(Some("npy"), "pos_weight.npy", "the primary vector, f32",
        Always(|out, of| tensors::write_npy(out, of.weights))),
    row(Some("npy"), "cooccurrence.npy", "rows that have both of two labels, i64 [C, C]",
        WithPairs(|out, pairs, labels| tensors::write_together(out, pairs, labels))),
    row(Some("md"), "report.md", "for people",
        Always(|out, of| text(out, &markdown(&(of.report)())))),
    row(Some("html"), "report.html", "for people, one page with charts",
        Always(|out, of| text(out, &html(&(of.report)())))),
    row(None, "by", "one such folder per group of --by", Elsewhere),
    row(None, "plan.json", "a sampling plan: how it changes the counts", Elsewhere),
    row(None, "plan.md", "the same, for people", Elsewhere),
    row(None, "plan", "its rows, one file per shard", Elsewhere),
    row(None, "sampled", "the sampled shards", Elsewhere),
    row(None, SUCCESS, "written last: sizes and SHA-256 of all", Elsewhere),
];

/// The values of `--formats`, in the order of the table.
pub fn formats() -> impl Iterator<Item = &'static str> {
    let first = |at: usize| RESULT_FILES[..at].iter().all(|file| file.format != RESULT_FILES[at].format);
    (0..RESULT_FILES.len()).filter(move |at| first(*at)).filter_map(|at| RESULT_FILES[at].format)
}

/// The files that a result in these formats has, whatever was counted.
pub fn wanted(formats: &[String]) -> impl Iterator<Item = &'static ResultFile> {
    asked(formats).filter(|file| matches!(file.writer, Always(_)))
}

/// The files that a result in these formats has, if pairs of labels were counted.
pub fn wanted_with_pairs(formats: &[String]) -> impl Iterator<Item = &'static ResultFile> {
    asked(formats).filter(|file| !matches!(file.writer, Elsewhere))
}

fn asked(formats: &[String]) -> impl Iterator<Item = &'static ResultFile> {
    let is_asked = |format: Option<&str>| format.is_none_or(|format| formats.iter().any(|one| one == format));
    RESULT_FILES.iter().filter(move |file| is_asked(file.format))
}

impl ResultFile {
    /// Writes the file.
    ///
    /// # Errors
    /// [`crate::error::Error::Output`] or [`crate::error::Error::Resource`] when writing fails.
    pub fn write(&self, out: &mut (dyn Write + Send), contents: &Contents<'_>) -> Result<()> {
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
