//! Whether rows are counted, or the elements of their lists.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, choice};

/// What is counted: one label set per row, or one label per element of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum CountUnit {
    /// A row has each label once, however often its list repeats it.
    #[default]
    Row,
    /// Each element of a list is a unit with one label: tokens, pixels.
    Element,
}

impl CountUnit {
    /// Its name in flags, specs and artifacts.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Element => "element",
        }
    }
}

/// Whether units of this kind in a layout have one label each: the classes share a softmax.
#[must_use]
pub(crate) fn has_classes(unit: CountUnit, layout: &str) -> bool {
    unit == CountUnit::Element || layout == "class"
}

impl FromStr for CountUnit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        choice("--unit", text, &[("row", Self::Row), ("element", Self::Element)])
    }
}
