//! What the values of a condition are compared with: a date without quotes is arithmetic, and a text that is no date is
//! a mistake of who wrote it.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::Expr;

use crate::engine::errors::external;
use crate::engine::rules::mixed_kinds::beside_number;
use crate::error::Error;
use crate::source::type_words::type_words;

/// Refuses texts and dates that are compared with numbers: `date >= 2026-11-05` would compare with 2010.
pub(super) fn check_numbers(expression: &Expr, schema: &DFSchema, condition: &str) -> DfResult<()> {
    expression.apply(|part| match beside_number(part, schema) {
        None => Ok(TreeNodeRecursion::Continue),
        Some(mixed) => {
            let (refused, in_quotes) = (mixed.refused(), with_quotes(condition));
            let is_date = mixed.is_date() && in_quotes != condition;
            let way = format!("write the date in quotes: --where \"{in_quotes}\"");
            Err(external(if is_date { refused.hint(way) } else { refused }))
        }
    })?;
    Ok(())
}

/// The condition with quotes around dates such as 2026-11-05.
fn with_quotes(condition: &str) -> String {
    let mut out = String::with_capacity(condition.len() + 2);
    let (mut quote, mut rest, mut before) = (None, condition, ' ');
    while let Some(c) = rest.chars().next() {
        let is_start = quote.is_none() && !(before.is_alphanumeric() || "_.-".contains(before));
        if let Some((date, after)) = is_start.then(|| date_at(rest)).flatten() {
            out.push_str(&date);
            (rest, before) = (after, '\'');
            continue;
        }
        match quote {
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
        out.push(c);
        (rest, before) = (&rest[c.len_utf8()..], c);
    }
    out
}

/// A date at the start of a text, in quotes and with two digits for months and days, and what comes after it.
fn date_at(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(text.len());
    let (date, after) = text.split_at(end);
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let fits = year.len() == 4 && [month, day].iter().all(|part| matches!(part.len(), 1 | 2));
    let is_end = !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
    (fits && is_end).then(|| (format!("'{year}-{month:0>2}-{day:0>2}'"), after))
}

/// Refuses texts that cannot be read as what they are compared with. All types of `expression` fit.
pub(super) fn check_texts(expression: &Expr) -> DfResult<()> {
    expression.apply(|part| {
        let Expr::Cast(cast) = part else { return Ok(TreeNodeRecursion::Continue) };
        let Expr::Literal(value, _) = &*cast.expr else { return Ok(TreeNodeRecursion::Continue) };
        let Some(Some(text)) = value.try_as_str() else { return Ok(TreeNodeRecursion::Continue) };
        let of = cast.field.data_type();
        if value.cast_to(of).is_ok() {
            return Ok(TreeNodeRecursion::Continue);
        }
        let hint = if of.is_temporal() {
            "dates are written as '2026-11-29', times as '2026-11-29 12:00:00'"
        } else {
            "write a value of that kind, or compare texts with CAST(x AS TEXT)"
        };
        Err(external(Error::usage(format!("'{text}' is no {}", type_words(of))).hint(hint)))
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_without_quotes_get_them() {
        for (condition, expected) in [
            ("date >= 2026-11-05", "date >= '2026-11-05'"),
            ("d between 2026-1-5 and 2026-11-30", "d between '2026-01-05' and '2026-11-30'"),
            ("(d=2026-11-05)", "(d='2026-11-05')"),
            ("d >= '2026-11-05'", "d >= '2026-11-05'"),
            ("\"2026-11-05\" = 1", "\"2026-11-05\" = 1"),
            ("x2026-11-05 > 1-2", "x2026-11-05 > 1-2"),
            ("n > 2026 - 11", "n > 2026 - 11"),
            ("d >= 2026-11-050", "d >= 2026-11-050"),
        ] {
            assert_eq!(with_quotes(condition), expected);
        }
    }
}
