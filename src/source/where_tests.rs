//! Columns that the condition of a run tests: what is the same in all rows that are left is no label.

/// Columns that a condition tests.
#[derive(Debug, Default)]
pub(super) struct WhereTests {
    /// Those of which all rows that meet it hold one value, as of `night` in `night = 1`.
    pub(super) fixed: Vec<String>,
    /// Those that it tests for more than NULL in another way.
    pub(super) others: Vec<String>,
}

/// A part of a condition.
#[derive(Debug, PartialEq, Eq)]
enum WherePart {
    /// A name without quotes, in lower case, or a word of SQL.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A text or a number.
    Literal,
    Sign(char),
}

impl WhereTests {
    /// What `condition` tests of the columns for which `is_column` says yes.
    pub(super) fn of(condition: &str, is_column: &dyn Fn(&str) -> bool) -> Self {
        let parts = parts(condition);
        let name = |part: &WherePart| match part {
            WherePart::Word(name) | WherePart::Name(name) if is_column(name) => Some(name.clone()),
            _ => None,
        };
        let is_word = |part: &WherePart, word: &str| *part == WherePart::Word(word.to_owned());
        let mut found = Self::default();
        let may_differ =
            parts.iter().any(|part| ["or", "case", "between"].iter().any(|word| is_word(part, word)));
        if !may_differ {
            let both = parts.split(|part| is_word(part, "and"));
            found.fixed = both.filter_map(|test| fixed(test).and_then(name)).collect();
        }
        for (place, part) in parts.iter().enumerate() {
            let Some(name) = name(part).filter(|name| !found.fixed.contains(name)) else { continue };
            let words = |words: &[&str]| {
                let behind = parts.iter().skip(place + 1);
                words.len() == behind.zip(words).filter(|(part, word)| is_word(part, word)).count()
            };
            if !words(&["is", "null"]) && !words(&["is", "not", "null"]) && !found.others.contains(&name) {
                found.others.push(name);
            }
        }
        found
    }
}

/// What has one value where `test` holds, if it is a column.
fn fixed(test: &[WherePart]) -> Option<&WherePart> {
    let inner = |test: &[WherePart]| {
        test.len() > 2
            && matches!((&test[0], &test[test.len() - 1]), (WherePart::Sign('('), WherePart::Sign(')')))
    };
    let test = if inner(test) { &test[1..test.len() - 1] } else { test };
    if test.iter().any(|part| matches!(part, WherePart::Sign('(' | ')'))) {
        return None;
    }
    let is_truth =
        |part: &WherePart| matches!(part, WherePart::Word(word) if word == "true" || word == "false");
    let is_value = |parts: &[WherePart]| match parts {
        [WherePart::Sign('-'), WherePart::Literal] => true,
        [only] => *only == WherePart::Literal || is_truth(only),
        _ => false,
    };
    let is_word = |part: &WherePart, word: &str| *part == WherePart::Word(word.to_owned());
    match test {
        [column] => Some(column),
        [not, column] if is_word(not, "not") => Some(column),
        [column, is, truth] if is_word(is, "is") && is_truth(truth) => Some(column),
        [column, WherePart::Sign('='), value @ ..] if is_value(value) => Some(column),
        [value @ .., WherePart::Sign('='), column] if is_value(value) => Some(column),
        _ => None,
    }
}

fn parts(condition: &str) -> Vec<WherePart> {
    let mut all = Vec::new();
    let mut rest = condition;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let (part, length) = match first {
            '\'' | '"' => {
                let inside = rest[1..].find(first).unwrap_or(rest.len() - 1);
                let text = rest[1..=inside].to_owned();
                (
                    Some(if first == '"' { WherePart::Name(text) } else { WherePart::Literal }),
                    (inside + 2).min(rest.len()),
                )
            }
            c if is_word(c) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let is_number = c.is_ascii_digit() || c == '.';
                (
                    Some(if is_number {
                        WherePart::Literal
                    } else {
                        WherePart::Word(rest[..end].to_lowercase())
                    }),
                    end,
                )
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => (Some(WherePart::Sign(c)), c.len_utf8()),
        };
        // `==` is `=`.
        if !(part == Some(WherePart::Sign('=')) && all.last() == Some(&WherePart::Sign('='))) {
            all.extend(part);
        }
        rest = &rest[length..];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_with_one_value_are_found() {
        for (condition, fixed, others) in [
            ("night = 1", &["night"][..], &[][..]),
            ("NIGHT == 1 AND \"My.Col\" = 'a or b'", &["night", "My.Col"], &[]),
            ("(night = 1) AND 'x' = split and w > -1", &["night", "split"], &["w"]),
            ("night", &["night"], &[]),
            ("NOT night AND w = -1", &["night", "w"], &[]),
            ("night IS TRUE", &["night"], &[]),
            ("night IS NOT NULL AND w IS NULL", &[], &[]),
            ("night = 1 OR w = 1", &[], &["night", "w"]),
            ("night = w", &[], &["night", "w"]),
            ("night <> 0", &[], &["night"]),
            ("abs(night) = 1", &[], &["night"]),
            ("night BETWEEN 1 AND 2", &[], &["night"]),
            ("other = 1", &[], &[]),
            ("'night'", &[], &[]),
            ("'", &[], &[]),
        ] {
            let is_column = |name: &str| ["night", "split", "w", "My.Col"].contains(&name);
            let found = WhereTests::of(condition, &is_column);
            assert_eq!(
                (&found.fixed[..], &found.others[..]),
                (
                    &fixed.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..],
                    &others.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]
                ),
                "{condition}"
            );
        }
    }
}
