//! `{a,b}` and `{000..127}`, as shells read them: each alternative is a source of its own.

use std::path::Path;

/// Numbers that one range may stand for.
const NUMBERS_MAX: u64 = 1_000_000;

/// The sources that `source` stands for; itself when it has no braces, or when a file of that name exists.
pub(super) fn alternatives(source: &str) -> Vec<String> {
    if !source.contains('{') || Path::new(source).exists() {
        return vec![source.to_owned()];
    }
    expand(source)
}

fn expand(text: &str) -> Vec<String> {
    for (open, _) in text.match_indices('{') {
        let Some((choices, after)) = choices(&text[open + 1..]) else { continue };
        let rest = expand(after);
        let before = &text[..open];
        return choices
            .iter()
            .flat_map(|choice| expand(choice))
            .flat_map(|choice| rest.iter().map(move |rest| format!("{before}{choice}{rest}")))
            .collect();
    }
    vec![text.to_owned()]
}

/// What the braces offer whose text begins here, and the text after them; `None` if they are no such braces.
fn choices(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].to_owned());
                start = at + 1;
            }
            '}' => {
                let (last, after) = (&text[start..at], &text[at + 1..]);
                if parts.is_empty() {
                    return Some((numbers(last)?, after));
                }
                parts.push(last.to_owned());
                return Some((parts, after));
            }
            _ => {}
        }
    }
    None
}

/// The numbers of `000..127`, with as many digits as the wider end where one of them starts with 0.
fn numbers(text: &str) -> Option<Vec<String>> {
    let (from, to) = text.split_once("..")?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let (first, last) = (number(from)?, number(to)?);
    if first.abs_diff(last) >= NUMBERS_MAX {
        return None;
    }
    let padded = [from, to].iter().any(|text| text.len() > 1 && text.starts_with('0'));
    let width = if padded { from.len().max(to.len()) } else { 0 };
    let written = |n: u64| format!("{n:0width$}");
    Some(if first <= last {
        (first..=last).map(written).collect()
    } else {
        (last..=first).rev().map(written).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_read_as_shells_read_them() {
        for (text, all) in [
            ("a.parquet", vec!["a.parquet"]),
            ("{train,val}/x", vec!["train/x", "val/x"]),
            ("p-{08..11}", vec!["p-08", "p-09", "p-10", "p-11"]),
            ("p{3..1}", vec!["p3", "p2", "p1"]),
            ("{a,b{1,2}}{x,}", vec!["ax", "a", "b1x", "b1", "b2x", "b2"]),
            ("{a}{b,c}", vec!["{a}b", "{a}c"]),
            ("{a,b", vec!["{a,b"]),
            ("{1..x}", vec!["{1..x}"]),
        ] {
            assert_eq!(alternatives(text), all, "{text}");
        }
    }
}
