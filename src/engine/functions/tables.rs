//! Table functions whose rows are made by whoever registers them, once a query asks for them.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;

use super::call_exec::CallExec;
use crate::engine::partial_exec::external;
use crate::error::{Error, Result};

/// Opens what a call names; called each time a query is planned.
pub type Open = Arc<dyn Fn() -> BoxFuture<'static, Result<Opened>> + Send + Sync>;

/// Makes rows; called each time a query runs.
pub type Make = Arc<dyn Fn() -> BoxFuture<'static, Result<RecordBatch>> + Send + Sync>;

/// What a call stands for: columns at once, the rest when it is asked for.
#[derive(Clone)]
pub struct Rows {
    /// The columns.
    pub schema: SchemaRef,
    /// What is there once a query is planned.
    pub open: Open,
}

/// A call in a plan.
#[derive(Clone)]
pub struct Opened {
    /// How rows will be made, in a few words for `EXPLAIN`.
    pub how: String,
    /// The rows, which have the columns of the call.
    pub make: Make,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("how", &self.how).finish_non_exhaustive()
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
            other => Err(external(
                Error::usage(format!("{name}: the argument {other} is not a text"))
                    .hint(format!("give texts in single quotes, as in {name}('data/')")),
            )),
        };
        let arguments = args.exprs().iter().map(text).collect::<DfResult<Vec<_>>>()?;
        Ok(Arc::new(CallTable { name, rows: self.0.call(&arguments).map_err(external)? }))
    }
}

/// A call as a table.
#[derive(Debug)]
struct CallTable {
    name: &'static str,
    rows: Rows,
}

#[async_trait]
impl TableProvider for CallTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rows.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let opened = (self.rows.open)().await.map_err(external)?;
        Ok(Arc::new(CallExec::new(self.name, opened, &self.rows.schema, projection.cloned())?))
    }
}
