//! Every way to read the columns as labels, with the evidence for it: how sure it is, and the flags that choose
//! it.

use arrow::datatypes::{DataType, Field};

use super::column_names::{NameRank, is_id_name, rank_of_name};
use super::evidence::{CELLS_SHOWN, ColumnEvidence};
use super::joined::{TextShape, shape_of};
use super::layout::{LayoutKind, is_number, is_text, item};
use super::structured::{Element, object};
use super::text_lists::{TextLists, text_lists};
use super::values::{Domain, Value};
use crate::counts::Cell;
use crate::error::for_shell;

/// Points from which a reading is believed.
pub(crate) const SURE: u32 = 4;
/// Points by which the best reading must be ahead of the next.
pub(crate) const AHEAD: u32 = 2;
/// Points of a column that the person named.
const NAMED: u32 = 7;
/// Points that a second reading of a column is behind the first, where both are possible and where one is not
/// likely.
const CLOSE: u32 = 1;
const UNLIKELY: u32 = 3;

/// One way to read columns as labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// How labels are stored.
    pub kind: LayoutKind,
    /// The label columns.
    pub labels: Vec<String>,
    /// The row id column of layout `long`.
    pub id: Option<String>,
    /// The separator of layout `delimited`.
    pub delimiter: Option<String>,
    /// The evidence, as a sentence.
    pub why: String,
    /// Some cells of the first label column, as a person reads them.
    pub cells: Vec<String>,
    /// How likely it is, compared with others.
    pub points: u32,
}

impl Candidate {
    fn of(kind: LayoutKind, column: &str, evidence: &ColumnEvidence, points: u32, why: String) -> Self {
        let cells = evidence.shown.clone();
        Self { kind, labels: vec![column.to_owned()], id: None, delimiter: None, why, cells, points }
    }

    /// The flags that choose it, as they are pasted into a shell.
    #[must_use]
    pub(crate) fn flags(&self) -> String {
        /// Above this, `--layout wide` finds the columns again.
        const NAMES_MAX: usize = 12;
        let mut flags = String::new();
        if self.labels.len() <= NAMES_MAX {
            let is_plain = |name: &String| !name.contains([',', '*', '?', '[', '!']);
            if self.labels.iter().all(is_plain) {
                flags.push_str(&format!("--labels {} ", for_shell(&self.labels.join(","))));
            } else {
                self.labels.iter().for_each(|name| flags.push_str(&format!("--labels {} ", for_shell(name))));
            }
        }
        flags.push_str(&format!("--layout {}", self.kind));
        if let Some(id) = &self.id {
            flags.push_str(&format!(" --id {}", for_shell(id)));
        }
        if let Some(by) = &self.delimiter {
            flags.push_str(&format!(" --delimiter '{by}'"));
        }
        flags
    }
}

/// A column with what its cells show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CandidateColumn<'a> {
    pub(crate) field: &'a Field,
    pub(crate) evidence: &'a ColumnEvidence,
    pub(crate) domain: &'a Domain,
    /// Names of classes in the footer of a shard.
    pub(crate) classes: Option<usize>,
    /// The person named it.
    pub(crate) is_named: bool,
}

impl CandidateColumn<'_> {
    pub(crate) fn name(&self) -> &str {
        self.field.name()
    }

    /// True when every value has a side, so that the column is one label.
    pub(crate) fn is_cells(&self) -> bool {
        let evidence = self.evidence;
        let mut sides = evidence
            .numbers()
            .map(|number| self.domain.cell(&number_value(number)))
            .chain(evidence.texts.keys().map(|text| self.domain.cell(&Value::Text(text))));
        let known = |cell: Cell| !matches!(cell, Cell::Missing | Cell::Invalid);
        let mut any = false;
        let all = sides.all(|cell| {
            any |= known(cell);
            cell != Cell::Invalid
        });
        // A threshold gives every number a side, that of features too.
        let has_range = self.domain.threshold.is_none() && !self.domain.soft;
        let within = has_range || self.is_named || evidence.numbers().all(|x| (0.0..=1.0).contains(&x));
        all && any && within && !evidence.is_full && !evidence.has_bytes
    }

    /// A value beside 0 and 1 that labels often have for "unknown" and that was not declared.
    pub(crate) fn undeclared(&self) -> Option<f64> {
        const USUAL: [f64; 3] = [-1.0, -100.0, 255.0];
        let among = |x: f64| USUAL.iter().any(|usual| usual.to_bits() == x.to_bits());
        let is_odd = |x: f64| self.domain.cell(&number_value(x)) == Cell::Invalid;
        let odd: Vec<f64> = self.evidence.numbers().filter(|x| is_odd(*x)).collect();
        let [one] = odd[..] else { return None };
        let rest = self.evidence.numbers().count() > 1 && self.evidence.texts.is_empty();
        Some(one).filter(|one| rest && among(*one) && !self.evidence.is_full && self.classes.is_none())
    }

    fn base(&self, exact: u32, worded: u32, other: u32) -> u32 {
        if self.is_named { NAMED } else { rank_of_name(self.name()).points(exact, worded, other) }
    }

    /// The ways to read the column by itself.
    pub(crate) fn readings(&self) -> Vec<Candidate> {
        let data_type = self.field.data_type();
        if let Some(element) = item(data_type) {
            return self.list_readings(data_type, element);
        }
        if self.classes.is_none() && self.is_cells() {
            return self.cell_readings();
        }
        if is_text(data_type) {
            return self.text_readings();
        }
        if !is_number(data_type) || *data_type == DataType::Boolean {
            return Vec::new();
        }
        self.number_readings()
    }

    fn candidate(&self, kind: LayoutKind, points: u32, why: String) -> Candidate {
        Candidate::of(kind, self.name(), self.evidence, points, why)
    }

    fn cell_readings(&self) -> Vec<Candidate> {
        let (name, base) = (self.name(), self.base(3, 2, 1));
        let values = if self.domain.is_binary() { "only 0 and 1" } else { "only values that were declared" };
        let wide = self.candidate(LayoutKind::Wide, base, format!("{name:?} holds {values}"));
        let is_class = self.is_named || rank_of_name(name) != NameRank::Other;
        let class = (is_class && self.field.data_type().is_integer()).then(|| {
            let why = format!("0 and 1 in {name:?} are two classes");
            let behind = if self.is_named { UNLIKELY } else { CLOSE };
            self.candidate(LayoutKind::Class, base - behind, why)
        });
        [wide].into_iter().chain(class).collect()
    }

    fn number_readings(&self) -> Vec<Candidate> {
        let (name, data_type) = (self.name(), self.field.data_type());
        let base = self.base(7, 5, u32::from(!is_id_name(self.name())));
        if let Some(classes) = self.classes {
            let why = format!(
                "the footer names {classes} {} for {name:?}",
                if classes == 1 { "class" } else { "classes" }
            );
            return vec![self.candidate(LayoutKind::Class, base, why)];
        }
        let whole = self.evidence.numbers().all(|x| Value::whole(x).is_some());
        if whole && (data_type.is_integer() || self.evidence.has_values()) {
            let why = format!("each number in {name:?} is one label index");
            let class = (base > 0).then(|| self.candidate(LayoutKind::Class, base, why));
            return class.into_iter().collect();
        }
        let share = self.evidence.numbers().all(|x| (0.0..=1.0).contains(&x));
        let why = if share {
            format!("{name:?} holds numbers from 0 to 1: add --soft, or --threshold 0.5")
        } else {
            format!("{name:?} is {data_type}")
        };
        // A feature, unless its name says that it is a label.
        let points = if self.is_named { base } else { self.base(3, 2, 0) };
        if points == 0 { Vec::new() } else { vec![self.candidate(LayoutKind::Wide, points, why)] }
    }

    fn text_readings(&self) -> Vec<Candidate> {
        let (name, evidence) = (self.name(), self.evidence);
        if evidence.has_bytes {
            return Vec::new();
        }
        if evidence.is_long && self.is_named && evidence.texts.is_empty() {
            let why = || format!("strings in {name:?} are too long to look at");
            let kinds = [LayoutKind::List, LayoutKind::Vector, LayoutKind::Class];
            return kinds.map(|kind| self.candidate(kind, SURE - 1, why())).to_vec();
        }
        if let Some(lists) = text_lists(name, evidence, self.domain) {
            return self.text_list_readings(&lists);
        }
        let many = evidence.texts.len() as u64 * 10 > evidence.cells * 9 && evidence.cells >= 20;
        let base = self.base(7, 5, u32::from(!many && !evidence.is_full));
        let class = |points: u32, why: String| self.candidate(LayoutKind::Class, points, why);
        let split = |points: u32, by: &str| {
            let why = format!("strings in {name:?} hold several labels separated by {by:?}");
            let joined = evidence.texts.keys().filter(|text| text.contains(by)).take(CELLS_SHOWN);
            Candidate {
                delimiter: Some(by.to_owned()),
                cells: joined.map(|text| format!("{text:?}")).collect(),
                ..self.candidate(LayoutKind::Delimited, points, why)
            }
        };
        let whole = || format!("each string in {name:?} is one label");
        let all = match shape_of(&evidence.texts) {
            TextShape::Single => vec![class(base, whole())],
            TextShape::Joined(by) => vec![split(base, by), class(base.saturating_sub(UNLIKELY), whole())],
            TextShape::Unclear(by) => vec![class(base, whole()), split(base.saturating_sub(CLOSE), by)],
            TextShape::Structured(_) if self.holds_objects() => {
                vec![self.object_reading()]
            }
            TextShape::Structured(what) => {
                // Never split by guess, and seldom one name.
                vec![class(
                    base.min(SURE - 1),
                    format!(
                        "strings in {name:?} look like {what}, which are not read as labels; as layout class each is one label"
                    ),
                )]
            }
        };
        all.into_iter().filter(|candidate| candidate.points > 0).collect()
    }

    /// Texts are read as the lists that they hold.
    fn text_list_readings(&self, lists: &TextLists) -> Vec<Candidate> {
        let column = CandidateColumn { field: &lists.field, evidence: &lists.evidence, ..*self };
        let name = self.name();
        let mut all = column.list_readings(lists.field.data_type(), &lists.element);
        for candidate in &mut all {
            let hold = match candidate.kind {
                LayoutKind::Vector => "one number per label",
                _ if lists.element == DataType::Utf8 => "lists of label names",
                _ => "lists of label indices",
            };
            candidate.why = format!("strings in {name:?} hold {hold}");
            if lists.or_class {
                // A few texts in brackets among others say little.
                candidate.points = candidate.points.min(self.base(7, 5, 1));
            }
        }
        let points = all.first().map_or(0, |best| best.points.saturating_sub(CLOSE));
        if let Some(by) = lists.or_delimited {
            let why = format!("strings in {name:?} hold two label indices separated by {by:?}");
            let split = self.candidate(LayoutKind::Delimited, points, why);
            all.push(Candidate { delimiter: Some(by.to_owned()), ..split });
        }
        if lists.or_class {
            let why = format!("some strings in {name:?} hold no list; as layout class each is one label");
            all.push(self.candidate(LayoutKind::Class, points, why));
        }
        all.retain(|candidate| candidate.points > 0);
        all
    }

    /// Texts that are objects; those of which values have no side may hold anything.
    fn object_reading(&self) -> Candidate {
        let has_side =
            |value: &Element<'_>| value.value().is_none_or(|value| self.domain.cell(&value) != Cell::Invalid);
        let mut all = true;
        for text in self.evidence.texts.keys() {
            // Those that are no objects are few.
            object(text, |_, value| all &= has_side(&value)).unwrap_or(());
        }
        let why = format!("each string in {:?} is an object that gives labels a value", self.name());
        let why =
            if all { why } else { format!("{why}: add --soft, or --threshold 0.5, if they are scores") };
        self.candidate(LayoutKind::Map, if all { self.base(7, 5, 2) } else { self.base(5, 3, 1) }, why)
    }

    /// Whether nearly all texts are objects. Counting names those that are not.
    fn holds_objects(&self) -> bool {
        let texts = &self.evidence.texts;
        texts.keys().filter(|text| object(text, |_, _| ()).is_ok()).count() * 10 >= texts.len() * 9
    }

    fn list_readings(&self, data_type: &DataType, element: &DataType) -> Vec<Candidate> {
        let (name, evidence) = (self.name(), self.evidence);
        let base = self.base(9, 8, 3);
        let list = |points: u32, why: String| self.candidate(LayoutKind::List, points, why);
        let vector = |points: u32, why: String| self.candidate(LayoutKind::Vector, points, why);
        if is_text(element) {
            return vec![list(base, format!("{name:?} is a list of strings, the label names"))];
        }
        if !is_number(element) {
            return Vec::new();
        }
        let indices = format!("{name:?} is a list of {element}, the label indices");
        let positions = format!("{name:?} is a list of {element}, one number per label");
        let sided = CandidateColumn { is_named: false, ..*self }.is_cells();
        let fixed = matches!(data_type, DataType::FixedSizeList(..));
        let one_length = fixed || evidence.lengths.len() == 1 && evidence.lengths.iter().all(|n| *n > 1);
        let whole = evidence.has_values() && evidence.numbers().all(|x| Value::whole(x).is_some());
        if element.is_integer() {
            return match (one_length, sided) {
                (true, true) => {
                    let values =
                        if self.domain.is_binary() { "only 0 and 1" } else { "only declared values" };
                    vec![vector(base, format!("lists in {name:?} hold {values} and have one length"))]
                }
                (false, true) if evidence.lengths.iter().any(|n| *n > 2) => {
                    vec![list(base, indices), vector(base - CLOSE, positions)]
                }
                _ => vec![list(base, indices)],
            };
        }
        match (sided || *element == DataType::Boolean || !evidence.has_values(), whole) {
            (true, _) => vec![vector(base, positions)],
            (false, true) if one_length => vec![list(base, indices), vector(base - CLOSE, positions)],
            (false, true) => vec![list(base, indices)],
            // Numbers of any size are an embedding, unless the name of the column says that it holds labels.
            (false, false) => vec![vector(self.base(9, 8, 1), positions)],
        }
    }
}

/// A number as cells hold it: an integer where it is one, so that it prints as such.
fn number_value(number: f64) -> Value<'static> {
    Value::whole(number).map_or(Value::Float(number), Value::Int)
}
