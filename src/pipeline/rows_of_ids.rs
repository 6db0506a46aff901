//! The query that makes one row of all lines of an id, for what layout `long` cannot do.

use arrow::datatypes::DataType;

use crate::error::for_shell;
use crate::source::layout::Layout;
use crate::source::unknown_as::NullAs;
use crate::source::values::{Domain, Literal};
use crate::sql_text::{identifier, literal};

/// What becomes one row per id.
#[derive(Debug)]
pub(super) struct RowsOfIds<'a> {
    /// Paths of the shards.
    pub sources: &'a [String],
    /// The columns of id, label and value.
    pub layout: &'a Layout,
    /// What values mean.
    pub domain: &'a Domain,
    /// The type of the value column, where there is one.
    pub value_type: Option<&'a DataType>,
    /// Another column that rows keep.
    pub groups: Option<&'a str>,
    /// A condition of lines.
    pub filter: Option<&'a str>,
}

/// A name of a column, as SQL takes it.
fn name(column: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = column.starts_with(|c: char| c.is_ascii_lowercase()) && column.chars().all(plain);
    if is_plain && !is_word(column) { column.to_owned() } else { identifier(column) }
}

/// Words that a query takes for something else than a column.
fn is_word(column: &str) -> bool {
    const WORDS: [&str; 24] = [
        "all", "and", "as", "by", "case", "distinct", "end", "false", "from", "group", "having", "in", "is",
        "limit", "not", "null", "on", "or", "order", "select", "table", "true", "user", "where",
    ];
    WORDS.contains(&column)
}

/// The command that writes the rows of a query over shards.
pub(super) fn rows_of_query(sources: &[String], query: &str) -> String {
    let tables: String =
        sources.iter().map(|source| format!(" --table shards={}", for_shell(source))).collect();
    format!("posweight sql{tables} -c {} --out rows.parquet", for_shell(query))
}

impl RowsOfIds<'_> {
    /// `posweight sql …`; `None` where no short query says which pairs are positive.
    pub(super) fn command(&self) -> Option<String> {
        Some(rows_of_query(self.sources, &self.query()?))
    }

    /// What to say of the rows that the command makes.
    pub(super) fn remark(&self) -> &'static str {
        if self.layout.value.is_some() { " (pairs that are not listed are negative there)" } else { "" }
    }

    fn query(&self) -> Option<String> {
        let (id, label) = (self.layout.id.as_deref().unwrap_or("id"), self.layout.column());
        let group = self.groups.filter(|column| *column != id).map(name);
        let group = group.map(|column| format!("min({column}) AS {column}, ")).unwrap_or_default();
        let (id, label) = (name(id), name(label));
        let positive = self.positive()?;
        let filter = self.filter.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        Some(format!(
            "SELECT {id}, {group}coalesce(array_agg(DISTINCT {label}) FILTER (WHERE {label} IS NOT NULL{positive}), []) \
             AS labels FROM shards{filter} GROUP BY {id}"
        ))
    }

    /// What the condition of pairs says of positive ones, nothing where all are; `None` where it would take more than one
    /// comparison.
    fn positive(&self) -> Option<String> {
        let Domain { positive, negative, missing, uncertain, threshold, soft, null_as, spelling, .. } =
            self.domain;
        let Some(value) = &self.layout.value else {
            // Labels themselves may be declared missing.
            return missing.is_empty().then(String::new);
        };
        let (value, usual) = (name(value), Domain::default());
        let Some(data_type) = self.value_type else {
            return (*self.domain == usual).then(|| format!(" AND try_cast({value} AS DOUBLE) = 1"));
        };
        let is_odd =
            *soft || *null_as == NullAs::Positive || !uncertain.is_empty() || *spelling != usual.spelling;
        if is_odd {
            return None;
        }
        if let Some(threshold) = threshold {
            let is_alone = *positive == usual.positive && *negative == usual.negative && missing.is_empty();
            let is_exact =
                data_type.is_integer() || *data_type == DataType::Float64 || threshold.fract() == 0.0;
            let not_nan =
                if data_type.is_floating() { format!(" AND NOT isnan({value})") } else { String::new() };
            return (is_alone && is_exact && data_type.is_numeric())
                .then(|| format!(" AND {value} >= {threshold}{not_nan}"));
        }
        let numbers = positive.iter().map(Literal::number).collect::<Option<Vec<f64>>>();
        let whole = numbers.filter(|numbers| numbers.iter().all(|number| number.fract() == 0.0));
        let says = match (data_type, whole.as_deref()) {
            (DataType::Boolean, Some([1.0])) => value,
            (DataType::Boolean, _) => return None,
            (number, Some([one])) if number.is_numeric() => format!("{value} = {one}"),
            (number, Some(several)) if number.is_numeric() => {
                let several: Vec<String> = several.iter().map(f64::to_string).collect();
                format!("{value} IN ({})", several.join(", "))
            }
            (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, Some([one])) => {
                format!("try_cast({value} AS DOUBLE) = {one}")
            }
            (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, None)
                if positive.iter().all(|literal| literal.number().is_none()) =>
            {
                let texts = positive.iter().map(|text| literal(&text.to_string()));
                format!("{value} IN ({})", texts.collect::<Vec<_>>().join(", "))
            }
            _ => return None,
        };
        Some(format!(" AND {says}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::layout::LayoutKind;

    fn query(value: Option<&(&str, DataType)>, domain: &Domain, groups: Option<&str>) -> Option<String> {
        let layout = Layout {
            kind: LayoutKind::Long,
            labels: vec!["it's a tag".to_owned()],
            id: Some("Order ID".to_owned()),
            value: value.map(|(name, _)| (*name).to_owned()),
            delimiter: None,
        };
        let sources = ["d/long odd".to_owned(), "e".to_owned()];
        let rows = RowsOfIds {
            sources: &sources,
            layout: &layout,
            domain,
            value_type: value.map(|(_, of)| of),
            groups,
            filter: None,
        };
        rows.command()
    }

    #[test]
    fn a_query_keeps_names_values_and_groups() {
        let start = "posweight sql --table shards='d/long odd' --table shards=e -c 'SELECT \"Order ID\", ";
        let told = |more: &str| {
            format!(
                "{start}coalesce(array_agg(DISTINCT \"it'\\''s a tag\") FILTER (WHERE \"it'\\''s a tag\" IS NOT NULL{more}), []) \
                 AS labels FROM shards GROUP BY \"Order ID\"' --out rows.parquet"
            )
        };
        let usual = Domain::default();
        assert_eq!(query(None, &usual, None).unwrap(), told(""));
        assert_eq!(query(Some(&("v", DataType::Int8)), &usual, None).unwrap(), told(" AND v = 1"));
        assert_eq!(query(Some(&("order", DataType::Boolean)), &usual, None).unwrap(), told(" AND \"order\""));
        let at = Domain { threshold: Some(0.5), ..Domain::default() };
        let float = query(Some(&("v", DataType::Float64)), &at, None).unwrap();
        assert_eq!(float, told(" AND v >= 0.5 AND NOT isnan(v)"));
        assert_eq!(query(Some(&("v", DataType::Utf8)), &at, None), None);
        let words = Domain { positive: vec![Literal::new("yes")], ..Domain::default() };
        assert_eq!(
            query(Some(&("v", DataType::Utf8)), &words, None).unwrap(),
            told(" AND v IN ('\\''yes'\\'')")
        );
        let uncertain = Domain { uncertain: vec![Literal::new("-1")], ..Domain::default() };
        assert_eq!(query(Some(&("v", DataType::Int8)), &uncertain, None), None);
        let grouped = query(None, &usual, Some("patient")).unwrap();
        assert!(grouped.contains("SELECT \"Order ID\", min(patient) AS patient, coalesce("), "{grouped}");
        assert_eq!(query(None, &usual, Some("Order ID")), query(None, &usual, None));
    }
}
