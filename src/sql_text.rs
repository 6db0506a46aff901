//! Names and texts as SQL writes them.

/// The name of a column, in double quotes.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_are_doubled() {
        assert_eq!(identifier(r#"a "b"'s"#), r#""a ""b""'s""#);
        assert_eq!(literal(r#"a "b"'s"#), r#"'a "b"''s'"#);
    }
}
