//! Names that people give to columns of labels and of row ids.

/// Names of label columns.
const LABEL_NAMES: [&str; 16] = [
    "labels",
    "label",
    "targets",
    "target",
    "tags",
    "tag",
    "classes",
    "class",
    "y",
    "categories",
    "category",
    "findings",
    "label_ids",
    "label_names",
    "class_id",
    "genres",
];

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
    let is_name = |word: &str| LABEL_NAMES.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is_name(name) {
        NameRank::Exact
    } else if name.split(|c: char| !c.is_alphanumeric()).any(is_name) {
        NameRank::Worded
    } else {
        NameRank::Other
    }
}

/// Whether a heading is a name of labels.
pub(crate) fn is_label_heading(heading: &str) -> bool {
    rank_of_name(heading.trim()) == NameRank::Exact
}

/// Whether a column has the name of a row id.
pub(crate) fn is_id_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("_id") || ["id", "rowid", "uuid", "key", "row"].contains(&name.as_str())
}
