//! Names that people give to columns of labels and of row ids.

use super::name_words::NameWord;

/// Columns at most of a table in which pairs of row id and label are likely.
pub(super) const COLUMNS_MAX: usize = 3;

/// What the name of a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NameRank {
    /// Nothing.
    Other,
    /// One of its words is a name of labels.
    Worded,
    /// It is a name of labels.
    Exact,
}

impl NameRank {
    /// The points of a column with such a name.
    pub(crate) fn points(self, exact: u32, worded: u32, other: u32) -> u32 {
        match self {
            Self::Exact => exact,
            Self::Worded => worded,
            Self::Other => other,
        }
    }
}

/// What the name of a column says.
pub(crate) fn rank_of_name(name: &str) -> NameRank {
    if NameWord::Labels.is(name) {
        NameRank::Exact
    } else if NameWord::Labels.is_in(&words(name)) {
        NameRank::Worded
    } else {
        NameRank::Other
    }
}

/// The words of a name: `image_id`, `image id` and `ImageID` have two.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let starts = c.is_uppercase() && before.is_lowercase();
        if !c.is_alphanumeric() || starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.push(c);
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a heading is a name of labels.
pub(crate) fn is_label_heading(heading: &str) -> bool {
    rank_of_name(heading.trim()) == NameRank::Exact
}

/// Whether a column has the name of a row id.
pub(crate) fn is_id_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ends = words(name).last().is_some_and(|word| *word == "ID" || *word == "Id");
    ends || ["_id", "_uid", "_uuid"].iter().any(|end| lower.ends_with(end)) || NameWord::Ids.is(name)
}

/// Whether a column has the name of what rows are about: where it repeats, rows may be pairs.
pub(crate) fn is_row_name(name: &str) -> bool {
    let words = words(name);
    let about =
        words.iter().filter(|word| !["name", "path", "id"].iter().any(|end| word.eq_ignore_ascii_case(end)));
    let about: Vec<&String> = about.collect();
    !words.is_empty() && about.iter().all(|word| NameWord::Rows.is(word))
}

/// Whether a column has such a name, or one that begins as those of ids do in other languages: `id_muestra`.
pub(super) fn may_name_rows(name: &str) -> bool {
    is_row_name(name) || matches!(&words(name)[..], [first, _, ..] if first.eq_ignore_ascii_case("id"))
}

/// Whether a column beside one label may be the other half of pairs, or their value, in a table of so many columns.
pub(crate) fn says_of_pairs(name: &str, columns: usize) -> bool {
    columns <= COLUMNS_MAX + 1 || is_id_name(name) || is_row_name(name) || is_score_name(name)
}

/// Whether a name says that numbers beside labels tell how sure they are, or how much.
pub(crate) fn is_score_name(name: &str) -> bool {
    words(name).last().is_some_and(|word| NameWord::Scores.is(word))
}

/// Whether a column is the index that pandas wrote beside the columns of a table.
pub(crate) fn is_index_name(name: &str) -> bool {
    let is_numbered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.trim_end_matches('_').parse::<u32>().is_ok())
    };
    name.is_empty() || is_numbered("Unnamed: ") || is_numbered("__index_level_")
}

/// Whether a name says that an integer holds one bit per label.
pub(crate) fn is_mask_name(name: &str) -> bool {
    NameWord::Masks.is_in(&words(name))
}

/// Whether a column has the name of what people write beside labels.
pub(crate) fn is_remark_name(name: &str) -> bool {
    NameWord::Remarks.is_in(&words(name))
}

/// Whether a column has a name of labels that as often is that of topics beside them.
pub(crate) fn is_topic_name(name: &str) -> bool {
    NameWord::Topics.is(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_word_by_word() {
        for (name, rank) in [
            ("Labels", NameRank::Exact),
            ("true_label", NameRank::Worded),
            ("LabelName", NameRank::Worded),
            ("labelled_by", NameRank::Other),
        ] {
            assert_eq!(rank_of_name(name), rank, "{name}");
        }
        for name in ["id", "image_id", "ImageID", "imageId", "Image Id", "uid", "user_uuid"] {
            assert!(is_id_name(name), "{name}");
        }
        for name in ["paid", "valid", "Idea", "COVID", "fluid"] {
            assert!(!is_id_name(name), "{name}");
        }
        for name in ["image", "file_name", "ImagePath", "path", "img", "image_id"] {
            assert!(is_row_name(name), "{name}");
        }
        for name in ["", "image_size", "color", "username"] {
            assert!(!is_row_name(name), "{name}");
        }
        assert!(is_index_name("") && is_index_name("Unnamed: 0") && is_index_name("__index_level_0__"));
        assert!(!is_index_name("Unnamed: x") && !is_index_name("index"));
        assert!(is_score_name("Confidence") && is_score_name("label_score") && !is_score_name("scores_of"));
        assert!(is_mask_name("attr_mask") && is_mask_name("Bits") && !is_mask_name("masked"));
        assert!(is_remark_name("Notes") && is_remark_name("free_text") && !is_remark_name("noted"));
        assert!(is_topic_name("Tags") && !is_topic_name("labels"));
    }
}
