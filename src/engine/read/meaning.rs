//! What the values of encoded pages mean: the same rules as for arrays.

use crate::counts::Cell;
use crate::engine::counting::{Counting, INDEX_MAX, Keys};
use crate::engine::read::interner::Interner;
use crate::pages::{self, LabelSet};
use crate::source::layout::LayoutKind;
use crate::source::values::{Domain, Value};

/// A value of a page as the rules know it; `None` for bytes that are no text.
pub(crate) fn stored(value: pages::StoredValue<'_>) -> Option<Value<'_>> {
    Some(match value {
        pages::StoredValue::Bool(x) => Value::Bool(x),
        pages::StoredValue::Int(x) => Value::Int(x),
        pages::StoredValue::UInt(x) => Value::UInt(x),
        pages::StoredValue::Float(x) => Value::Float(x),
        pages::StoredValue::Text(bytes) => Value::Text(std::str::from_utf8(bytes).ok()?),
    })
}

/// The side on which a value falls.
pub(crate) fn cell(domain: &Domain, value: pages::StoredValue<'_>) -> Cell {
    stored(value).map_or(Cell::Invalid, |value| domain.cell(&value))
}

/// The labels that a value of `list`, `delimited` or `class` means.
pub(crate) struct StoredLabels<'a> {
    pub(crate) counting: &'a Counting,
    pub(crate) interner: &'a mut Interner,
}

impl LabelSet for StoredLabels<'_> {
    fn labels(&mut self, value: pages::StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let Some(stored) = stored(value) else { return Err(format!("{value} is not UTF-8")) };
        if self.counting.domain.is_missing(&stored) {
            return Ok(());
        }
        match stored {
            Value::Text(text) if self.counting.layout.kind == LayoutKind::Delimited => {
                for piece in self.counting.pieces(text) {
                    out.push(self.interner.id(&Value::Text(piece))?);
                }
            }
            _ => out.push(self.interner.id(&stored)?),
        }
        Ok(())
    }

    fn is_missing(&self, value: pages::StoredValue<'_>) -> bool {
        stored(value).is_some_and(|value| self.counting.domain.is_missing(&value))
    }

    fn identity_bound(&self) -> Option<u32> {
        if !self.counting.domain.missing.is_empty() {
            return None;
        }
        let bound = match &self.counting.keys {
            Keys::Indices(bound) => bound.unwrap_or(INDEX_MAX + 1),
            Keys::Vocabulary(vocabulary) if vocabulary.is_by_index() => vocabulary.labels().len() as u64,
            _ => return None,
        };
        u32::try_from(bound).ok()
    }
}
