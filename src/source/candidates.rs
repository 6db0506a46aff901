//! Every way to read the columns as labels, with the evidence for it: how sure it is, and the flags that choose
//! it.

use arrow::datatypes::{DataType, Field};

use super::codes::USUAL;
use super::column_names::{NameRank, is_id_name, rank_of_name};
use super::declarations::{codes_beside_shares, missing_flag, ways, ways_of_named};
use super::evidence::{CELLS_SHOWN, ColumnEvidence};
use super::joined::{BLANK, TextShape, is_in_few, shape_of};
use super::joined_names::only_separator;
use super::layout::{LayoutKind, is_number, is_text, item};
use super::structured::object;
use super::text_lists::text_lists;
use super::type_words::type_words;
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
pub(super) const CLOSE: u32 = 1;
pub(super) const UNLIKELY: u32 = 3;

/// One way to read columns as labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// How labels are stored.
    pub kind: LayoutKind,
    /// The label columns.
    pub labels: Vec<String>,
    /// The row id column of layout `long`.
    pub id: Option<String>,
    /// The column of values beside the labels.
    pub value: Option<String>,
    /// The separator of layout `delimited`.
    pub delimiter: Option<String>,
    /// Other flags that it needs. Such a reading is never chosen unasked.
    pub more: Vec<String>,
    /// The flags name all columns, because detection would find others.
    pub is_spelled: bool,
    /// The evidence, as a sentence.
    pub why: String,
    /// Some cells of the first label column, as a person reads them.
    pub cells: Vec<String>,
    /// How likely it is, compared with others.
    pub points: u32,
    /// No cell that was looked at holds a value.
    pub is_empty: bool,
}

impl Candidate {
    fn of(kind: LayoutKind, column: &str, evidence: &ColumnEvidence, points: u32, why: String) -> Self {
        Self { cells: evidence.shown.clone(), ..Self::plain(kind, vec![column.to_owned()], points, why) }
    }

    /// A reading of columns, without cells and without further flags.
    pub(super) fn plain(kind: LayoutKind, labels: Vec<String>, points: u32, why: String) -> Self {
        Self {
            kind,
            labels,
            id: None,
            value: None,
            delimiter: None,
            more: Vec::new(),
            is_spelled: false,
            why,
            cells: Vec::new(),
            points,
            is_empty: false,
        }
    }

    /// The flags that choose it, as they are pasted into a shell.
    #[must_use]
    pub(crate) fn flags(&self) -> String {
        /// Above this, `--layout wide` finds the columns again.
        const NAMES_MAX: usize = 12;
        let mut flags = String::new();
        if self.labels.len() <= NAMES_MAX || self.is_spelled {
            let is_plain = |name: &String| !name.contains([',', '*', '?', '[', '!']);
            if self.labels.iter().all(is_plain) {
                flags.push_str(&flag("--labels", &self.labels.join(",")));
            } else {
                let each: Vec<String> = self.labels.iter().map(|name| flag("--labels", name)).collect();
                flags.push_str(&each.join(" "));
            }
            flags.push(' ');
        }
        flags.push_str(&format!("--layout {}", self.kind));
        if let Some(id) = &self.id {
            flags.push_str(&format!(" {}", flag("--id", id)));
        }
        if let Some(value) = &self.value {
            flags.push_str(&format!(" {}", flag("--value", value)));
        }
        if let Some(by) = &self.delimiter {
            // What begins with a dash would be taken for a flag.
            let to = if by.starts_with('-') { '=' } else { ' ' };
            flags.push_str(&format!(" --delimiter{to}'{}'", by.replace('\'', "'\\''")));
        }
        self.more.iter().for_each(|flag| flags.push_str(&format!(" {flag}")));
        flags
    }
}

/// A flag with a value, which `=` tells from other flags if it begins like one.
fn flag(name: &str, value: &str) -> String {
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{between}{}", for_shell(value))
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
    /// Flags say what whole numbers are.
    pub(crate) are_keys_said: bool,
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
            .map(|number| self.domain.cell(&Value::of_number(number)))
            .chain(evidence.texts.keys().map(|text| self.domain.cell(&Value::Text(text))));
        let known = |cell: Cell| !matches!(cell, Cell::Missing | Cell::Invalid);
        let mut any = false;
        let all = sides.all(|cell| {
            any |= known(cell);
            cell != Cell::Invalid
        });
        // A threshold gives every number a side, that of features too.
        let has_range = self.domain.threshold.is_none() && !self.domain.soft;
        let is_within = |x: f64| {
            let cell = || self.domain.cell(&Value::of_number(x));
            (0.0..=1.0).contains(&x) || matches!(cell(), Cell::Missing | Cell::Uncertain)
        };
        let within = has_range || self.is_named || evidence.numbers().all(is_within);
        all && any && within && !evidence.is_full && !evidence.has_bytes
    }

    /// Whether the column is more likely to name rows than labels.
    fn is_row_id(&self) -> bool {
        is_id_name(self.name()) && !self.evidence.has_few_values()
    }

    pub(super) fn base(&self, exact: u32, worded: u32, other: u32) -> u32 {
        if self.is_named { NAMED } else { rank_of_name(self.name()).points(exact, worded, other) }
    }

    /// The ways to read the column by itself.
    pub(crate) fn readings(&self) -> Vec<Candidate> {
        let data_type = self.field.data_type();
        if let Some(element) = item(data_type) {
            return self.own_list_readings(data_type, element);
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

    pub(super) fn candidate(&self, kind: LayoutKind, points: u32, why: String) -> Candidate {
        let is_empty = self.is_empty() && self.classes.is_none();
        let why = if is_empty { format!("{why}; no cell that was looked at holds a value") } else { why };
        Candidate { is_empty, ..Candidate::of(kind, self.name(), self.evidence, points, why) }
    }

    /// Whether the cells that were looked at hold no value, though they are short enough to be read.
    pub(super) fn is_empty(&self) -> bool {
        let evidence = self.evidence;
        !evidence.has_values() && !evidence.is_long && !evidence.has_bytes && !evidence.is_full
    }

    fn cell_readings(&self) -> Vec<Candidate> {
        let name = self.name();
        // Sides that were declared for its values are meant for this column.
        let is_declared = self.has_declared_sides();
        let base = if is_declared { self.base(7, 7, 6) } else { self.base(3, 2, 1) };
        let values = if self.domain.is_binary() { "only 0 and 1" } else { "only values that were declared" };
        let wide = self.candidate(LayoutKind::Wide, base, format!("{name:?} holds {values}"));
        let is_class = self.is_named || rank_of_name(name) != NameRank::Other;
        let class = (is_class && self.field.data_type().is_integer()).then(|| {
            let why = format!("0 and 1 in {name:?} are two classes");
            let behind = if self.is_named || is_declared { UNLIKELY } else { CLOSE };
            let more = self.index_flags()?;
            Some(Candidate { more, ..self.candidate(LayoutKind::Class, base - behind, why) })
        });
        [Some(wide), class.flatten()].into_iter().flatten().collect()
    }

    /// Whether values have a side only because it was declared.
    fn has_declared_sides(&self) -> bool {
        let domain = self.domain;
        if domain.threshold.is_some() || domain.soft {
            return false;
        }
        let default = Domain::default();
        let is_new = |value: &Value<'_>| {
            default.cell(value) == Cell::Invalid
                && matches!(domain.cell(value), Cell::Positive | Cell::Negative)
        };
        let numbers = self.evidence.numbers().any(|number| is_new(&Value::of_number(number)));
        numbers || self.evidence.texts.keys().any(|text| is_new(&Value::Text(text)))
    }

    /// The flags without which some numbers would be no label indices; `None` where many are none.
    pub(super) fn index_flags(&self) -> Option<Vec<String>> {
        const CODES_MAX: usize = 2;
        let is_odd = |number: &f64| *number < 0.0 && !self.domain.is_missing(&Value::of_number(*number));
        let odd: Vec<String> =
            self.evidence.numbers().filter(is_odd).map(|x| Value::of_number(x).to_string()).collect();
        if odd.is_empty() {
            return Some(Vec::new());
        }
        let flag = (odd.len() <= CODES_MAX).then(|| missing_flag(&odd, self.domain))?;
        flag.map(|flag| vec![flag])
    }

    fn number_readings(&self) -> Vec<Candidate> {
        let (name, data_type) = (self.name(), self.field.data_type());
        let base = self.base(7, 5, u32::from(!self.is_row_id()));
        if let Some(classes) = self.classes {
            let why = format!(
                "the footer names {classes} {} for {name:?}",
                if classes == 1 { "class" } else { "classes" }
            );
            let more = self.index_flags().unwrap_or_default();
            return vec![Candidate { more, ..self.candidate(LayoutKind::Class, base, why) }];
        }
        let whole = self.evidence.numbers().all(|x| Value::whole(x).is_some());
        if self.is_empty() && data_type.is_integer() {
            // Only a name can say that each number would be a label.
            let why = format!("{name:?} is {}", type_words(data_type));
            let wide = |points| self.candidate(LayoutKind::Wide, points, why.clone());
            return match base {
                SURE.. if self.is_named => [self.class_readings(base), vec![wide(base - CLOSE)]].concat(),
                SURE.. => self.class_readings(base),
                _ => vec![wide(1)],
            };
        }
        if data_type.is_integer() || whole && self.evidence.has_values() {
            let mut all = if whole { self.class_readings(base) } else { Vec::new() };
            all.extend(self.bits_reading());
            if self.is_mask() {
                // A mask is seldom a class.
                all.iter_mut().for_each(|candidate| candidate.points = candidate.points.min(SURE - 1));
                all.sort_by_key(|candidate| candidate.kind != LayoutKind::Bits);
            }
            all.retain(|candidate| candidate.points > 0);
            return all;
        }
        let share = codes_beside_shares(self.evidence, self.domain);
        let why = if let Some(outside) = &share {
            let codes: String = outside.iter().map(|code| format!(", beside {code}")).collect();
            format!("{name:?} holds numbers from 0 to 1{codes}")
        } else if self.is_empty() {
            format!("{name:?} is {}", type_words(data_type))
        } else {
            format!("{name:?} is {}: a threshold says which numbers are positive", type_words(data_type))
        };
        // A feature, unless its name says that it is a label.
        let is_likely = share.is_some() || self.is_empty();
        let points = if self.is_named { base } else { self.base(3, 2, u32::from(is_likely)) };
        let wide = |more| Candidate { more, ..self.candidate(LayoutKind::Wide, points, why.clone()) };
        if points == 0 {
            Vec::new()
        } else {
            ways(self.evidence, self.domain).into_iter().map(wide).collect()
        }
    }

    /// Each number is one label index.
    fn class_readings(&self, base: u32) -> Vec<Candidate> {
        /// An index that seldom is one: the vector would have as many places.
        const INDEX_MAX: f64 = 1e6;
        /// Numbers at most where some below 0 are classes.
        const NAMES_BELOW_MAX: usize = 32;
        /// How often the places below it a code is.
        const FAR: f64 = 2.0;
        let name = self.name();
        let class = |more: Vec<String>, why: String| Candidate {
            more,
            ..self.candidate(LayoutKind::Class, base, why)
        };
        let is_below = |x: f64| x < 0.0 && !self.domain.is_missing(&Value::of_number(x));
        let is_named =
            self.evidence.numbers().any(is_below) && self.evidence.numbers().count() <= NAMES_BELOW_MAX;
        let named = || format!("each number in {name:?} is the name of one label, also those below 0");
        let named = is_named.then(named);
        let Some(flags) = self.index_flags() else {
            let named = named.into_iter();
            return named.map(|named| class(vec!["--label-kind name".to_owned()], named)).collect();
        };
        let by_name = [&flags[..], &["--label-kind name".to_owned()]].concat();
        let is_known = |number: &f64| !self.domain.is_missing(&Value::of_number(*number)) && *number >= 0.0;
        let known: Vec<f64> = self.evidence.numbers().filter(is_known).collect();
        let (least, most) = known.iter().fold((f64::MAX, 0.0), |(a, b), x| (x.min(a), x.max(b)));
        if most > INDEX_MAX {
            return vec![class(by_name, format!("each number in {name:?} is the name of one label"))];
        }
        let why = format!("each number in {name:?} is one label index");
        #[expect(clippy::float_cmp, reason = "whole numbers")]
        let from_one = least == 1.0 && most == known.len() as f64 && most > 1.0 && !self.are_keys_said;
        if from_one {
            let named =
                format!("numbers in {name:?} run from 1 to {most}, without 0: each is the name of one label");
            let index = format!("each number in {name:?} is one label index, and label 0 has no row");
            return vec![class(by_name, named), class(flags, index)];
        }
        if let Some(vector) = self.digit_reading(base.min(SURE - 1)) {
            let class = class(flags, why);
            return vec![vector, Candidate { points: class.points.min(SURE - 1), ..class }];
        }
        if let Some(gaps) = self.gaps() {
            let named = format!("each number in {name:?} is the name of one label: {}", gaps.why);
            let both = [class(by_name, named), class(flags, why.clone())];
            let stray = gaps.stray.map(|(flag, code)| {
                class(vec![flag], format!("{why}, and {code} is far above the others, as a code for none is"))
            });
            return stray.into_iter().chain(both).collect();
        }
        // A number below 0 is no index, but may be the name of a class.
        if let Some(named) = &named {
            return vec![class(flags, why), class(vec!["--label-kind name".to_owned()], named.clone())];
        }
        // A code far above the indices is seldom one of them.
        let below = known.iter().filter(|x| **x < most).fold(0.0, |a: f64, x| a.max(*x));
        let is_far = flags.is_empty() && USUAL.contains(&most) && most > FAR * (below + 1.0);
        let code = is_far.then(|| Value::of_number(most).to_string());
        if let Some(code) = code
            && let Some(missing) = missing_flag(std::slice::from_ref(&code), self.domain)
        {
            let coded = format!("{why}, and {code} is far above the others, as a code for none is");
            return vec![class(vec![missing], coded), class(flags, why)];
        }
        vec![class(flags, why)]
    }

    /// Each bit of an integer is one label.
    fn bits_reading(&self) -> Option<Candidate> {
        let (name, data_type) = (self.name(), self.field.data_type());
        let (many, most) = self.evidence.numbers().fold((0, 0.0_f64), |(n, most), x| (n + 1, most.max(x)));
        let is_mask = self.is_mask();
        let is_like = data_type.is_unsigned_integer() && many > 2 || many >= 8 && most >= 127.0;
        if !data_type.is_integer() || is_id_name(name) || !(is_mask || is_like) {
            return None;
        }
        let more = self.index_flags()?;
        let why = format!("each bit of the numbers in {name:?} is one label");
        let points = if is_mask { self.base(3, 3, 3).min(SURE - 1) } else { 1 };
        Some(Candidate { more, ..self.candidate(LayoutKind::Bits, points, why) })
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
        if let Some(readings) = self.braced_readings() {
            return readings;
        }
        if let Some(lists) = text_lists(name, evidence, self.domain) {
            return self.text_list_readings(&lists);
        }
        if let Some(readings) = self.queried_readings() {
            return readings;
        }
        let many = evidence.texts.len() as u64 * 10 > evidence.cells * 9 && evidence.cells >= 20;
        let base = self.base(7, 5, u32::from(!many && !evidence.is_full && !self.is_row_id()));
        let class = |points: u32, why: String| self.candidate(LayoutKind::Class, points, why);
        let split = |points: u32, by: &str| {
            let why = format!("strings in {name:?} hold several labels separated by {by:?}");
            let joined = evidence.texts.keys().filter(|text| text.contains(by)).take(CELLS_SHOWN);
            // Sentences have semicolons, too.
            let is_rare = evidence.has_phrases() && is_in_few(&evidence.texts, by);
            let points = if is_rare { points.min(SURE - 1) } else { points };
            Candidate {
                delimiter: Some(by.to_owned()),
                cells: joined.map(|text| format!("{text:?}")).collect(),
                ..self.candidate(LayoutKind::Delimited, points, why)
            }
        };
        let whole = || format!("each string in {name:?} is one label");
        let shape = shape_of(&evidence.texts);
        let is_open = match shape {
            TextShape::Single => !many && !evidence.has_phrases(),
            shape => matches!(shape, TextShape::Unclear(_)),
        };
        let joint = if is_open { only_separator(&evidence.texts) } else { None };
        let all = match shape {
            // Several words in strings that hardly recur are seldom the names of classes.
            TextShape::Single if evidence.has_phrases() => {
                vec![split(base.max(1), BLANK), class(base, whole())]
            }
            TextShape::Single => {
                let joined = joint.map(|by| split(base.saturating_sub(CLOSE).max(1), &by));
                std::iter::once(class(base, whole())).chain(joined).collect()
            }
            TextShape::Joined(by) => {
                // Commas are in sentences, too.
                let least = u32::from(!by.contains(','));
                vec![split(base.max(least), by), class(base.saturating_sub(UNLIKELY), whole())]
            }
            TextShape::Unclear(by) => {
                // Strings that hardly recur are seldom one name each.
                let is_likely = by == BLANK && many;
                let other = joint.as_deref().filter(|joint| *joint != by);
                let by = if by == BLANK { other.unwrap_or(by) } else { by };
                let less = base.saturating_sub(CLOSE).max(1);
                let mut all = if is_likely {
                    vec![split(base.max(1), by), class(base, whole())]
                } else {
                    vec![class(base, whole()), split(less, by)]
                };
                all.extend(other.filter(|other| *other != by).map(|other| split(less, other)));
                all
            }
            TextShape::Structured(_) if self.holds_objects() => self.object_readings(),
            TextShape::Structured(what) => {
                // Never split by guess, and seldom one name.
                let why = format!(
                    "strings in {name:?} look like {what}, which are not read as labels; as layout class each is one label"
                );
                let class = class(base.min(SURE - 1), why);
                self.spaced_lists_reading().into_iter().chain([class]).collect()
            }
        };
        all.into_iter().filter(|candidate| candidate.points > 0).collect()
    }

    /// Texts that are objects, with the flags that give all their values a side.
    fn object_readings(&self) -> Vec<Candidate> {
        let mut values = ColumnEvidence::default();
        for text in self.evidence.texts.keys() {
            // Those that are no objects are few.
            object(text, |_, value| values.element(&value)).unwrap_or(());
        }
        let why = format!("each string in {:?} is an object that gives labels a value", self.name());
        let map = |more: Vec<String>| {
            let points = if more.is_empty() { self.base(7, 5, 2) } else { self.base(5, 3, 1) };
            Candidate { more, ..self.candidate(LayoutKind::Map, points, why.clone()) }
        };
        let mut maps: Vec<_> = ways_of_named(&values, self.domain).into_iter().map(map).collect();
        if maps.is_empty() && values.texts.is_empty() && self.domain.is_binary() {
            // Percent, ranks, sums: from some number on they are positive.
            let above = values.numbers().filter(|number| *number > 0.0);
            let (least, most) = above.fold((f64::MAX, 0.0_f64), |(a, b), x| (x.min(a), x.max(b)));
            let mut thresholds = vec![most / 2.0, least];
            thresholds.dedup();
            let flags = thresholds.into_iter().filter(|_| most > 0.0).map(|t| format!("--threshold {t}"));
            maps.extend(flags.map(|flag| map(vec![flag])));
        }
        if maps.is_empty() {
            let why = format!(
                "strings in {:?} are objects whose values have no side; as layout class each is one label",
                self.name()
            );
            return vec![self.candidate(LayoutKind::Class, self.base(7, 5, 1).min(SURE - 1), why)];
        }
        maps
    }

    /// Whether nearly all texts are objects. Counting names those that are not.
    fn holds_objects(&self) -> bool {
        let texts = &self.evidence.texts;
        texts.keys().filter(|text| object(text, |_, _| ()).is_ok()).count() * 10 >= texts.len() * 9
    }
}
