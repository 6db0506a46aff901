//! `--where` as an expression: keys of folders are numbers, booleans or dates where all their values are.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, cast};
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext};

use crate::engine::dataset::Dataset;

/// A condition over the columns of `rows`, in which keys of folders are text.
pub(crate) fn parsed(rows: &DataFrame, dataset: &Dataset, condition: &str) -> DfResult<Expr> {
    let as_text = rows.parse_sql_expr(condition)?;
    let typed = as_text.clone().transform(|expression| {
        let of = match &expression {
            Expr::Column(column) if dataset.hive.contains(&column.name) => dataset.folder_type(&column.name),
            _ => None,
        };
        Ok(match of {
            Some(of) => Transformed::yes(cast(expression, of.data_type())),
            None => Transformed::no(expression),
        })
    })?;
    if !typed.transformed {
        return Ok(as_text);
    }
    // What asks for text, such as LIKE, takes the values as they are written.
    let schema = rows.schema();
    let simplify = SimplifyContext::builder().with_schema(schema.clone().into()).build();
    let fits = ExprSimplifier::new(simplify).coerce(typed.data.clone(), schema).is_ok();
    Ok(if fits { typed.data } else { as_text })
}
