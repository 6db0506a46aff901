//! Table functions whose rows are made by whoever registers them, once a query asks for them.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;

use crate::error::{Error, Result};

/// Makes rows; called each time a query runs.
pub type Make = Arc<dyn Fn() -> BoxFuture<'static, Result<RecordBatch>> + Send + Sync>;

/// What a call stands for: columns at once, rows when they are read.
#[derive(Clone)]
pub struct Rows {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, which have these columns.
    pub make: Make,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// A function in place of a table: `FROM name('text', 'text')`.
pub trait TableCall: fmt::Debug + Send + Sync + 'static {
    /// Its name in SQL.
    fn name(&self) -> &'static str;

    /// What a call with these arguments stands for; no rows are read yet.
    ///
    /// # Errors
    /// [`Error::Usage`] for arguments that do not fit.
    fn call(&self, arguments: &[String]) -> Result<Rows>;
}

/// Makes `call` a table function of `context`.
pub fn register(context: &SessionContext, call: Arc<dyn TableCall>) {
    let name = call.name();
    context.register_udtf(name, Arc::new(Function(call)));
}

fn theirs(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[derive(Debug)]
struct Function(Arc<dyn TableCall>);

impl TableFunctionImpl for Function {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let name = self.0.name();
        let text = |expression: &Expr| match expression {
            Expr::Literal(
                ScalarValue::Utf8(Some(text))
                | ScalarValue::LargeUtf8(Some(text))
                | ScalarValue::Utf8View(Some(text)),
                _,
            ) => Ok(text.clone()),
            other => Err(theirs(
                Error::usage(format!("{name}: the argument {other} is not a text"))
                    .hint(format!("give texts in single quotes, as in {name}('data/')")),
            )),
        };
        let arguments = args.exprs().iter().map(text).collect::<DfResult<Vec<_>>>()?;
        let rows = self.0.call(&arguments).map_err(theirs)?;
        let schema = Arc::clone(&rows.schema);
        Ok(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(Part(rows))])?))
    }
}

#[derive(Debug)]
struct Part(Rows);

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let made = (self.0.make)();
        let batch = futures::stream::once(async move { made.await.map_err(theirs) });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.0.schema), batch))
    }
}
