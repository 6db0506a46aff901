//! The ways to read a column of lists, and of texts that hold lists.

use arrow::datatypes::{DataType, Field};

use super::candidates::{CLOSE, Candidate, CandidateColumn, SURE};
use super::codes::Codes;
use super::column_names::rank_of_name;
use super::declarations::{codes_beside_shares, missing_flag, ways};
use super::layout::{LayoutKind, innermost, is_number, is_text, item};
use super::text_lists::TextLists;
use super::values::{Domain, Literal, Value};

/// Points of lists that may have been cut.
const UNSURE: u32 = 2;
/// Texts that hold no list at most, where the others hold one.
const NO_LISTS_MAX: usize = 6;

/// The ways to read lists inside lists, such as masks of pixels: offered, never chosen unasked.
pub(super) fn lists_of_lists(field: &Field) -> Vec<Candidate> {
    let data_type = field.data_type();
    let element = innermost(data_type);
    let is_deep = item(data_type).is_some_and(|inner| item(inner).is_some());
    if !is_deep || !(element.is_integer() || is_text(element)) {
        return Vec::new();
    }
    let name = field.name();
    let points = rank_of_name(name).points(SURE - 1, SURE - 2, 1);
    let reading = |more: Vec<String>, why: String| {
        let plain = Candidate::plain(LayoutKind::List, vec![name.clone()], points, why);
        Candidate { more, ..plain }
    };
    let units =
        format!("{name:?} holds lists inside lists of {element}: each element is a unit with one label");
    let sets =
        format!("{name:?} holds lists inside lists of {element}: their elements are the labels of the row");
    let mut all = vec![reading(vec!["--unit element".to_owned()], units), reading(Vec::new(), sets)];
    if is_text(element) {
        all.reverse();
    }
    all
}

impl CandidateColumn<'_> {
    /// Texts are read as the lists that they hold.
    pub(super) fn text_list_readings(&self, lists: &TextLists) -> Vec<Candidate> {
        let mut domain: Domain = self.domain.clone();
        domain.missing.extend(lists.odd.iter().map(|text| Literal::new(text)));
        let column =
            CandidateColumn { field: &lists.field, evidence: &lists.evidence, domain: &domain, ..*self };
        let name = self.name();
        let mut all = column.list_readings(lists.field.data_type(), &lists.element);
        for candidate in &mut all {
            let hold = match candidate.kind {
                LayoutKind::Vector => "one number per label",
                _ if lists.element == DataType::Utf8 => "lists of label names",
                _ => "lists of label indices",
            };
            let blanks = if candidate.more.iter().any(|flag| flag == "--trim") {
                ", with blanks around some"
            } else {
                ""
            };
            candidate.why = format!("strings in {name:?} hold {hold}{blanks}");
            if lists.or_class {
                // A few texts in brackets among others say little.
                candidate.points = candidate.points.min(self.base(7, 5, 1));
            }
        }
        if lists.are_spaced {
            for one in all.iter_mut().filter(|one| one.kind == LayoutKind::List) {
                one.more.push(self.with_commas_flag());
                one.points = one.points.min(SURE - 1);
            }
        }
        if let Some(by) = lists.or_delimited {
            let points = all.first().map_or(0, |best| best.points.saturating_sub(CLOSE));
            let why = format!("strings in {name:?} hold two label indices separated by {by:?}");
            let split = self.candidate(LayoutKind::Delimited, points, why);
            all.push(Candidate { delimiter: Some(by.to_owned()), ..split });
        }
        let points = all.first().map_or(0, |best| best.points).min(SURE - 1);
        if let Some(vector) = self.sides_in_lists_reading(&lists.evidence, points) {
            all.iter_mut().for_each(|candidate| candidate.points = candidate.points.min(points));
            all.insert(0, vector);
        }
        let is_declared =
            |candidate: &Candidate| candidate.more.iter().any(|f| f.starts_with("--missing-values"));
        if !lists.odd.is_empty() {
            // What begins like a list is one that is written in another way.
            let is_list = |text: &String| text.trim().starts_with(['[', '(', '{']);
            let are_few = lists.odd.len() <= NO_LISTS_MAX && !lists.odd.iter().any(is_list);
            match missing_flag(&lists.odd, self.domain).filter(|_| are_few) {
                Some(flag) => all
                    .iter_mut()
                    .filter(|candidate| !is_declared(candidate))
                    .for_each(|candidate| candidate.more.push(flag.clone())),
                // Each such text would be an error.
                None => all = self.spaced_lists_reading().into_iter().collect(),
            }
        }
        if lists.or_class {
            let why = format!("some strings in {name:?} hold no list; as layout class each is one label");
            let points = self.base(7, 5, 1).saturating_sub(CLOSE).clamp(1, SURE - 1);
            all.push(self.candidate(LayoutKind::Class, points, why));
        }
        all.retain(|candidate| candidate.points > 0);
        all
    }

    /// The ways to read a column of lists.
    pub(super) fn own_list_readings(&self, data_type: &DataType, element: &DataType) -> Vec<Candidate> {
        let mut all = self.list_readings(data_type, element);
        let points = all.first().map_or(0, |best| best.points).min(SURE - 1);
        if let Some(vector) = self.sides_in_lists_reading(self.evidence, points) {
            all.iter_mut().for_each(|candidate| candidate.points = candidate.points.min(points));
            all.insert(0, vector);
        }
        all
    }

    /// The ways to read lists.
    fn list_readings(&self, data_type: &DataType, element: &DataType) -> Vec<Candidate> {
        let (name, evidence) = (self.name(), self.evidence);
        let base = self.base(9, 8, 3);
        if is_text(element) {
            let why = format!("{name:?} is a list of strings, the label names");
            let plain = self.candidate(LayoutKind::List, base, why);
            let more = vec!["--trim".to_owned()];
            let why = format!("{}, with blanks around some", plain.why);
            let trimmed = Candidate { more, why, ..plain.clone() };
            let is_padded = !self.domain.spelling.trim && self.has_padded_twins();
            return std::iter::once(trimmed).filter(|_| is_padded).chain([plain]).collect();
        }
        if !is_number(element) {
            return Vec::new();
        }
        let indices = format!("{name:?} is a list of {element}, the label indices");
        let positions = format!("{name:?} is a list of {element}, one number per label");
        let cut = format!("{indices}; one number per label would take lists of one length");
        let list = |points: u32, why: String| -> Vec<Candidate> {
            let Some(flags) = self.index_flags() else { return Vec::new() };
            let reading = |more, why| Candidate { more, ..self.candidate(LayoutKind::List, points, why) };
            if let Some(flag) = self.padding_flag() {
                let padded = format!("{why}, and 0 fills the lists up to one length");
                let by_name = vec![flag.clone(), "--label-kind name".to_owned()];
                let rest = "; other numbers are the names of labels";
                return vec![
                    reading(by_name, format!("{padded}{rest}")),
                    reading(vec![flag], padded),
                    reading(flags, why),
                ];
            }
            let named = self.gaps().map(|gaps| {
                let by_name = [&flags[..], &["--label-kind name".to_owned()]].concat();
                reading(
                    by_name,
                    format!("{name:?} is a list of {element}, the names of labels: {}", gaps.why),
                )
            });
            named.into_iter().chain([reading(flags, why)]).collect()
        };
        let vector = |points: u32, why: String| -> Vec<Candidate> {
            let ways = ways(evidence, self.domain).into_iter();
            ways.map(|more| Candidate { more, ..self.candidate(LayoutKind::Vector, points, why.clone()) })
                .collect()
        };
        let sided = CandidateColumn { is_named: false, ..*self }.is_cells();
        let fixed = matches!(data_type, DataType::FixedSizeList(..));
        let one_length = fixed || evidence.lengths.len() == 1 && evidence.lengths.iter().all(|n| *n > 1);
        let is_ragged = !fixed && evidence.lengths.len() > 1;
        let whole = evidence.has_values() && evidence.numbers().all(|x| Value::whole(x).is_some());
        if element.is_integer() {
            let is_coded = Codes::of(evidence, self.domain).is_near(true);
            return match (one_length, sided) {
                (true, true) => {
                    let values =
                        if self.domain.is_binary() { "only 0 and 1" } else { "only declared values" };
                    vec![self.candidate(
                        LayoutKind::Vector,
                        base,
                        format!("lists in {name:?} hold {values} and have one length"),
                    )]
                }
                (false, true) if self.is_one_bit_each() => {
                    [list(base, indices), vector(base - CLOSE, positions)].concat()
                }
                (true, false) if is_coded => [vector(base, positions), list(base - CLOSE, indices)].concat(),
                (false, true) if evidence.lengths.iter().any(|n| *n > 2) => list(base.min(UNSURE), cut),
                _ => list(base, indices),
            };
        }
        match (sided || *element == DataType::Boolean || !evidence.has_values(), whole) {
            (true, _) if is_ragged && whole && *element != DataType::Boolean => list(base.min(UNSURE), cut),
            (true, _) if is_ragged => Vec::new(),
            (true, _) => vec![self.candidate(LayoutKind::Vector, base, positions)],
            (false, true) if one_length => [list(base, indices), vector(base - CLOSE, positions)].concat(),
            (false, true) => list(base, indices),
            (false, false) if !one_length => Vec::new(),
            // Numbers of any size are an embedding, unless the name of the column says that it holds labels.
            (false, false) => {
                let share = codes_beside_shares(evidence, self.domain).is_some();
                let mut all = vector(self.base(9, 8, u32::from(share)), positions);
                all.retain(|candidate| candidate.points > 0);
                all
            }
        }
    }

    /// Whether several texts have blanks around them, and others are the same without.
    fn has_padded_twins(&self) -> bool {
        const TWINS: usize = 2;
        let texts = &self.evidence.texts;
        let is_twin = |text: &&String| text.trim() != text.as_str() && texts.contains_key(text.trim());
        texts.keys().filter(is_twin).count() >= TWINS
    }

    /// The flag that declares 0 missing where it fills up lists of one length: more zeros than lists.
    fn padding_flag(&self) -> Option<String> {
        let evidence = self.evidence;
        let zeros = evidence.counted().find(|(number, _)| *number == 0.0).map_or(0, |(_, times)| times);
        let is_padded = evidence.lengths.len() == 1 && zeros > evidence.cells && !self.are_keys_said;
        missing_flag(&["0".to_owned()], self.domain).filter(|_| is_padded && self.classes.is_none())
    }

    /// Whether each of many lists holds a single 0 or 1: which of two labels it is, or whether it is the only one.
    fn is_one_bit_each(&self) -> bool {
        const LISTS_MIN: u64 = 20;
        let evidence = self.evidence;
        self.classes.is_none() && evidence.cells >= LISTS_MIN && evidence.lengths.iter().eq([&1])
    }
}
