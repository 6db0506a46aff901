//! Casts that say what they are: the planner calls a cast as what it casts, and so takes `x` and `CAST(x AS TEXT)` for one
//! where both are keys of groups, or stand in two calls of one aggregate.

use std::collections::HashSet;
use std::ops::ControlFlow;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    GroupByExpr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Value, ValueWithSpan, VisitMut,
    VisitorMut,
};

use crate::engine::errors::external;
use crate::engine::rules::named_windows::of_ident;
use crate::error::Error;

/// What the function is called, which no query names.
pub(in crate::engine) const TOLD: &str = "__told_cast";

/// Whether a statement stops since two parts of it have one name, as those that differ in casts alone.
pub(in crate::engine) fn has_one_name_twice(cause: &DataFusionError) -> bool {
    let message = cause.to_string();
    message.contains("qualified field name") || message.contains("require unique expression names")
}

/// Puts the function around the casts of queries whose groups have keys that differ in casts alone.
#[derive(Debug)]
pub(in crate::engine) struct ToldKeys;

impl VisitorMut for ToldKeys {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = &*query.body else { return ControlFlow::Continue(()) };
        if have_one_name_twice(select) {
            let _ = query.visit(&mut ToldCasts);
        }
        ControlFlow::Continue(())
    }
}

/// Whether two keys of groups are called alike: expressions, or places or new names of columns.
fn have_one_name_twice(select: &Select) -> bool {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return false };
    let items = &select.projection;
    let mut known = HashSet::new();
    keys.iter().any(|key| {
        let of_place = match key {
            SqlExpr::Value(ValueWithSpan { value: Value::Number(place, _), .. }) => {
                place.parse::<usize>().ok().and_then(|place| items.get(place.checked_sub(1)?))
            }
            SqlExpr::Identifier(name) => items.iter().find(
                |item| matches!(item, SelectItem::ExprWithAlias { alias, .. } if of_ident(alias) == of_ident(name)),
            ),
            _ => None,
        };
        let mut plain = match of_place {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr.clone(),
            _ => key.clone(),
        };
        // Nothing ends the visit early.
        let _ = plain.visit(&mut WithoutCasts);
        !known.insert(plain.to_string())
    })
}

/// Puts the function around casts.
#[derive(Debug)]
pub(in crate::engine) struct ToldCasts;

impl VisitorMut for ToldCasts {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut SqlExpr) -> ControlFlow<()> {
        if let SqlExpr::Cast { kind, data_type, .. } = expression {
            let told = SqlExpr::Value(Value::SingleQuotedString(format!("{kind:?} {data_type}")).into());
            let argument = |of: SqlExpr| FunctionArg::Unnamed(FunctionArgExpr::Expr(of));
            let args = FunctionArgumentList {
                duplicate_treatment: None,
                args: vec![argument(expression.clone()), argument(told)],
                clauses: Vec::new(),
            };
            *expression = SqlExpr::Function(Function {
                name: ObjectName::from(vec![Ident::new(TOLD)]),
                uses_odbc_syntax: false,
                parameters: FunctionArguments::None,
                args: FunctionArguments::List(args),
                filter: None,
                null_treatment: None,
                over: None,
                within_group: Vec::new(),
            });
        }
        ControlFlow::Continue(())
    }
}

/// Takes away what the planner leaves out of names.
pub(in crate::engine) struct WithoutCasts;

impl VisitorMut for WithoutCasts {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut SqlExpr) -> ControlFlow<()> {
        if let SqlExpr::Cast { expr, .. } | SqlExpr::Nested(expr) = expression {
            *expression = (**expr).clone();
        }
        ControlFlow::Continue(())
    }
}

/// Its first argument.
pub(in crate::engine) fn told_cast() -> ScalarUDF {
    ScalarUDF::new_from_impl(ToldCast { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToldCast {
    signature: Signature,
}

impl ScalarUDFImpl for ToldCast {
    fn name(&self) -> &'static str {
        TOLD
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        types.first().cloned().ok_or_else(|| external(Error::internal("a cast of nothing")))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        let first = arguments.arg_fields.first().cloned();
        first.ok_or_else(|| external(Error::internal("a cast of nothing")))
    }

    fn simplify(&self, arguments: Vec<Expr>, _: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        Ok(match <[Expr; 2]>::try_from(arguments) {
            Ok([cast, _]) => ExprSimplifyResult::Simplified(cast),
            Err(arguments) => ExprSimplifyResult::Original(arguments),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let first = arguments.args.into_iter().next();
        first.ok_or_else(|| external(Error::internal("a cast of nothing")))
    }
}
