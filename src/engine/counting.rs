//! What to count: the layout with every question about values, names and groups answered.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::counts::{Cell, CountUnit, Labels, NameOrder};
use crate::error::{Error, Result, choice, plural};
use crate::source::ancestors::Ancestors;
use crate::source::layout::{LabelKind, Layout, LayoutKind};
use crate::source::spelling::Spelling;
use crate::source::unknown_as::NullAs;
use crate::source::values::{Domain, Value};
use crate::source::vocabulary::nearest;

/// Largest label index taken when the number of labels is unknown. Above it, one stray id would
/// reserve gigabytes of counters.
pub(crate) const INDEX_MAX: u64 = (1 << 26) - 1;

/// How a stored label becomes a position in the target tensor.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    /// `wide` and `vector`: column or element i is label i.
    Positions(Labels),
    /// The stored integer is the position; with a bound C it must be below.
    Indices(Option<u64>),
    /// The position of the stored name (or integer) in a vocabulary.
    Vocabulary(Arc<Vocabulary>),
    /// Positions are given after counting, by putting the names found in this order.
    Names(NameOrder),
}

impl Keys {
    /// Whether labels are those that are found, which other shards may have more of.
    pub(crate) fn are_open(&self) -> bool {
        matches!(self, Self::Names(_) | Self::Indices(None))
    }
}

/// Known label names with their positions.
pub(crate) struct Vocabulary {
    labels: Labels,
    positions: HashMap<String, u32>,
    kind: LabelKind,
    spelling: Spelling,
}

/// The same text for the same vocabulary: positions follow from the labels, and a map has no order.
impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // How texts are compared is said with the values.
        let Self { labels, positions: _, kind, spelling: _ } = self;
        f.debug_struct("Vocabulary").field("labels", labels).field("kind", kind).finish()
    }
}

impl Vocabulary {
    /// Indexes `labels`; `kind` says whether stored integers are positions or names, `spelling` how names are
    /// compared.
    #[must_use]
    pub(crate) fn new(labels: Labels, kind: LabelKind, spelling: Spelling) -> Self {
        let numbered = labels.iter().zip(0_u32..);
        let positions = numbered.map(|(name, i)| (spelling.key(name).into_owned(), i)).collect();
        Self { labels, positions, kind, spelling }
    }

    /// Whether stored integers are positions or names.
    #[cfg(feature = "cluster")]
    pub(crate) fn kind(&self) -> LabelKind {
        self.kind
    }

    /// True when a stored integer is a position.
    pub(crate) fn is_by_index(&self) -> bool {
        self.kind == LabelKind::Index
    }

    /// The names in order.
    #[must_use]
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The position of a stored label, or what is wrong with it.
    pub(crate) fn position(&self, value: &Value<'_>) -> std::result::Result<u32, String> {
        match value {
            Value::Text(text) => match self.positions.get(&*self.spelling.key(text)) {
                Some(&position) => Ok(position),
                // Decimal indices in strings, such as "2,27" in a delimited column.
                None => match self.spelling.trimmed(text).parse::<u64>() {
                    Ok(index) if self.kind == LabelKind::Index => self.index(index),
                    _ => Err(self.unknown(text)),
                },
            },
            Value::Int(i) if self.kind == LabelKind::Index => match u64::try_from(*i) {
                Ok(index) => self.index(index),
                Err(_) => Err(format!("negative label index {i}")),
            },
            Value::UInt(u) if self.kind == LabelKind::Index => self.index(*u),
            other => {
                let text = other.to_string();
                self.positions.get(&text).copied().ok_or_else(|| self.unknown(&text))
            }
        }
    }

    fn index(&self, index: u64) -> std::result::Result<u32, String> {
        match u32::try_from(index) {
            Ok(position) if index < self.labels.len() as u64 => Ok(position),
            _ => Err(format!("label index {index}, but the vocabulary has {}", self.size())),
        }
    }

    fn size(&self) -> String {
        plural(self.labels.len() as u64, "label")
    }

    fn unknown(&self, text: &str) -> String {
        match nearest(text, self.labels.iter()) {
            Some(near) => format!("label {text:?} is not in the vocabulary; did you mean {near:?}?"),
            None => format!("label {text:?} is not in the vocabulary of {}", self.size()),
        }
    }
}

/// How rows are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Engine {
    /// From encoded pages wherever layout, condition and weights allow.
    #[default]
    Auto,
    /// From encoded pages, or not at all. A column chunk that pages cannot give is read as arrays.
    Encoded,
    /// From Arrow arrays.
    Plain,
}

impl FromStr for Engine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let choices = [("auto", Self::Auto), ("encoded", Self::Encoded), ("plain", Self::Plain)];
        choice("--engine", text, &choices)
    }
}

/// Everything the engine needs to know to count.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    /// The layout with its columns.
    pub layout: Layout,
    /// What is counted; elements in layout `list` only.
    pub unit: CountUnit,
    /// How labels get their positions.
    pub keys: Keys,
    /// What values mean, for every label without a meaning of its own.
    pub domain: Domain,
    /// Labels with a meaning of their own, by position; `wide` and `vector` only.
    pub overrides: HashMap<usize, Domain>,
    /// Labels that come with others.
    pub ancestors: Option<Arc<Ancestors>>,
    /// Where rows of several class columns are read: what counts each column.
    pub heads: Vec<Self>,
    /// Columns whose values split the counts.
    pub by: Vec<String>,
    /// Column with one weight per row.
    pub sample_weight: Option<String>,
    /// SQL condition a row must meet.
    pub filter: Option<String>,
    /// `--num-rows`: the true N of layout `long`.
    pub num_rows: Option<u64>,
    /// Layout `long`: no row id lies in two shards.
    pub ids_disjoint: bool,
    /// Other jobs count other shards of the same set.
    pub part: bool,
    /// Labels at most, where their number is not known before: as many as [`Limits::labels_max`] says.
    ///
    /// [`Limits::labels_max`]: super::session::Limits::labels_max
    pub labels_max: usize,
    /// How rows are counted.
    pub engine: Engine,
    /// Trust statistics: chunks and pages with minimum = maximum are not decoded.
    pub trust_statistics: bool,
}

impl Counting {
    /// What the values of label `position` mean.
    #[must_use]
    pub(crate) fn domain(&self, position: usize) -> &Domain {
        self.overrides.get(&position).unwrap_or(&self.domain)
    }

    /// Whether a stored label was declared missing. Where labels have a value beside them, such values are declared,
    /// not labels.
    pub(super) fn is_no_label(&self, stored: &Value<'_>) -> bool {
        !self.has_value_beside() && self.domain.is_missing(stored)
    }

    fn has_value_beside(&self) -> bool {
        self.layout.kind == LayoutKind::Map || self.layout.value.is_some()
    }

    /// Whether some stored labels may be declared missing.
    pub(super) fn may_name_no_label(&self) -> bool {
        !self.has_value_beside() && !self.domain.missing.is_empty()
    }

    /// Whether labels in lists are counted with their repetitions too, to see whether rows repeat them.
    pub(super) fn counts_listed(&self) -> bool {
        self.layout.kind == LayoutKind::List && self.unit == CountUnit::Row
    }

    /// The labels that a stored text of layout `delimited` names: "a||b" and "a|" hold empty pieces, which name
    /// none, as those do that were declared missing.
    pub(super) fn pieces<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let by = self.layout.delimiter.as_deref().filter(|_| self.layout.kind == LayoutKind::Delimited);
        let pieces = by.into_iter().flat_map(move |by| text.split(by));
        pieces.filter(|piece| self.names_label(piece))
    }

    /// Whether a piece between two separators names a label.
    pub(super) fn names_label(&self, piece: &str) -> bool {
        !self.domain.spelling.trimmed(piece).is_empty() && !self.domain.is_missing(&Value::Text(piece))
    }

    /// The position of the label with this index.
    pub(super) fn place(&self, index: u64) -> Result<usize> {
        let place = usize::try_from(index)
            .ok()
            .filter(|place| *place < self.labels_max || !matches!(self.keys, Keys::Indices(None)));
        place.ok_or_else(|| {
            Error::resource(format!(
                "label index {index}: counts, weights and files up to this index need more than --memory-limit"
            ))
            .hint("raise --memory-limit, give --num-labels when the index is a mistake, or read sparse ids with --label-kind name")
        })
    }

    /// The same, once a count has found the labels: their keys are known.
    #[must_use]
    pub(crate) fn knowing(&self, labels: &Labels) -> Self {
        let keys = match &self.keys {
            Keys::Names(_) => {
                let spelling = self.domain.spelling;
                Keys::Vocabulary(Arc::new(Vocabulary::new(labels.clone(), LabelKind::Name, spelling)))
            }
            Keys::Indices(None) if labels.iter().zip(0_usize..).any(|(name, i)| name != i.to_string()) => {
                // Indices that were declared missing are no labels.
                let spelling = self.domain.spelling;
                Keys::Vocabulary(Arc::new(Vocabulary::new(labels.clone(), LabelKind::Name, spelling)))
            }
            Keys::Indices(_) => Keys::Indices(Some(labels.len() as u64)),
            known => known.clone(),
        };
        Self { keys, ..self.clone() }
    }

    /// The same for the rows of several class columns, counted by `heads`, once a count has found the labels of each.
    #[must_use]
    pub(crate) fn knowing_heads(&self, heads: &[Self], labels: &[Labels]) -> Self {
        let heads = heads.iter().zip(labels).map(|(head, labels)| head.knowing(labels)).collect();
        let all: usize = labels.iter().map(Labels::len).sum();
        Self { keys: Keys::Indices(Some(all as u64)), heads, ..self.clone() }
    }

    /// Every meaning that values have for some label.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &Domain> {
        std::iter::once(&self.domain).chain(self.overrides.values())
    }

    /// What a row says of a label that it does not list. The value column of layout `long` says what is known, so that the rest is
    /// not; soft values that are not listed are 0.
    #[must_use]
    pub(crate) fn unlisted(&self) -> Cell {
        let is_said = self.layout.kind == LayoutKind::Long && self.layout.value.is_some();
        if is_said && !self.domain.soft { Cell::Missing } else { Cell::Negative }
    }

    /// Whether a row with NULL in place of its labels has none, rather than labels that are not known.
    #[must_use]
    pub(crate) fn null_is_no_label(&self) -> bool {
        let is_set = matches!(self.layout.kind, LayoutKind::List | LayoutKind::Delimited);
        is_set && self.domain.null_as == NullAs::Negative
    }

    /// True when soft or weighted counts are asked for.
    #[must_use]
    pub(crate) fn has_mass(&self) -> bool {
        self.sample_weight.is_some() || self.has_soft()
    }

    /// True when values of some label count in part.
    #[must_use]
    pub(crate) fn has_soft(&self) -> bool {
        self.domains().any(|domain| domain.soft)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::source::layout::LayoutKind;

    /// Counting of one label column, or of the columns of layout `wide`, with nothing else asked for.
    pub(crate) fn counting(kind: LayoutKind, columns: &[&str], keys: Keys) -> Counting {
        let labels = columns.iter().map(|&column| column.to_owned()).collect();
        Counting {
            layout: Layout { kind, labels, id: None, value: None, delimiter: None },
            unit: CountUnit::default(),
            keys,
            domain: Domain::default(),
            overrides: HashMap::new(),
            ancestors: None,
            heads: Vec::new(),
            by: Vec::new(),
            sample_weight: None,
            filter: None,
            num_rows: None,
            ids_disjoint: false,
            part: false,
            labels_max: 1000,
            engine: Engine::Auto,
            trust_statistics: false,
        }
    }

    pub(crate) fn labels(names: &[&str]) -> Labels {
        names.iter().collect()
    }

    #[test]
    fn an_index_that_needs_too_much_memory_is_refused_only_where_labels_are_open() {
        let place = |keys| counting(LayoutKind::List, &["y"], keys).place(1000);
        let error = place(Keys::Indices(None)).unwrap_err();
        assert!(matches!(error, Error::Resource(_)), "{error}");
        assert!(
            error.to_string().contains("1000") && error.remedy().unwrap().contains("--num-labels"),
            "{error}"
        );
        assert_eq!(place(Keys::Indices(Some(2000))).unwrap(), 1000);
        assert_eq!(counting(LayoutKind::List, &["y"], Keys::Indices(None)).place(999).unwrap(), 999);
    }

    #[test]
    fn integers_are_positions_or_names_of_a_vocabulary() {
        let position = |kind, value| {
            Vocabulary::new(labels(&["7", "cat", "0"]), kind, Spelling::default()).position(&value)
        };
        assert_eq!(position(LabelKind::Index, Value::Int(2)), Ok(2));
        assert_eq!(position(LabelKind::Name, Value::Int(7)), Ok(0));
        assert_eq!(position(LabelKind::Name, Value::UInt(0)), Ok(2));
        // A name first, then an index in digits.
        assert_eq!(position(LabelKind::Index, Value::Text("7")), Ok(0));
        assert_eq!(position(LabelKind::Index, Value::Text("1")), Ok(1));
        assert!(position(LabelKind::Name, Value::Text("1")).is_err());
        for (kind, value, word) in [
            (LabelKind::Index, Value::Int(3), "3 labels"),
            (LabelKind::Index, Value::Int(-1), "-1"),
            (LabelKind::Name, Value::Int(2), "\"2\""),
            (LabelKind::Name, Value::Text("cats"), "did you mean \"cat\"?"),
        ] {
            let why = position(kind, value).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn labels_that_were_found_are_known_to_the_next_pass() {
        let found = labels(&["a", "b"]);
        let knowing = |keys| counting(LayoutKind::List, &["y"], keys).knowing(&found).keys;
        let Keys::Vocabulary(vocabulary) = knowing(Keys::Names(NameOrder::Number)) else {
            panic!("names become a vocabulary")
        };
        assert_eq!(*vocabulary.labels(), found);
        // Indices without those declared missing have names; all from 0 on are a number of labels.
        assert!(matches!(knowing(Keys::Indices(None)), Keys::Vocabulary(_)));
        let all = counting(LayoutKind::List, &["y"], Keys::Indices(None)).knowing(&labels(&["0", "1"]));
        assert!(matches!(all.keys, Keys::Indices(Some(2))));
        assert!(Keys::Names(NameOrder::Number).are_open() && Keys::Indices(None).are_open());
        assert!(
            !knowing(Keys::Names(NameOrder::Number)).are_open() && !knowing(Keys::Indices(None)).are_open()
        );
    }
}
