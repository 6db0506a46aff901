//! Texts whatever their case.

use std::borrow::Cow;

/// The text with all differences of case taken away, as full case folding of Unicode does: `STRASSE` and
/// `Straße` become `strasse`.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    }
    // Through capitals, so that all letters with one capital become one; a dotless i has that of another letter.
    let folded = |letter: char| {
        let keep = (letter == 'ı').then_some(letter);
        let change = (letter != 'ı').then(|| letter.to_uppercase().flat_map(char::to_lowercase));
        keep.into_iter().chain(change.into_iter().flatten())
    };
    // The capital sharp s is its own capital until it is small.
    Cow::Owned(text.chars().flat_map(char::to_lowercase).flat_map(folded).collect())
}
