//! Where rows go: stdout, or a file that is written completely or not at all.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use super::cells::rows;
use super::format::{Format, TABLE_ROWS, Text};
use crate::artifact::side;
use crate::cli::output::say;
use crate::engine::sql::{Answer, refuse_twice};
use crate::error::{Error, Result};
use crate::report::visible;
use crate::source::readable::{as_storable, storable};

/// Whether the reader of stdout is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StdoutReader {
    There,
    Gone,
}

/// Takes the rows of statements, one statement after the other.
pub(super) struct RowOutput {
    format: Format,
    /// Whether a plan is text rather than rows: where no format with cells was asked for.
    plans_are_text: bool,
    /// Rows of a query were written before.
    has_table: bool,
    place: OutputPlace,
}

enum OutputPlace {
    Stdout,
    File { path: PathBuf, part: BufWriter<NamedTempFile>, overwrite: bool, results: usize },
}

impl RowOutput {
    /// A destination; the file `out` appears with [`Self::finish`].
    pub(super) fn new(out: Option<&Path>, overwrite: bool, format: Format) -> Result<Self> {
        let plans_are_text = matches!(format, Format::Automatic | Format::Table);
        let Some(path) = out else {
            let format = match format {
                Format::Automatic if std::io::stdout().is_terminal() => Format::Table,
                Format::Automatic => Format::Csv,
                Format::Parquet => {
                    return Err(Error::usage("--format parquet needs a file to write")
                        .hint("name one with --out FILE"));
                }
                other => other,
            };
            return Ok(Self { format, plans_are_text, place: OutputPlace::Stdout, has_table: false });
        };
        if path.exists() && !overwrite {
            return Err(taken(path));
        }
        // A link leads to what is replaced; a device or a pipe takes the rows and stays.
        let path = &if overwrite { side::target(path) } else { path.to_owned() };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = if side::is_stream(path) { std::env::temp_dir() } else { folder.to_owned() };
        if !folder.is_dir() {
            return Err(Error::output(format!(
                "{}: there is no folder {}",
                path.display(),
                folder.display()
            ))
            .hint(format!("make it with mkdir -p {}, or choose another --out", folder.display())));
        }
        let format = match format {
            Format::Automatic if side::is_stream(path) => Format::Csv,
            Format::Automatic => by_ending(path)?,
            other => other,
        };
        // The name of the part says nothing to who asked for the file.
        let part = builder().tempfile_in(folder);
        let part = part.map_err(|cause| Error::writing(path, &cause.kind().into()))?;
        let place =
            OutputPlace::File { path: path.to_owned(), part: BufWriter::new(part), overwrite, results: 0 };
        Ok(Self { format, plans_are_text: format == Format::Table, place, has_table: false })
    }

    /// Refuses several statements with rows for a format whose file or stream holds one document.
    pub(super) fn check(&self, statements: usize) -> Result<()> {
        match self.format {
            Format::Json if statements > 1 => Err(Error::usage(format!(
                "--format json is one document with the rows of one query, but there are {statements}"
            ))
            .hint("use --format ndjson, which takes several, or run the queries one by one")),
            _ if statements == 0 && matches!(self.place, OutputPlace::File { .. }) => {
                Err(Error::usage("--out has no rows to write: no statement is a query")
                    .hint("add a query, such as SELECT * FROM NAME, or leave out --out"))
            }
            _ => Ok(()),
        }
    }

    /// Writes all rows of a statement; a statement without columns has none.
    pub(super) async fn write(&mut self, answer: Answer) -> Result<StdoutReader> {
        if answer.schema().fields().is_empty() {
            return Ok(StdoutReader::There);
        }
        // People see which is which, programs do not.
        if !matches!(self.format, Format::Automatic | Format::Table | Format::Markdown) {
            refuse_twice(&answer.schema())?;
        }
        if answer.is_plan() && self.plans_are_text {
            self.write_plan(answer).await
        } else if self.format == Format::Parquet {
            self.write_parquet(answer).await
        } else {
            self.write_text(answer).await
        }
    }

    async fn write_text(&mut self, mut answer: Answer) -> Result<StdoutReader> {
        let is_next = std::mem::replace(&mut self.has_table, true);
        // Without an empty line, the next table is more rows of this one.
        if is_next && self.format == Format::Markdown && self.put(b"\n")? == StdoutReader::Gone {
            return Ok(StdoutReader::Gone);
        }
        let mut text = Text::new(self.format, answer.schema());
        while let Some(batch) = answer.next().await {
            let bytes = text.add(&batch?)?;
            if self.put(&bytes)? == StdoutReader::Gone {
                return Ok(StdoutReader::Gone);
            }
            if text.is_full() {
                say(&format!("only the first {TABLE_ROWS} rows are shown; --format csv has no limit"));
                break;
            }
        }
        let end = text.end()?;
        self.put(&end)
    }

    /// Writes a plan as text: what kind it is, then its lines.
    async fn write_plan(&mut self, mut answer: Answer) -> Result<StdoutReader> {
        let mut text = String::new();
        while let Some(batch) = answer.next().await {
            for row in rows(&batch?, "")? {
                let (kind, plan) = (row.first().map_or("", |kind| kind), row.get(1).map_or("", |plan| plan));
                text.push_str(&format!("{}\n", kind.replace('_', " ")));
                plan.lines().for_each(|line| text.push_str(&format!("  {}\n", visible(line))));
            }
        }
        self.put(text.as_bytes())
    }

    async fn write_parquet(&mut self, mut answer: Answer) -> Result<StdoutReader> {
        let OutputPlace::File { path, part, results, .. } = &mut self.place else {
            return Err(Error::internal("Parquet without a file"));
        };
        *results += 1;
        if *results > 1 {
            return Err(Error::usage("a Parquet file holds the rows of one query, but several are given")
                .hint("run the queries one by one, or use --format csv"));
        }
        let wrong =
            |cause: parquet::errors::ParquetError| Error::output(format!("{}: {cause}", path.display()));
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let schema = Arc::new(storable(&answer.schema()));
        let mut writer = ArrowWriter::try_new(part, schema, Some(properties)).map_err(wrong)?;
        while let Some(batch) = answer.next().await {
            let rows = as_storable(batch?).map_err(|cause| wrong(cause.into()))?;
            writer.write(&rows).map_err(wrong)?;
        }
        writer.close().map_err(wrong)?;
        Ok(StdoutReader::There)
    }

    /// A closed stdout is success.
    fn put(&mut self, bytes: &[u8]) -> Result<StdoutReader> {
        match &mut self.place {
            OutputPlace::File { path, part, .. } => {
                part.write_all(bytes).map_err(|cause| Error::writing(path, &cause))?;
            }
            OutputPlace::Stdout => {
                let mut out = std::io::stdout().lock();
                match out.write_all(bytes).and_then(|()| out.flush()) {
                    Err(cause) if cause.kind() == ErrorKind::BrokenPipe => return Ok(StdoutReader::Gone),
                    Err(cause) => return Err(Error::output(format!("stdout: {cause}"))),
                    Ok(()) => {}
                }
            }
        }
        Ok(StdoutReader::There)
    }

    /// Moves the finished file to its place.
    pub(super) fn finish(self) -> Result<()> {
        let OutputPlace::File { path, part, overwrite, .. } = self.place else { return Ok(()) };
        let wrong = |cause: &std::io::Error| Error::writing(&path, cause);
        let part = part.into_inner().map_err(|cause| wrong(cause.error()))?;
        part.as_file().sync_all().map_err(|cause| wrong(&cause))?;
        if overwrite && side::is_stream(&path) {
            let copied = side::open_stream(&path)
                .and_then(|mut stream| std::io::copy(&mut part.reopen()?, &mut stream));
            return copied.map(|_| ()).map_err(|cause| wrong(&cause));
        }
        let placed: std::result::Result<File, tempfile::PersistError> =
            if overwrite { part.persist(&path) } else { part.persist_noclobber(&path) };
        match placed {
            Ok(_) => Ok(()),
            Err(cause) if cause.error.kind() == ErrorKind::AlreadyExists => Err(taken(&path)),
            Err(cause) => Err(wrong(&cause.error)),
        }
    }
}

fn taken(path: &Path) -> Error {
    Error::output(format!("{}: the file already exists", path.display()))
        .hint("replace it with --overwrite, or choose another --out")
}

/// Files with the permissions of the umask.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".posweight-sql-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// The format that the ending of a name says; CSV without an ending.
fn by_ending(path: &Path) -> Result<Format> {
    let Some(end) = path.extension() else { return Ok(Format::Csv) };
    match end.to_string_lossy().to_lowercase().as_str() {
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        "tsv" => Ok(Format::Tsv),
        "json" => Ok(Format::Json),
        "ndjson" | "jsonl" => Ok(Format::Ndjson),
        "md" => Ok(Format::Markdown),
        "txt" => Ok(Format::Table),
        other => Err(Error::usage(format!("--out {}: no format has the ending .{other}", path.display()))
            .hint("name the format, as in --format csv, or use .csv, .tsv, .json, .ndjson, .parquet, .md or .txt")),
    }
}
