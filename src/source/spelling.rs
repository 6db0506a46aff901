//! How texts are compared: as they are, without the blanks around them, or whatever their case.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::letter_case::fold;

/// Differences between texts that do not matter: `--trim` and `--ignore-case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Spelling {
    /// Blanks around a text do not matter.
    pub trim: bool,
    /// Upper and lower case do not matter.
    pub ignore_case: bool,
}

impl Spelling {
    /// `text` without the blanks around it, where these do not matter.
    #[must_use]
    pub(crate) fn trimmed(self, text: &str) -> &str {
        if self.trim { text.trim() } else { text }
    }

    /// A text that is the same for all texts that do not differ.
    #[must_use]
    pub(crate) fn key(self, text: &str) -> Cow<'_, str> {
        let text = self.trimmed(text);
        if self.ignore_case { fold(text) } else { Cow::Borrowed(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_case_alone_have_one_key() {
        let key = |text: &str| Spelling { ignore_case: true, trim: false }.key(text).into_owned();
        for same in [
            &["cat", "Cat", "CAT"][..],
            &["straße", "STRASSE", "Strasse", "STRAẞE"],
            &["ΣΑΣ", "σας", "σασ"],
            &["É", "é"],
            &["\u{212a}", "k", "K"],
            &["ǆ", "ǅ", "Ǆ"],
            &["ﬁn", "FIN"],
        ] {
            assert!(same.iter().all(|text| key(text) == key(same[0])), "{same:?}");
        }
        assert_ne!(key("ı"), key("i"));
        assert_ne!(key("é"), key("e"));
        assert_ne!(key(" cat"), key("cat"));
    }

    #[test]
    fn blanks_matter_unless_trimmed() {
        let trim = Spelling { trim: true, ignore_case: false };
        assert_eq!(trim.key("\u{a0} No Finding \t"), "No Finding");
        assert_eq!(Spelling::default().key(" a "), " a ");
        assert_ne!(trim.key("A"), trim.key("a"));
    }
}
