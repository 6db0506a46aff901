//! Label names as text: whatever they hold, they show as what they are and do nothing else.

/// Control and direction characters made visible, so that a name cannot move the cursor, end a line or
/// turn text around.
#[must_use]
pub(crate) fn visible(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\n' => out.push('↵'),
            '\t' => out.push('→'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => {
                out.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
            c if c.is_control() => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => out.push(c),
        }
    }
    if out.is_empty() { "(empty)".to_owned() } else { out }
}

/// At most `width` characters.
#[must_use]
pub(crate) fn short(name: &str, width: usize) -> String {
    let name = visible(name);
    if name.chars().count() <= width {
        return name;
    }
    name.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A Markdown code span: enough backticks around it, and pipes that do not end a table cell.
#[must_use]
pub(crate) fn code_span(name: &str) -> String {
    let name = visible(name).replace('|', "\\|");
    let longest = name.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if name.starts_with('`') || name.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{name}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        assert_eq!(visible("a\nb\u{1b}[31m\u{202e}"), "a↵b<U+001B>[31m<U+202E>");
        assert_eq!(code_span("a|b`c``"), "``` a\\|b`c`` ```");
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(code_span(""), "`(empty)`");
    }
}
