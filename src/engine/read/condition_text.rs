//! `--where` as an expression: keys of folders are numbers, booleans or dates where all their values are. A column that
//! a shard has twice is refused, and so are random values: rows are read more than once, and have to be the same ones.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, cast};
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext};

use crate::engine::dataset::Dataset;
use crate::engine::errors::external;
use crate::engine::read::condition_values::{check_numbers, check_texts};
use crate::engine::rules::exact_expressions::with_exact_expressions;
use crate::engine::rules::is_distinct::IsDistinct;
use crate::engine::rules::long_numbers::with_long_numbers;
use crate::error::Error;

/// A condition over the columns of `rows`, in which keys of folders are text.
pub(crate) fn parsed(rows: &DataFrame, dataset: &Dataset, condition: &str) -> DfResult<Expr> {
    let as_text = planned(rows, condition)?;
    if as_text.is_volatile() {
        return Err(external(random()));
    }
    as_text.column_refs().into_iter().try_for_each(|column| check_once(dataset, &column.name))?;
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
    let schema = rows.schema();
    check_numbers(&typed.data, schema, condition)?;
    let simplifier =
        ExprSimplifier::new(SimplifyContext::builder().with_schema(schema.clone().into()).build());
    let coerced = |expression: &Expr| {
        simplifier.coerce(with_exact_expressions(expression.clone(), schema)?.data, schema)
    };
    // What asks for text, such as LIKE, takes the values as they are written.
    let (expression, coerced) = match coerced(&typed.data) {
        Ok(coerced) => (typed.data, Some(coerced)),
        Err(_) if typed.transformed => (as_text.clone(), coerced(&as_text).ok()),
        Err(_) => (as_text, None),
    };
    if let Some(coerced) = coerced {
        check_texts(&coerced)?;
    }
    Ok(expression)
}

/// The condition over the columns of `rows`, whose numbers have all their digits.
fn planned(rows: &DataFrame, condition: &str) -> DfResult<Expr> {
    let (state, _) = rows.clone().into_parts();
    let mut parsed = state.sql_to_expr_with_alias(condition, &state.config_options().sql_parser.dialect)?;
    IsDistinct::group(&mut parsed.expr).map_err(external)?;
    with_long_numbers(&mut parsed.expr);
    state.create_logical_expr_from_sql_expr(parsed, rows.schema())
}

fn random() -> Error {
    Error::usage("a function such as random() gives other rows whenever the shards are read").hint(
        "choose rows by a column, such as --where \"id % 2 = 0\"; or split them at random, once, with posweight sample \
         --plan stratified-split:half=0.5,rest=0.5 --materialize, and count the folder sampled/fold=half of its --out",
    )
}

/// Refuses a column that a shard has twice: which of them is meant cannot be known.
fn check_once(dataset: &Dataset, name: &str) -> DfResult<()> {
    let mut last = None;
    for shard in dataset.shards.iter() {
        // Shards of one writer often share one schema.
        if last.replace(&shard.schema).is_some_and(|last| Arc::ptr_eq(last, &shard.schema)) {
            continue;
        }
        if shard.schema.fields().iter().filter(|field| field.name() == name).count() > 1 {
            let twice = Error::input(format!("{}: column {name:?} appears twice", shard.name));
            return Err(external(twice.hint("rename one of the two columns")));
        }
    }
    Ok(())
}
