//! Lists that are hardly labels, or not by themselves: what stands beside them may be the label, or say which of their
//! elements are.

use arrow::datatypes::{DataType, Field};

use super::aside_names::{
    is_aside_name, is_aside_text_name, is_part_name, is_place_name, is_token_name, may_be_target,
};
use super::candidates::{CLOSE, Candidate, CandidateColumn, SURE};
use super::column_names::{
    NameRank, is_id_name, is_remark_name, is_row_name, is_score_name, is_topic_name, rank_of_name,
};
use super::declarations::{codes_beside_shares, ways};
use super::evidence::ColumnEvidence;
use super::joined::BLANK;
use super::layout::{LayoutKind, is_number, is_text, item};
use super::look::Look;
use super::text_lists::text_lists;

/// Elements from which they show whether they recur.
const ELEMENTS_MIN: u64 = 40;
/// Elements for each one that recurs, from which lists are texts rather than labels; the same of classes.
const HARDLY: u64 = 5;
const HARDLY_CLASSES: u64 = 2;
/// Rows for each class by which whole numbers are classes, though few of them recur in the rows that were looked at.
const ROWS_EACH: f64 = 10.0;
/// The number from which elements of lists beside tokens may be tokens.
const TOKENS_MIN: f64 = 1000.0;
/// The one length of lists from which those of two columns hardly have it by chance.
const LENGTH_MIN: i64 = 8;

impl Look<'_> {
    /// Weighs lists by what stands beside them.
    pub(super) fn doubt_lists(&self, all: &mut Vec<Candidate>) {
        if !self.given.labels.is_empty() || self.given.kind.is_some() {
            return;
        }
        self.doubt_texts(all);
        self.raise_beside_lists(all);
        self.raise_same_vectors(all);
        let beside = self.aligned_readings(all);
        all.extend(beside);
        self.doubt_unnamed(all);
    }

    /// A list without elements, one of a tokeniser, and one whose name says nothing are not chosen beside what may be the
    /// labels as well. That need not be sure enough to be chosen by itself.
    fn doubt_unnamed(&self, all: &mut [Candidate]) {
        let is_list = |one: &Candidate| {
            let is_map =
                || one.kind == LayoutKind::Map && self.schema.field_with_name(&one.labels[0]).is_ok();
            (matches!(one.kind, LayoutKind::List | LayoutKind::Vector) || is_map())
                && one.labels.len() == 1
                && one.points > 0
        };
        let has_values = all.iter().any(|one| !one.is_empty && one.points > 0 && !is_id_name(&one.labels[0]));
        for one in all.iter_mut().filter(|one| is_list(one)) {
            let is_no_label = is_token_name(&one.labels[0]) || is_place_name(&one.labels[0]);
            if is_no_label || one.is_empty && has_values {
                one.points = 1;
            }
        }
        // Texts to write are lists of tokens, too.
        let has_tokens = self.free_fields().any(|field| is_token_name(field.name()));
        let most =
            |one: &Candidate| self.found.get(&one.labels[0]).map_or(0.0, |e| e.numbers().fold(0.0, f64::max));
        for one in all.iter_mut().filter(|one| has_tokens && is_list(one) && most(one) >= TOKENS_MIN) {
            one.points = one.points.min(SURE - 1);
        }
        let best = all.iter().filter(|one| is_list(one)).max_by_key(|one| one.points);
        let Some(name) = best.map(|best| best.labels[0].clone()) else { return };
        let is_unnamed = rank_of_name(&name) == NameRank::Other;
        if self.classes.contains_key(&name) || !(is_unnamed || is_topic_name(&name)) {
            return;
        }
        let is_rival = |one: &Candidate| {
            let other = &one.labels[0];
            let root = other.split('.').next().unwrap_or(other);
            // A `name` inside another column is that of what the column holds.
            let is_remark = is_remark_name(if root == other { other } else { root });
            let is_of_rows =
                is_remark || [is_id_name, is_row_name, is_aside_text_name].iter().any(|is| is(other));
            if one.labels.contains(&name)
                || one.points == 0
                || one.is_empty
                || is_of_rows
                || is_token_name(other)
            {
                return false;
            }
            if self.schema.field_with_name(other).is_err() {
                let is_texts = one.kind == LayoutKind::List && one.points > 1;
                return is_texts || one.points >= SURE - 1 || rank_of_name(root) != NameRank::Other;
            }
            // Texts that may be one name each are hardly lists.
            let is_class = |class: &Candidate| {
                class.kind == LayoutKind::Class && class.labels == one.labels && class.points >= one.points
            };
            match one.kind {
                LayoutKind::Delimited => !all.iter().any(is_class),
                LayoutKind::Map => one.more.is_empty() && one.value.is_none(),
                LayoutKind::Wide => is_unnamed && one.labels.len() > 1,
                _ => false,
            }
        };
        if all.iter().any(is_rival) {
            for one in all.iter_mut().filter(|one| is_list(one) && one.labels[0] == name) {
                one.points = one.points.min(SURE - 1);
            }
        }
    }

    /// Texts and numbers that hardly recur, such as answers to choose from, summaries and prices, are never chosen unasked.
    fn doubt_texts(&self, all: &mut [Candidate]) {
        let may_be_texts = |one: &&mut Candidate| {
            matches!(one.kind, LayoutKind::List | LayoutKind::Class | LayoutKind::Long)
                || one.delimiter.as_deref() == Some(BLANK)
        };
        for one in all.iter_mut().filter(may_be_texts) {
            let Some(evidence) = self.found.get(&one.labels[0]) else { continue };
            let domain = self.domain(&one.labels[0]);
            let field = self.schema.field_with_name(&one.labels[0]);
            let is_list = field.is_ok_and(|field| item(field.data_type()).is_some());
            let is_plain = is_list || one.kind != LayoutKind::List;
            let texts = if is_plain { None } else { text_lists(&one.labels[0], evidence, domain) };
            let evidence = texts.as_ref().map_or(evidence, |lists| &lists.evidence);
            if hardly_recurs(evidence) {
                one.points = one.points.min(SURE - 1);
                one.why.push_str("; hardly any of them recurs");
            } else if one.kind != LayoutKind::List && self.are_hardly_classes(evidence) {
                one.points = one.points.min(SURE - 1);
                one.why.push_str("; half of them do not recur");
            }
        }
    }

    /// Whether half of the cells that were looked at hold what no other holds, and rows are too few to say more.
    fn are_hardly_classes(&self, evidence: &ColumnEvidence) -> bool {
        let most = evidence.numbers().fold(0.0, f64::max);
        let may_be_dense = evidence.texts.is_empty() && most * ROWS_EACH <= self.rows as f64;
        evidence.cells >= ELEMENTS_MIN
            && evidence.recurring() * HARDLY_CLASSES <= evidence.cells
            && !may_be_dense
    }

    /// Brings columns that may be the label up to a list that is ahead only because it is a list.
    fn raise_beside_lists(&self, all: &mut [Candidate]) {
        let is_ahead = |one: &&Candidate| {
            matches!(one.kind, LayoutKind::List | LayoutKind::Vector)
                && one.labels.len() == 1
                && one.more.is_empty()
                && one.points >= SURE
        };
        let Some(best) = all.iter().filter(is_ahead).max_by_key(|one| one.points) else { return };
        let (name, points) = (best.labels[0].clone(), best.points);
        let is_unnamed = rank_of_name(&name) == NameRank::Other;
        // Names of classes in the footer are those of labels.
        let is_label = rank_of_name(&name) == NameRank::Exact && !is_topic_name(&name);
        if self.classes.contains_key(&name) || is_label {
            return;
        }
        let last = self.free_fields().last().map(Field::name);
        // The last column is a target more often than what its name says of rows.
        let is_aside = |other: &String| is_aside_name(other) && (Some(other) != last || is_part_name(other));
        let is_rival = |one: &Candidate| {
            let [other] = &one.labels[..] else { return false };
            let Ok(field) = self.schema.field_with_name(other) else { return false };
            let is_of_rows =
                is_id_name(other) || is_row_name(other) || is_score_name(other) || is_remark_name(other);
            let is_label = match one.kind {
                LayoutKind::Wide => !is_aside(other),
                LayoutKind::Class => {
                    let few = self.found.get(other).is_some_and(|e| e.has_few_values() && e.distinct() > 1);
                    let is_named = is_unnamed && is_text(field.data_type()) && !is_aside_text_name(other);
                    let is_number = field.data_type().is_integer();
                    let is_end = Some(other) == last && is_number && may_be_target(other);
                    few && (is_named || is_end)
                }
                _ => false,
            };
            is_label && !is_of_rows && one.more.is_empty() && one.points > 0 && !one.is_empty
        };
        for one in all.iter_mut().filter(|one| is_rival(one)) {
            one.points = one.points.max(points - CLOSE);
        }
    }

    /// Brings vectors up to lists of indices that say the same: they have a place for labels that no row has, too.
    fn raise_same_vectors(&self, all: &mut [Candidate]) {
        let elements = |name: &str, of: &dyn Fn(f64) -> bool| -> u64 {
            let counted = self.found.get(name).into_iter().flat_map(ColumnEvidence::counted);
            counted.filter(|(number, _)| of(*number)).map(|(_, cells)| cells).sum()
        };
        let is_list = |one: &&Candidate| one.kind == LayoutKind::List && one.points >= SURE;
        let Some(best) = all.iter().filter(is_list).max_by_key(|one| one.points) else { return };
        let (points, indices) = (best.points, elements(&best.labels[0], &|_| true));
        let is_same = |one: &Candidate| {
            one.kind == LayoutKind::Vector
                && one.points > 0
                && elements(&one.labels[0], &|x| x == 1.0) == indices
        };
        for one in all.iter_mut().filter(|one| indices > 0 && is_same(one)) {
            one.points = one.points.max(points - CLOSE);
        }
    }

    /// Readings of lists beside which other lists are as long, row by row: their elements are labels with a value each, or
    /// units such as tokens.
    fn aligned_readings(&self, all: &mut [Candidate]) -> Vec<Candidate> {
        let is_own = |one: &&mut Candidate| {
            let is_list = matches!(one.kind, LayoutKind::List | LayoutKind::Vector);
            let field = || self.schema.field_with_name(&one.labels[0]);
            is_list && one.points > 0 && field().is_ok_and(|field| item(field.data_type()).is_some())
        };
        let mut found: Vec<Candidate> = Vec::new();
        for one in all.iter_mut().filter(is_own) {
            let name = one.labels[0].clone();
            let Some(own) = self.found.get(&name).filter(|_| !is_token_name(&name)) else { continue };
            let fields = self.free_fields().filter(|field| self.beside.are_aligned(&name, field.name()));
            let columns: Vec<CandidateColumn<'_>> = fields.filter_map(|field| self.column(field)).collect();
            // A list that is padded has no values in another one.
            let is_padded = one.more.iter().any(|flag| flag.starts_with("--missing-values"));
            if one.kind == LayoutKind::List && !is_padded && own.lengths.iter().any(|length| *length > 1) {
                found.extend(
                    columns
                        .iter()
                        .filter(|other| gives_values(other))
                        .flat_map(|other| self.with_value(one, other)),
                );
            }
            let is_by_chance = own.lengths.iter().max() < Some(&LENGTH_MIN) && own.lengths.len() < 2;
            let is_unit = |other: &CandidateColumn<'_>| {
                item(other.field.data_type()).is_some_and(|of| is_text(of) || of.is_integer())
                    && !gives_values(other)
            };
            let others = columns.iter().filter(|other| is_unit(other)).map(CandidateColumn::name);
            let others: Vec<&str> = others.filter(|_| !is_by_chance).collect();
            let Some(first) = others.first().filter(|_| !self.given.is_unit_said) else { continue };
            // What a token is belongs to the labels of tokens.
            let is_other_named = others.iter().any(|other| rank_of_name(other) > rank_of_name(&name));
            let why = format!(
                "lists in {name:?} are as long as those in {first:?}, row by row: each element is a unit with one label"
            );
            let more = one.more.iter().filter(|flag| !flag.starts_with("--unit")).cloned();
            let more: Vec<String> = more.chain(["--unit element".to_owned()]).collect();
            let is_same =
                |unit: &Candidate| unit.labels == one.labels && unit.value.is_none() && unit.more == more;
            if is_other_named || found.iter().any(is_same) {
                continue;
            }
            found.push(Candidate {
                kind: LayoutKind::List,
                more,
                why,
                points: one.points.max(1),
                ..one.clone()
            });
        }
        found
    }

    /// The reading of a list with the values in another for its elements.
    fn with_value(&self, one: &Candidate, other: &CandidateColumn<'_>) -> Vec<Candidate> {
        let why = format!(
            "lists in {:?} are as long as those in {:?}, row by row: labels with a value each",
            one.labels[0],
            other.name()
        );
        let ways = ways(other.evidence, self.given.domain).into_iter();
        let flags = |more: Vec<String>| one.more.iter().cloned().chain(more).collect();
        ways.map(|more| Candidate {
            kind: LayoutKind::Map,
            value: Some(other.name().to_owned()),
            more: flags(more),
            why: why.clone(),
            points: one.points.saturating_sub(CLOSE).max(1),
            ..one.clone()
        })
        .collect()
    }
}

/// Whether most texts in lists are in no other.
fn hardly_recurs(evidence: &ColumnEvidence) -> bool {
    let elements: u64 = evidence.texts.values().sum();
    elements >= ELEMENTS_MIN && evidence.recurring() * HARDLY <= elements
}

/// Whether the elements of a list are 0 and 1, or shares.
fn gives_values(column: &CandidateColumn<'_>) -> bool {
    let is_numbers = |field: &Field| item(field.data_type()).is_some_and(is_number);
    let is_truth = item(column.field.data_type()) == Some(&DataType::Boolean);
    let is_sided = || CandidateColumn { is_named: false, ..*column }.is_cells();
    is_numbers(column.field)
        && column.classes.is_none()
        && (is_truth || is_sided() || codes_beside_shares(column.evidence, column.domain).is_some())
}
