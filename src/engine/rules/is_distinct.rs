//! `IS [NOT] DISTINCT FROM` binds closer than `AND` and `OR`: the parser takes all that follows for its right side.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, VisitMut, VisitorMut};

use crate::error::{Error, Result};

/// Groups the parts of expressions as other engines do.
#[derive(Debug, Default)]
pub(in crate::engine) struct IsDistinct {
    /// Whether there are two in a row, which have no order.
    is_chained: bool,
}

impl IsDistinct {
    /// Groups what is in a part of a statement.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(in crate::engine) fn group(part: &mut impl VisitMut) -> Result<()> {
        let mut groups = Self::default();
        // Nothing ends the visit early.
        let _ = part.visit(&mut groups);
        groups.check()
    }

    /// Refuses what can be grouped in two ways.
    ///
    /// # Errors
    /// [`Error::Usage`] that asks for parentheses.
    pub(in crate::engine) fn check(&self) -> Result<()> {
        if !self.is_chained {
            return Ok(());
        }
        Err(Error::usage("after IS DISTINCT FROM comes another IS, and engines differ in which is first")
            .hint(
                "write parentheses, as in (a IS DISTINCT FROM b) IS TRUE, or a IS DISTINCT FROM (b IS TRUE)",
            ))
    }
}

impl VisitorMut for IsDistinct {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) = expression {
            self.is_chained |= is_is(left_end(right, CLOSEST));
        }
        regroup(expression);
        ControlFlow::Continue(())
    }
}

/// How closely `IS DISTINCT FROM` binds.
const CLOSEST: u8 = 3;

/// How closely the operator of an expression binds; none for what has no open right end, and for other operators.
fn closeness(expression: &Expr) -> Option<u8> {
    Some(match expression {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => 0,
        Expr::BinaryOp { op: BinaryOperator::And, .. } => 1,
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => 2,
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => CLOSEST,
        _ => return None,
    })
}

/// Whether it is an `AND` or `OR`, without parentheses, that binds less closely than `own`.
fn is_looser(expression: &Expr, own: u8) -> bool {
    matches!(expression, Expr::BinaryOp { .. }) && closeness(expression).is_some_and(|other| other < own)
}

/// The right end of an expression.
fn right_end(expression: &mut Expr) -> Option<&mut Expr> {
    match expression {
        Expr::BinaryOp { right: end, .. }
        | Expr::UnaryOp { expr: end, .. }
        | Expr::IsDistinctFrom(_, end)
        | Expr::IsNotDistinctFrom(_, end) => Some(end),
        _ => None,
    }
}

/// The left end of what binds less closely than `own`.
fn left_end(expression: &mut Expr, own: u8) -> &mut Expr {
    if !is_looser(expression, own) {
        return expression;
    }
    match expression {
        Expr::BinaryOp { left, .. } => left_end(left, own),
        other => other,
    }
}

/// Makes `a op (b AND c)` without parentheses `(a op b) AND c`, where the operator binds closer.
fn regroup(expression: &mut Expr) {
    let Some(own) = closeness(expression) else { return };
    let Some(end) = right_end(expression).filter(|end| is_looser(end, own)) else { return };
    let mut top = std::mem::replace(end, Expr::value(Value::Null));
    let first = left_end(&mut top, own);
    std::mem::swap(end, first);
    // The place of the left end is free now: the expression goes there.
    std::mem::swap(first, expression);
    *expression = top;
}

/// Whether it is an `IS` without parentheses.
fn is_is(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsNormalized { .. }
    )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn parsed(text: &str) -> Expr {
        Parser::new(&GenericDialect {}).try_with_sql(text).unwrap().parse_expr().unwrap()
    }

    /// With parentheses around all operators that have a place in the order.
    fn shown(expression: &Expr) -> String {
        match expression {
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", shown(left), shown(right)),
            Expr::UnaryOp { op, expr } => format!("({op} {})", shown(expr)),
            Expr::IsDistinctFrom(left, right) => format!("({} <> {})", shown(left), shown(right)),
            Expr::IsNotDistinctFrom(left, right) => format!("({} == {})", shown(left), shown(right)),
            Expr::Nested(inner) => format!("[{}]", shown(inner)),
            other => other.to_string(),
        }
    }

    #[test]
    fn and_or_and_not_bind_less_closely() {
        for (text, expected) in [
            ("a IS DISTINCT FROM b AND c", "((a <> b) AND c)"),
            ("a IS NOT DISTINCT FROM b OR c AND d", "((a == b) OR (c AND d))"),
            ("a IS DISTINCT FROM b AND c OR d", "(((a <> b) AND c) OR d)"),
            ("x AND a IS DISTINCT FROM b OR c", "((x AND (a <> b)) OR c)"),
            ("x OR a IS DISTINCT FROM b AND c OR d", "(x OR (((a <> b) AND c) OR d))"),
            ("x AND a IS DISTINCT FROM b AND c OR d", "((x AND ((a <> b) AND c)) OR d)"),
            ("NOT a IS DISTINCT FROM b AND c", "((NOT (a <> b)) AND c)"),
            ("x AND NOT a IS DISTINCT FROM b OR c", "((x AND (NOT (a <> b))) OR c)"),
            (
                "a IS DISTINCT FROM b AND c IS DISTINCT FROM d OR e IS NOT DISTINCT FROM f",
                "(((a <> b) AND (c <> d)) OR (e == f))",
            ),
            ("a IS DISTINCT FROM (b AND c)", "(a <> [(b AND c)])"),
            ("a IS DISTINCT FROM b = c + 1 AND d", "((a <> (b = (c + 1))) AND d)"),
            ("x AND (y OR z)", "(x AND [(y OR z)])"),
        ] {
            let mut expression = parsed(text);
            IsDistinct::group(&mut expression).unwrap();
            assert_eq!(shown(&expression), expected, "{text}");
        }
        for text in ["a IS DISTINCT FROM b IS NULL", "a IS DISTINCT FROM b IS NOT DISTINCT FROM c AND d"] {
            assert!(IsDistinct::group(&mut parsed(text)).is_err(), "{text}");
        }
        assert!(IsDistinct::group(&mut parsed("a IS DISTINCT FROM (b IS NULL)")).is_ok());
    }
}
