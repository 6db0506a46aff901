//! Operators that a statement gets wrong types or another meaning for, while it is planned.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::engine::errors::external;
use crate::engine::rules::compared::{as_exact, exact_type};
use crate::engine::rules::interval_scales::scaled;
use crate::engine::rules::whole_quotients::is_whole;
use crate::error::Error;

/// Plans operators whose sides have no common type for DataFusion, and those that other engines read otherwise.
#[derive(Debug)]
pub(in crate::engine) struct ExactOperators;

impl ExprPlanner for ExactOperators {
    fn plan_binary_op(
        &self,
        operation: RawBinaryExpr,
        schema: &DFSchema,
    ) -> DfResult<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = operation;
        if op == BinaryOperator::BitwiseXor {
            return Err(external(xor()));
        }
        let original = |op, left, right| Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
        let (Ok(of_left), Ok(of_right)) = (left.get_type(schema), right.get_type(schema)) else {
            return original(op, left, right);
        };
        let known = match op {
            BinaryOperator::Multiply => Some(Operator::Multiply),
            BinaryOperator::Divide => Some(Operator::Divide),
            _ => None,
        };
        if let Some(scaled) = known.and_then(|op| scaled(op, &left, &of_left, &right, &of_right)) {
            return Ok(PlannerResult::Planned(scaled));
        }
        match (&op, &of_left, &of_right) {
            (BinaryOperator::DuckIntegerDivide, ..)
                if is_whole(&left, schema) && is_whole(&right, schema) =>
            {
                let (left, right) = (Box::new(left), Box::new(right));
                let quotient = Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right });
                Ok(PlannerResult::Planned(quotient))
            }
            (BinaryOperator::DuckIntegerDivide, ..) => Err(external(
                Error::usage("// divides whole numbers, and one of the two is none")
                    .hint("write floor(a / b), or trunc(a / b) to cut towards zero"),
            )),
            // Instants of two zones.
            (
                BinaryOperator::Minus,
                DataType::Timestamp(_, Some(zone)),
                DataType::Timestamp(unit, Some(other)),
            ) if zone != other => {
                let right = cast(right, DataType::Timestamp(*unit, Some(zone.clone())));
                original(op, left, right)
            }
            (op_, l, r) if compares(op_) => match exact_type(&[l.clone(), r.clone()]) {
                Some(to @ DataType::Time64(TimeUnit::Nanosecond)) => {
                    let [left, right] = [left, right].map(|side| as_exact(side, &to, schema).data);
                    original(op, left, right)
                }
                _ => original(op, left, right),
            },
            _ => original(op, left, right),
        }
    }
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn xor() -> Error {
    Error::usage("^ is a power in some engines, and an exclusive or in others")
        .hint("write power(a, b), or (a | b) - (a & b) for the exclusive or of whole numbers")
}
