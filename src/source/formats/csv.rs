//! CSV and TSV files: a line of names, then rows. Their types are those that hold all values of all files.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, NullArray, RecordBatch, RecordBatchOptions,
    StringBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::csv_cells::{CellKinds, comma_fraction, fraction, truth, unbounded, unsigned, whole};
use super::reader::{BATCH_BYTES, BATCH_ROWS, FormatReader, LinedBatch, ROW_BYTES_MAX, Rows, SourceFile};
use crate::error::{Error, Result, plural};

/// Reads files whose fields are separated by one character.
#[derive(Debug)]
pub(super) struct CsvFiles {
    separator: u8,
    /// By the name of the column.
    kinds: HashMap<String, CellKinds>,
}

/// Counts quotes and lines on their way: a quote that is not closed takes all lines after it along.
struct InputCounter<R> {
    inner: R,
    quotes: u64,
    /// Bytes since a row was complete.
    row: u64,
    /// The last byte, until the first line ends.
    last: u8,
    /// Whether the first line ends with CR and LF.
    is_crlf: Option<bool>,
    lines: u64,
    /// Bytes of the line so far, without CR.
    in_line: usize,
    /// The first line without any, from 1.
    empty_line: Option<u64>,
}

impl<R> InputCounter<R> {
    fn new(inner: R) -> Self {
        Self { inner, quotes: 0, row: 0, last: 0, is_crlf: None, lines: 0, in_line: 0, empty_line: None }
    }

    /// Counts lines and quotes of what was read.
    fn count(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.quotes += piece.iter().map(|byte| u64::from(*byte == b'"')).sum::<u64>();
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            self.in_line += text.strip_suffix(b"\r").unwrap_or(text).len();
            if ends {
                self.lines += 1;
                if self.in_line == 0 && self.quotes.is_multiple_of(2) {
                    self.empty_line.get_or_insert(self.lines);
                }
                self.in_line = 0;
            }
        }
    }
}

impl<R: Read> Read for InputCounter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.row > ROW_BYTES_MAX {
            return Err(std::io::Error::other("a row of more than 256 MB; a quote may not be closed"));
        }
        let n = self.inner.read(buffer)?;
        self.row += n as u64;
        self.count(&buffer[..n]);
        if self.is_crlf.is_none()
            && let Some(end) = buffer[..n].iter().position(|byte| *byte == b'\n')
        {
            self.is_crlf = Some(end.checked_sub(1).map_or(self.last, |before| buffer[before]) == b'\r');
        }
        self.last = buffer[..n].last().copied().unwrap_or(self.last);
        Ok(n)
    }
}

/// The rows of a file.
struct Records<'f> {
    file: &'f SourceFile<'f>,
    reader: Reader<InputCounter<Box<dyn Read>>>,
    names: Vec<String>,
    record: StringRecord,
    /// The line that the record begins on, from 1.
    line: u64,
    separator: u8,
}

impl Records<'_> {
    /// Reads the next record; false after the last.
    fn next(&mut self) -> Result<bool> {
        let before = self.reader.position().line();
        let read = self.reader.read_record(&mut self.record);
        let (after, inside) = (self.reader.position().line(), line_breaks(&self.record));
        // A line ends at its CR, before its LF is counted, and the last line may end at nothing.
        let is_counted = self.reader.get_ref().is_crlf == Some(false) && after > before + inside;
        self.line = after.saturating_sub(inside + u64::from(is_counted)).max(1);
        if !read.map_err(|cause| wrong(self.file, self.line, &cause))? {
            return Ok(false);
        }
        self.reader.get_mut().row = 0;
        let (expected, found) = (self.names.len(), self.record.len());
        if expected == found { Ok(true) } else { Err(self.mismatch()) }
    }

    /// The error for a record with another number of fields than the first line, with what may be the cause.
    fn mismatch(&mut self) -> Error {
        let (expected, found) = (self.names.len() as u64, self.record.len());
        let are = if expected == 1 { "is" } else { "are" };
        let what =
            format!("{} {are} expected, as in the first line; found {found}", plural(expected, "field"));
        let is_comment = |cell: Option<&str>| cell.is_some_and(|cell| cell.starts_with('#'));
        let first = self.names.first().map(String::as_str);
        if is_comment(first) && (expected == 1 || is_comment(self.record.get(0))) {
            let what =
                format!("names of columns are expected; found a comment: {:?}", first.unwrap_or_default());
            return self.file.at_line(1, &what).hint(self.without_comments());
        }
        let mut cells = self.record.iter();
        let unquoted = cells.position(|cell| cell.starts_with(' ') && cell.trim_start().starts_with('"'));
        if let Some(place) = unquoted {
            let why =
                format!("a blank stands before the quote of field {}, which then quotes nothing", place + 1);
            let by = char::from(self.separator);
            return self.file.at_line(self.line, &format!("{what}; {why}")).hint(format!(
                "write quotes right after the separator: sed 's/{by} *\"/{by}\"/g' FILE > NEW writes such a file"
            ));
        }
        self.file
            .at_line(self.line, &what)
            .hint("mend the line; put fields that hold separators or line breaks in double quotes")
    }

    /// The way out where the file begins with comments: the last of them may name the columns.
    fn without_comments(&mut self) -> String {
        let (mut last, mut fields) = (1, self.names.len());
        let mut is_read = true;
        while is_read && self.record.get(0).is_some_and(|cell| cell.starts_with('#')) {
            (last, fields) = (last + 1, self.record.len());
            is_read = self.reader.read_record(&mut self.record).unwrap_or(false);
        }
        let script = match last {
            2.. if fields > 1 => format!("1,{}d; {last}s/^# *//", last - 1),
            _ => format!("1,{last}d"),
        };
        format!("let the first line name the columns: sed '{script}' FILE > NEW writes such a file")
    }
}

/// Line breaks inside the cells of a record.
fn line_breaks(record: &StringRecord) -> u64 {
    record.as_slice().bytes().map(|byte| u64::from(byte == b'\n')).sum()
}

impl CsvFiles {
    pub(super) fn new(separator: u8) -> Self {
        Self { separator, kinds: HashMap::new() }
    }

    /// The rows of a file.
    fn records<'f>(&self, file: &'f SourceFile<'f>) -> Result<Records<'f>> {
        let (first, input) = with_first_line(file)?;
        let separator = self.separator_of(&first);
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .from_reader(InputCounter::new(Box::new(input) as Box<dyn Read>));
        let names = reader.headers().map_err(|cause| wrong(file, 1, &cause))?.clone();
        let names: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(i, name)| if i == 0 { name.trim_start_matches('\u{feff}') } else { name }.to_owned())
            .collect();
        check_names(file, &names, separator)?;
        Ok(Records { file, reader, names, record: StringRecord::new(), line: 1, separator })
    }

    /// What stands between the fields: in a CSV file whose first line has more semicolons or tabs than commas, these.
    fn separator_of(&self, first: &[u8]) -> u8 {
        const KNOWN: [u8; 3] = [b',', b';', b'\t'];
        let (mut is_quoted, mut counts) = (false, [0_usize; 3]);
        for byte in first {
            is_quoted ^= *byte == b'"';
            if let Some(place) = KNOWN.iter().position(|known| known == byte).filter(|_| !is_quoted) {
                counts[place] += 1;
            }
        }
        let [commas, semicolons, tabs] = counts;
        match self.separator {
            b',' if semicolons > commas.max(tabs) => b';',
            b',' if tabs > commas.max(semicolons) => b'\t',
            own => own,
        }
    }
}

/// The first line of a file, or what there is of it in the first bytes, and all bytes.
fn with_first_line(file: &SourceFile<'_>) -> Result<(Vec<u8>, impl Read + use<>)> {
    /// Bytes in which the first line ends.
    const FIRST: usize = 1 << 20;
    let mut rest = file.bytes()?;
    let mut first = Vec::new();
    let mut buffer = [0; 4096];
    while !first.contains(&b'\n') && first.len() < FIRST {
        match rest.read(&mut buffer).map_err(|cause| file.failed(&cause))? {
            0 => break,
            n => first.extend_from_slice(&buffer[..n]),
        }
    }
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
    Ok((line, Cursor::new(first).chain(rest)))
}

fn check_names(file: &SourceFile<'_>, names: &[String], separator: u8) -> Result<()> {
    let first = |what: String| file.at_line(1, &what);
    if names.is_empty() {
        return Err(Error::input("the file is empty")
            .at(file.name)
            .hint("write a line with the names of the columns"));
    }
    if let [only] = names {
        let other = [(';', "semicolons"), ('\t', "tabs"), (',', "commas"), ('|', "bars")];
        if let Some((_, what)) = other.iter().find(|(c, _)| *c != char::from(separator) && only.contains(*c))
        {
            let (right, kind) = if separator == b',' { ("commas", "CSV") } else { ("tabs", "TSV") };
            return Err(first(format!("{kind} needs {right} between its fields; found {what}: {only:?}"))
                .hint(format!("write the file with {right}, or as Parquet")));
        }
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    // 0, 1, 2 … are the names that pandas gives to the columns of a matrix.
    let is_numbered = |names: &[String]| names.iter().enumerate().all(|(i, name)| *name == i.to_string());
    let is_matrix = is_numbered(names) || (names[0].is_empty() && is_numbered(&names[1..]));
    let is_number = |name: &String| whole(name.trim()).is_some() || fraction(name.trim()).is_some();
    let is_data =
        !is_matrix && names.iter().any(is_number) && names.iter().all(|n| n.is_empty() || is_number(n));
    // A number that is there twice names nothing.
    let is_data = is_data || twice.is_some_and(is_number);
    match twice {
        Some(name) if !is_data => Err(first(format!("column {name:?} is there twice"))
            .hint("the first line names the columns: rename one of the two")),
        _ if is_data => Err(first(format!("names of columns are expected; found {}", names.join(", ")))
            .hint("write the names of the columns into the first line")),
        _ => Ok(()),
    }
}

/// The error for an empty line in a file of one column: some writers mean a row without a value, and others nothing.
fn empty_line(file: &SourceFile<'_>, line: u64) -> Error {
    file.at_line(line, &"an empty line in a file of one column is a row without a value, or nothing").hint(
        "write such rows as \"\": sed '2,$s/^\\(\\r*\\)$/\"\"\\1/' FILE > NEW; or take empty lines away: sed '/^\\r*$/d' FILE > NEW",
    )
}

/// The error for a row that cannot be read.
fn wrong(file: &SourceFile<'_>, line: u64, cause: &csv::Error) -> Error {
    match cause.kind() {
        ErrorKind::Io(cause) => file.failed(cause),
        ErrorKind::Utf8 { .. } => {
            file.at_line(line, &"not UTF-8 text").hint("save the file as UTF-8, such as with iconv -t utf-8")
        }
        _ => file.at_line(line, cause),
    }
}

impl FormatReader for CsvFiles {
    fn look(&mut self, file: &SourceFile<'_>) -> Result<()> {
        let mut records = self.records(file)?;
        let mut seen: Vec<CellKinds> =
            records.names.iter().map(|name| self.kinds.get(name).copied().unwrap_or_default()).collect();
        let mut last = (0, false);
        while records.next()? {
            for (kinds, cell) in seen.iter_mut().zip(&records.record) {
                kinds.see(cell, records.separator);
            }
            last = (records.line, records.record.iter().next_back().is_some_and(|cell| cell.contains('\n')));
        }
        if last.1 && records.reader.get_ref().quotes % 2 == 1 {
            return Err(file
                .at_line(last.0, &"a quoted field does not end before the end of the file")
                .hint("close the quote, or write the file again"));
        }
        if let (1, Some(line)) = (records.names.len(), records.reader.get_ref().empty_line) {
            return Err(empty_line(file, line));
        }
        self.kinds.extend(records.names.into_iter().zip(seen));
        Ok(())
    }

    fn open<'f>(&'f self, file: &'f SourceFile<'f>) -> Result<Rows<'f>> {
        let mut records = self.records(file)?;
        let data_type = |name| self.kinds.get(name).map_or(DataType::Null, |kinds| kinds.data_type());
        let types: Vec<DataType> = records.names.iter().map(data_type).collect();
        let fields = records.names.iter().zip(&types);
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type.clone(), true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let given = Arc::clone(&schema);
        let next = move || {
            let mut columns: Vec<ColumnOfCells> = types.iter().map(ColumnOfCells::new).collect();
            let (mut lines, mut bytes) = (Vec::new(), 0);
            while lines.len() < BATCH_ROWS && bytes < BATCH_BYTES && records.next()? {
                for (column, cell) in columns.iter_mut().zip(&records.record) {
                    if !column.push(cell) {
                        let line = records.line;
                        return Err(Error::changed(format!("line {line} was rewritten"))
                            .at(file.name)
                            .hint("run again once nothing writes to the files"));
                    }
                }
                lines.push(records.line);
                bytes += records.record.as_slice().len();
            }
            if lines.is_empty() {
                return Ok(None);
            }
            let arrays = columns.into_iter().map(|column| column.finish(lines.len())).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
            RecordBatch::try_new_with_options(Arc::clone(&given), arrays, &options)
                .map(|batch| Some(LinedBatch { batch, lines }))
                .map_err(|cause| Error::internal(cause.to_string()))
        };
        Ok(Rows { schema, next: Box::new(next) })
    }
}

/// A column as it is filled.
enum ColumnOfCells {
    Empty,
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
}

impl ColumnOfCells {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Empty,
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int64 => Self::Integer(Int64Builder::new()),
            DataType::UInt64 => Self::Unsigned(UInt64Builder::new()),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Whether the cell fits the type.
    fn push(&mut self, cell: &str) -> bool {
        let (is_empty, trimmed) = (cell.is_empty(), cell.trim());
        let known = match self {
            Self::Empty => None,
            Self::Boolean(values) => {
                let value = truth(trimmed);
                values.append_option(value);
                value.map(|_| ())
            }
            Self::Integer(values) => {
                let value = whole(trimmed);
                values.append_option(value);
                value.map(|_| ())
            }
            Self::Unsigned(values) => {
                let value = unsigned(trimmed);
                values.append_option(value);
                value.map(|_| ())
            }
            Self::Float(values) => {
                let value = fraction(trimmed).or_else(|| whole(trimmed).map(|n| n as f64));
                let value = value.or_else(|| unbounded(trimmed)).or_else(|| comma_fraction(trimmed));
                values.append_option(value);
                value.map(|_| ())
            }
            Self::Text(values) => {
                values.append_option((!is_empty).then_some(cell));
                Some(())
            }
        };
        known.is_some() || is_empty
    }

    fn finish(self, rows: usize) -> ArrayRef {
        match self {
            Self::Empty => Arc::new(NullArray::new(rows)),
            Self::Boolean(mut values) => Arc::new(values.finish()),
            Self::Integer(mut values) => Arc::new(values.finish()),
            Self::Unsigned(mut values) => Arc::new(values.finish()),
            Self::Float(mut values) => Arc::new(values.finish()),
            Self::Text(mut values) => Arc::new(values.finish()),
        }
    }
}
