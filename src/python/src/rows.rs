//! Rows from Python and to Python, by the Arrow C stream interface, or column by column from buffers.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayData;
use arrow::array::{
    ArrayRef, BooleanArray, ListArray, RecordBatch, RecordBatchOptions, RecordBatchReader, StringArray,
    make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_pyarrow::FromPyArrow;
use posweight::error::Error;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyCapsule, PyIterator};

use crate::errors::raise;
use crate::turned::{packed, turned};

/// Rows for Python, by `__arrow_c_stream__`. They are taken once.
#[pyclass(frozen, module = "posweight._native")]
pub(crate) struct NativeRows(Mutex<Option<Box<dyn RecordBatchReader + Send>>>);

impl NativeRows {
    pub(crate) fn new(reader: Box<dyn RecordBatchReader + Send>) -> Self {
        Self(Mutex::new(Some(reader)))
    }
}

#[pymethods]
impl NativeRows {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface lets a producer give its own types.
        drop(requested_schema);
        let reader = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = reader.ok_or_else(|| {
            raise(py, &Error::usage("the rows were taken already").hint("run the query again"))
        })?;
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
    }
}

/// The exception that Python raised while it gave rows, which is raised in place of what the library made of it.
#[derive(Clone, Default)]
pub(crate) struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Keeps the first exception.
    fn keep(&self, exception: PyErr) -> ArrowError {
        let text = exception.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        ArrowError::CDataInterface(text)
    }

    pub(crate) fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What reads the rows of an object: `stream` has `__arrow_c_stream__`, `streams` gives an iterator of such when it is called,
/// `columns` is a pair of the columns and what gives an iterator of their values, `matrix` has the names of columns, the type
/// of all values, and what gives an iterator of a number of rows, whether they lie row by row, and their values; those of columns
/// of booleans are bits.
pub(crate) fn reader(
    kind: &str,
    source: &Bound<'_, PyAny>,
    raised: &Raised,
) -> PyResult<Box<dyn RecordBatchReader + Send>> {
    Ok(match kind {
        "stream" => Box::new(ArrowArrayStreamReader::from_pyarrow_bound(source)?),
        "streams" => Box::new(StreamsReader::new(source, raised.clone())?),
        "matrix" => Box::new(MatrixReader::new(source, raised.clone())?),
        _ => Box::new(ColumnsReader::new(source, raised.clone())?),
    })
}

/// The same for an object that gives its rows as often as it is asked.
pub(crate) fn opening(
    kind: String,
    source: Py<PyAny>,
    raised: Raised,
) -> impl Fn() -> Result<Box<dyn RecordBatchReader + Send>, ArrowError> + Send + Sync + 'static {
    move || {
        let open = |py: Python<'_>| reader(&kind, source.bind(py), &raised);
        Python::attach(open).map_err(|exception| raised.keep(exception))
    }
}

/// The rows of several streams, one after the other.
struct StreamsReader {
    streams: Py<PyIterator>,
    schema: SchemaRef,
    current: Option<ArrowArrayStreamReader>,
    raised: Raised,
}

impl StreamsReader {
    fn new(source: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let mut streams = source.call0()?.try_iter()?;
        let first = match streams.next() {
            Some(first) => ArrowArrayStreamReader::from_pyarrow_bound(&first?)?,
            None => return Err(raise(source.py(), &Error::input("there are no rows"))),
        };
        Ok(Self { streams: streams.unbind(), schema: first.schema(), current: Some(first), raised })
    }
}

/// Whether two tables have the same columns.
fn alike(one: &Schema, other: &Schema) -> bool {
    let columns = |schema: &Schema| {
        schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect::<Vec<_>>()
    };
    columns(one) == columns(other)
}

impl StreamsReader {
    /// The error for a table with other columns than the first.
    fn odd(&self, py: Python<'_>, schema: &Schema) -> PyErr {
        let columns = |schema: &Schema| {
            let shown = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
            shown.collect::<Vec<_>>().join(", ")
        };
        let what =
            format!("a table has the columns {}, the first {}", columns(schema), columns(&self.schema));
        raise(py, &Error::input(what).hint("give tables with the same columns of the same types"))
    }
}

impl Iterator for StreamsReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.current.as_mut().and_then(Iterator::next) {
                return Some(batch);
            }
            let next = Python::attach(|py| -> PyResult<Option<ArrowArrayStreamReader>> {
                let next = self.streams.bind(py).clone().next();
                next.map(|next| ArrowArrayStreamReader::from_pyarrow_bound(&next?)).transpose()
            });
            match next {
                Ok(Some(next)) if !alike(&next.schema(), &self.schema) => {
                    return Some(Err(Python::attach(|py| self.raised.keep(self.odd(py, &next.schema())))));
                }
                Ok(Some(next)) => self.current = Some(next),
                Ok(None) => return None,
                Err(exception) => return Some(Err(self.raised.keep(exception))),
            }
        }
    }
}

impl RecordBatchReader for StreamsReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// What the values of a column are, as numpy calls it.
#[derive(Clone)]
enum Kind {
    Bool,
    Number(DataType, usize),
    /// Lists of 32-bit integers.
    Lists,
    Text,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "b1" => Self::Bool,
            "i1" => Self::Number(DataType::Int8, 1),
            "i2" => Self::Number(DataType::Int16, 2),
            "i4" => Self::Number(DataType::Int32, 4),
            "i8" => Self::Number(DataType::Int64, 8),
            "u1" => Self::Number(DataType::UInt8, 1),
            "u2" => Self::Number(DataType::UInt16, 2),
            "u4" => Self::Number(DataType::UInt32, 4),
            "u8" => Self::Number(DataType::UInt64, 8),
            "f2" => Self::Number(DataType::Float16, 2),
            "f4" => Self::Number(DataType::Float32, 4),
            "f8" => Self::Number(DataType::Float64, 8),
            "lists" => Self::Lists,
            "text" => Self::Text,
            _ => return None,
        })
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Number(data_type, _) => data_type.clone(),
            Self::Lists => DataType::List(item()),
            Self::Text => DataType::Utf8,
        }
    }

    /// Bytes of the values of a column: whole bytes of bits.
    fn bytes(&self, rows: usize) -> usize {
        match self {
            Self::Number(_, width) => rows * width,
            _ => rows.div_ceil(8),
        }
    }

    /// The array of these numbers, or bits.
    fn of_values(&self, rows: usize, values: Buffer) -> Result<ArrayRef, ArrowError> {
        let data = ArrayData::builder(self.data_type()).len(rows).add_buffer(values).align_buffers(true);
        data.build().map(make_array)
    }

    /// The array of what Python gives: bytes; for lists, those of their lengths and of their elements; for texts, a list.
    fn array(&self, given: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
        let bytes = |given: &Bound<'_, PyAny>| Ok::<_, PyErr>(given.cast::<PyBytes>()?.as_bytes().to_owned());
        let wrong = |cause: ArrowError| raise(given.py(), &Error::internal(cause.to_string()));
        Ok(match self {
            Self::Bool => {
                let given = given.cast::<PyBytes>()?.as_bytes();
                let bits = BooleanBuffer::collect_bool(given.len(), |at| given[at] != 0);
                Arc::new(BooleanArray::new(bits, None))
            }
            Self::Number(_, width) => {
                let values = held(given)?;
                self.of_values(values.len() / width, values).map_err(wrong)?
            }
            Self::Lists => {
                let (lengths, elements): (Bound<'_, PyAny>, Bound<'_, PyAny>) = given.extract()?;
                let lengths = ScalarBuffer::<i32>::from(Buffer::from_slice_ref(bytes(&lengths)?));
                let lengths = lengths.iter().map(|length| usize::try_from(*length).unwrap_or(0));
                let elements = Self::Number(DataType::Int32, 4).array(&elements)?;
                let lists = ListArray::try_new(item(), OffsetBuffer::from_lengths(lengths), elements, None);
                Arc::new(lists.map_err(wrong)?)
            }
            Self::Text => Arc::new(StringArray::from(given.extract::<Vec<Option<String>>>()?)),
        })
    }
}

/// The bytes of Python, without a copy.
fn held(bytes: &Bound<'_, PyAny>) -> PyResult<Buffer> {
    Ok(Buffer::from(bytes::Bytes::from_owner(bytes.extract::<PyBackedBytes>()?)))
}

fn item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Int32, false))
}

/// Rows of columns of one type, whose values come in one buffer, some rows at a time.
struct MatrixReader {
    kind: Kind,
    schema: SchemaRef,
    chunks: Py<PyIterator>,
    raised: Raised,
}

impl MatrixReader {
    fn new(source: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let (names, kind, chunks): (Vec<String>, String, Bound<'_, PyAny>) = source.extract()?;
        let unknown = || Error::internal(format!("{kind} is no type of a matrix"));
        let kind = Kind::named(&kind).filter(|kind| matches!(kind, Kind::Bool | Kind::Number(..)));
        let kind = kind.ok_or_else(|| raise(source.py(), &unknown()))?;
        let fields: Vec<Field> =
            names.into_iter().map(|name| Field::new(name, kind.data_type(), false)).collect();
        let chunks = chunks.call0()?.try_iter()?.unbind();
        Ok(Self { kind, schema: Arc::new(Schema::new(fields)), chunks, raised })
    }

    fn batch(&self, chunk: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
        let (rows, are_rows, values): (usize, bool, Bound<'_, PyAny>) = chunk.extract()?;
        let (values, bytes) = (held(&values)?, self.kind.bytes(rows));
        let columns = self.schema.fields().len();
        let values = match &self.kind {
            _ if !are_rows => values,
            Kind::Number(_, width) => turned(&values, columns, *width),
            _ => packed(&values, columns),
        };
        let batch = if values.len() == bytes * columns {
            let column = |at: usize| self.kind.of_values(rows, values.slice_with_length(at * bytes, bytes));
            let arrays = (0..columns).map(column).collect::<Result<Vec<_>, _>>();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch =
                |arrays| RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
            arrays.and_then(batch)
        } else {
            Err(ArrowError::ComputeError(format!("{rows} rows have {} bytes", values.len())))
        };
        batch.map_err(|cause| raise(chunk.py(), &Error::internal(cause.to_string())))
    }
}

impl Iterator for MatrixReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = Python::attach(|py| {
            let next = self.chunks.bind(py).clone().next();
            next.map(|chunk| self.batch(&chunk?))
        });
        next.map(|batch| batch.map_err(|exception| self.raised.keep(exception)))
    }
}

impl RecordBatchReader for MatrixReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Rows whose columns come as buffers, some rows at a time.
struct ColumnsReader {
    kinds: Vec<Kind>,
    schema: SchemaRef,
    chunks: Py<PyIterator>,
    raised: Raised,
}

impl ColumnsReader {
    fn new(source: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let (columns, chunks): (Vec<(String, String)>, Bound<'_, PyAny>) = source.extract()?;
        let mut kinds = Vec::with_capacity(columns.len());
        let mut fields = Vec::with_capacity(columns.len());
        for (name, kind) in columns {
            let known = Kind::named(&kind).ok_or_else(|| {
                raise(
                    source.py(),
                    &Error::input(format!("column {name:?} has the type {kind}, which is not supported")),
                )
            })?;
            fields.push(Field::new(name, known.data_type(), matches!(known, Kind::Text)));
            kinds.push(known);
        }
        let chunks = chunks.call0()?.try_iter()?.unbind();
        Ok(Self { kinds, schema: Arc::new(Schema::new(fields)), chunks, raised })
    }

    fn batch(&self, chunk: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
        let given: Vec<Bound<'_, PyAny>> = chunk.extract()?;
        let arrays = self.kinds.iter().zip(&given).map(|(kind, given)| kind.array(given));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect::<PyResult<_>>()?);
        batch.map_err(|cause| raise(chunk.py(), &Error::internal(cause.to_string())))
    }
}

impl Iterator for ColumnsReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = Python::attach(|py| {
            let next = self.chunks.bind(py).clone().next();
            next.map(|chunk| self.batch(&chunk?))
        });
        next.map(|batch| batch.map_err(|exception| self.raised.keep(exception)))
    }
}

impl RecordBatchReader for ColumnsReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
