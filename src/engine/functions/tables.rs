//! Table functions of a session, from whatever implements [`TableCall`].

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use super::call::{CallTable, TableCall};
use super::call_exec::CallExec;
use super::signed_counts::signed;
use crate::engine::errors::external;
use crate::error::{Error, Result};
use crate::sql_text::literal;

/// Refuses the arguments of a call that may not be read.
pub(in crate::engine) trait CallGuard: std::fmt::Debug + Send + Sync + 'static {
    /// # Errors
    /// Why the shards are not read.
    fn check_call(&self, arguments: &[String]) -> Result<()>;
}

/// Makes `call` a table function of `context`, whose arguments `guard` checks.
pub(in crate::engine) fn register(
    context: &SessionContext,
    call: Arc<dyn TableCall>,
    guard: Arc<dyn CallGuard>,
) {
    let name = call.name();
    context.register_udtf(name, Arc::new(CallFunction { call, guard }));
}

#[derive(Debug)]
struct CallFunction {
    call: Arc<dyn TableCall>,
    guard: Arc<dyn CallGuard>,
}

impl TableFunctionImpl for CallFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let name = self.call.name();
        let arguments = texts_of(name, &args).map_err(external)?;
        self.guard.check_call(&arguments).map_err(external)?;
        let table = self.call.call(&arguments).map_err(external)?;
        signed(Arc::new(CallProvider { name, table }), written(name, &arguments)).map_err(external)
    }
}

/// A call as it is written.
pub(in crate::engine) fn written(function: &str, arguments: &[String]) -> String {
    let quoted = arguments.iter().map(|argument| literal(argument));
    format!("{function}({})", quoted.collect::<Vec<_>>().join(", "))
}

/// The arguments of a call, which are texts.
pub(in crate::engine) fn texts_of(function: &str, args: &TableFunctionArgs) -> Result<Vec<String>> {
    args.exprs().iter().map(|expression| text_of(function, expression)).collect()
}

/// The text of an argument.
fn text_of(function: &str, argument: &Expr) -> Result<String> {
    match argument {
        Expr::Literal(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)),
            _,
        ) => Ok(text.clone()),
        other => Err(Error::usage(format!("{function}: the argument {other} is not a text"))
            .hint(format!("give texts in single quotes, as in {function}('data/')"))),
    }
}

#[derive(Debug)]
struct CallProvider {
    name: &'static str,
    table: CallTable,
}

#[async_trait]
impl TableProvider for CallProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.schema)
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
        let opened = (self.table.open)().await.map_err(external)?;
        Ok(Arc::new(CallExec::new(self.name, opened, &self.table.schema, projection.cloned())?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::lit;

    use super::*;

    #[test]
    fn arguments_are_texts() {
        assert_eq!(text_of("f", &lit("data/")).unwrap(), "data/");
        let error = text_of("f", &lit(1)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.remedy().unwrap().contains("f('data/')"), "{error}");
    }
}
