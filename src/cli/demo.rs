//! `posweight demo`: a first run on a small set that the demo writes itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array};
use clap::Args;
use parquet::arrow::ArrowWriter;

use super::output::print;
use super::progress::{LogFlags, carry_out};
use crate::error::{Error, Result, for_shell};
use crate::pipeline::spec::{OneOrMany, Spec};
use crate::sampling::Draw;

/// Labels of the demo, and how many of 1 000 rows have each.
const LABELS: [(&str, u64); 8] = [
    ("person", 520),
    ("car", 310),
    ("dog", 140),
    ("bicycle", 90),
    ("bus", 45),
    ("horse", 18),
    ("zebra", 6),
    ("unicorn", 0),
];
/// Shards of the demo, and the split that each belongs to.
const SHARDS: [&str; 4] = ["train", "train", "train", "test"];
/// Rows of a shard.
const ROWS: u64 = 1000;

/// Write a small labelled set, compute its weights, and show what to do next
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight demo
  posweight demo --out demo/           # keep the set and the result here
  posweight demo --quiet --out demo/   # write the files and print nothing")]
pub(super) struct DemoVerb {
    /// New folder for the set and the result [default: a new temporary folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    logging: LogFlags,
}

impl DemoVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let folder = self.folder()?;
        let (data, weights) = (folder.join("data"), folder.join("weights"));
        for (number, split) in (0_u64..).zip(SHARDS) {
            let below = data.join(format!("split={split}"));
            fs::create_dir_all(&below).map_err(|cause| Error::writing(&below, &cause))?;
            write_shard(&below.join(format!("part-{number}.parquet")), number * ROWS)?;
        }
        let [data, weights] = [data, weights].map(|path| path.display().to_string());
        let [at_data, at_weights] = [&data, &weights].map(|path| for_shell(path));
        if !self.logging.is_quiet() {
            print(&format!(
                "The demo wrote {} shards of {ROWS} rows: photos with {} labels, true or false. One cell in 100 is NULL.\n\
                 Now it runs:\n\n  posweight compute {at_data} --by split --out {at_weights}\n\n",
                SHARDS.len(),
                LABELS.len()
            ))?;
        }
        let spec = Spec {
            shards: Some(OneOrMany::Many(vec![data])),
            by: Some(OneOrMany::One("split".to_owned())),
            out: Some(PathBuf::from(&weights)),
            ..Spec::default()
        };
        let code = carry_out(spec, &self.logging)?;
        if !self.logging.is_quiet() {
            print(&format!(
                "\nThe weights for BCEWithLogitsLoss are in {weights}/pos_weight.npy, the report is\n  {weights}/report.html\n\n\
                 Try next:\n  \
                 posweight weigh {at_weights} --scheme sqrt --clip 0,50 --out {}\n  \
                 posweight sample {at_data} --plan repeat-factor --dry-run\n  \
                 posweight sql -c \"SELECT label, positives, ratio FROM weights\" --run {at_weights}\n",
                for_shell(&folder.join("sqrt").display().to_string())
            ))?;
        }
        Ok(code)
    }

    /// The new folder of the demo.
    fn folder(&self) -> Result<PathBuf> {
        let Some(out) = &self.out else {
            let folder = tempfile::Builder::new().prefix("posweight-demo-").tempdir();
            let folder =
                folder.map_err(|cause| Error::writing_for("a TMPDIR", &std::env::temp_dir(), &cause))?;
            return Ok(folder.keep());
        };
        let is_free = fs::read_dir(out).map_or(true, |mut files| files.next().is_none());
        if out.exists() && !is_free {
            return Err(Error::output(format!("{}: this folder has files", out.display()))
                .hint("give a new folder to --out, or leave --out away"));
        }
        fs::create_dir_all(out).map_err(|cause| Error::writing(out, &cause))?;
        Ok(out.clone())
    }
}

/// Rows from number `first` on. The same row has the same cells in every demo.
fn write_shard(path: &Path, first: u64) -> Result<()> {
    let wrong = |cause: &dyn std::fmt::Display| Error::output(format!("{}: {cause}", path.display()));
    let rows = first..first + ROWS;
    let photos: UInt32Array = rows.clone().map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect();
    let owners: StringArray = rows.clone().map(|row| Some(format!("user-{}", row / 25))).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![("photo", Arc::new(photos)), ("owner", Arc::new(owners))];
    for (name, of_1000) in LABELS {
        let drawn = Draw::new(0, 0).shard(name);
        // Two picks a cell: whether it is NULL, and its value.
        let cell =
            |row: u64| (drawn.below(2 * row, 100) > 0).then_some(drawn.below(2 * row + 1, 1000) < of_1000);
        columns.push((name, Arc::new(rows.clone().map(cell).collect::<BooleanArray>())));
    }
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    let batch = batch.map_err(|cause| wrong(&cause))?;
    let file = File::create(path).map_err(|cause| Error::writing(path, &cause))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(|cause| wrong(&cause))?;
    writer.write(&batch).and_then(|()| writer.close()).map_err(|cause| wrong(&cause))?;
    Ok(())
}
