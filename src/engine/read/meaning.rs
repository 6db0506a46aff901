//! What the values of encoded pages mean: the same rules as for arrays.

use crate::counts::Cell;
use crate::engine::cell_labels::separator;
use crate::engine::counting::{Counting, INDEX_MAX, Keys};
use crate::engine::read::interner::Interner;
use crate::pages::{self, Judge, LabelSet, NumberRule};
use crate::source::layout::LayoutKind;
use crate::source::values::{Domain, Value};

/// A value of a page as the rules know it; `None` for bytes that are no text.
pub(crate) fn stored(value: pages::StoredValue<'_>) -> Option<Value<'_>> {
    Some(match value {
        pages::StoredValue::Bool(x) => Value::Bool(x),
        pages::StoredValue::Int(x) => Value::Int(x),
        pages::StoredValue::UInt(x) => Value::UInt(x),
        pages::StoredValue::Float(x) => Value::Float(x),
        pages::StoredValue::Half(x) => Value::Half(x),
        pages::StoredValue::Text(bytes) => Value::Text(std::str::from_utf8(bytes).ok()?),
    })
}

/// The side on which a value falls.
pub(crate) fn cell(domain: &Domain, value: pages::StoredValue<'_>) -> Cell {
    stored(value).map_or(Cell::Invalid, |value| domain.cell(&value))
}

/// What values say at each position: the rules of all labels, or of one.
pub(crate) struct LabelJudge<'a> {
    counting: &'a Counting,
    /// What values mean at all positions, where that is the same.
    all: Option<&'a Domain>,
    declared: Vec<f64>,
}

impl<'a> LabelJudge<'a> {
    /// Of all labels.
    pub(crate) fn of_all(counting: &'a Counting) -> Self {
        let declared = counting.domains().flat_map(Domain::declared_numbers).collect();
        let all = counting.overrides.is_empty().then_some(&counting.domain);
        Self { counting, all, declared }
    }

    /// Of one label.
    pub(crate) fn of_label(counting: &'a Counting, label: usize) -> Self {
        let domain = counting.domain(label);
        Self { counting, all: Some(domain), declared: domain.declared_numbers() }
    }

    /// Of labels without a meaning of their own.
    pub(crate) fn of_any(counting: &'a Counting) -> Self {
        let domain = &counting.domain;
        Self { counting, all: Some(domain), declared: domain.declared_numbers() }
    }

    fn domain(&self, position: usize) -> &'a Domain {
        self.all.unwrap_or_else(|| self.counting.domain(position))
    }
}

impl Judge for LabelJudge<'_> {
    fn target(&self, position: usize, value: pages::StoredValue<'_>) -> (Cell, f64) {
        let domain = self.domain(position);
        stored(value).map_or((Cell::Invalid, 0.0), |value| domain.target(&value))
    }

    fn rule(&self, position: usize) -> Option<NumberRule> {
        let domain = self.domain(position);
        match domain.threshold {
            Some(at) => Some(NumberRule { at, soft: false }),
            None if domain.soft => Some(NumberRule { at: 0.5, soft: true }),
            None => None,
        }
    }

    fn declared(&self) -> &[f64] {
        &self.declared
    }

    fn is_soft(&self) -> bool {
        self.counting.has_soft()
    }
}

/// Judges values, and remembers whether some are neither positive, negative nor missing.
pub(crate) struct KnownCells<'a> {
    judge: LabelJudge<'a>,
    others: std::cell::Cell<bool>,
}

impl<'a> KnownCells<'a> {
    pub(crate) fn new(judge: LabelJudge<'a>) -> Self {
        Self { judge, others: std::cell::Cell::new(false) }
    }

    /// Whether there were such values.
    pub(crate) fn has_others(&self) -> bool {
        self.others.get()
    }
}

impl Judge for KnownCells<'_> {
    fn target(&self, position: usize, value: pages::StoredValue<'_>) -> (Cell, f64) {
        let found = self.judge.target(position, value);
        if matches!(found.0, Cell::Uncertain | Cell::Invalid) {
            self.others.set(true);
        }
        found
    }

    fn rule(&self, position: usize) -> Option<NumberRule> {
        self.judge.rule(position)
    }

    fn declared(&self) -> &[f64] {
        self.judge.declared()
    }
}

/// The labels that a value of `list`, `delimited`, `class` or `bits`, or a key of `map`, means.
pub(crate) struct StoredLabels<'a> {
    pub(crate) counting: &'a Counting,
    pub(crate) interner: &'a mut Interner,
    /// A value is all that a row holds, not an element of its list.
    pub(crate) is_cell: bool,
}

impl<'a> StoredLabels<'a> {
    /// The labels of the values of a chunk.
    pub(crate) fn of(counting: &'a Counting, interner: &'a mut Interner, chunk: &pages::Chunk<'_>) -> Self {
        Self { counting, interner, is_cell: is_flat(chunk) }
    }
}

/// Whether each row of a chunk holds one value, not a list.
pub(crate) fn is_flat(chunk: &pages::Chunk<'_>) -> bool {
    chunk.meta.column_descr().max_rep_level() == 0
}

impl LabelSet for StoredLabels<'_> {
    fn labels(&mut self, value: pages::StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        // What stands between the parts is ASCII or the delimiter, so that the text is UTF-8 where its parts are.
        if let pages::StoredValue::Text(bytes) = value
            && self.is_cell
            && !self.counting.may_name_no_label()
            && self.interner.usual_cell(self.counting, bytes, out)
        {
            return Ok(());
        }
        let Some(stored) = stored(value) else { return Err(format!("{value} is not UTF-8")) };
        if self.counting.is_no_label(&stored) {
            return Ok(());
        }
        if self.is_cell {
            match stored {
                Value::Text(text) if self.interner.usual_cell(self.counting, text.as_bytes(), out) => Ok(()),
                _ => self.interner.cell(self.counting, stored, out),
            }
        } else {
            self.interner.ids(&stored, out)
        }
    }

    fn separator(&self) -> Option<u8> {
        let is_usual =
            self.is_cell && !self.counting.may_name_no_label() && self.counting.ancestors.is_none();
        separator(self.counting).filter(|_| is_usual)
    }

    fn part_labels(&mut self, parts: pages::TextParts<'_>, out: &mut Vec<u32>) -> bool {
        self.interner.part_labels(self.counting, parts, out)
    }

    fn has_missing(&self) -> bool {
        self.counting.may_name_no_label()
    }

    fn is_missing(&self, value: pages::StoredValue<'_>) -> bool {
        if matches!(value, pages::StoredValue::Text(_)) && !self.counting.may_name_no_label() {
            return false;
        }
        stored(value).is_some_and(|value| self.counting.is_no_label(&value))
    }

    fn identity_bound(&self) -> Option<u32> {
        let stands_for_others =
            self.counting.layout.kind == LayoutKind::Bits || self.counting.ancestors.is_some();
        if self.counting.may_name_no_label() || stands_for_others {
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
