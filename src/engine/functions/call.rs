//! What a table function is: a name, columns, and rows that are made when a query asks for them.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::future::BoxFuture;

use crate::error::Result;

/// Opens what a call names, once for each query that is planned.
pub(crate) type OpenCall = Arc<dyn Fn() -> BoxFuture<'static, Result<OpenedCall>> + Send + Sync>;

/// Makes the rows of a call, once for each query that runs.
pub(crate) type MakeRows = Arc<dyn Fn() -> BoxFuture<'static, Result<RecordBatch>> + Send + Sync>;

/// A function in place of a table: `FROM name('text', 'text')`.
pub(crate) trait TableCall: fmt::Debug + Send + Sync + 'static {
    /// Its name in SQL.
    fn name(&self) -> &'static str;

    /// Checks the arguments of a call and gives its columns; reads no rows.
    ///
    /// # Errors
    /// [`crate::error::Error::Usage`] for invalid arguments.
    fn call(&self, arguments: &[String]) -> Result<CallTable>;
}

/// The table that a call stands for.
#[derive(Clone)]
pub(crate) struct CallTable {
    /// The columns of its rows.
    pub schema: SchemaRef,
    /// Called while a query is planned.
    pub open: OpenCall,
}

/// A call within the plan of one query.
#[derive(Clone)]
pub(crate) struct OpenedCall {
    /// How the rows will be made, in a few words for `EXPLAIN`.
    pub how: String,
    /// Makes rows with the columns of the call.
    pub make: MakeRows,
}

impl fmt::Debug for CallTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedCall").field("how", &self.how).finish_non_exhaustive()
    }
}
