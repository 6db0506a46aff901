//! Readings as one 0/1 column per label.

use std::collections::HashSet;

use super::candidates::{Candidate, CandidateColumn};
use super::codes::{Codes, declarations};
use super::column_names::{NameRank, is_aside_name, is_id_name, rank_of_name};
use super::layout::{LayoutKind, is_number, is_text, item};
use super::look::Look;
use super::offers::COLUMNS_SHOWN;
use super::values::Domain;
use crate::error::plural;

/// Points of several columns that are one label each, and of several with shares.
const GROUP: u32 = 6;
const SHARES: u32 = 2;
/// Cells that show whether a column holds one value.
const MANY: u64 = 20;

impl Look<'_> {
    /// Columns that are one label each, with those of the same types in which all cells are NULL: a rare label
    /// may not be known in the rows looked at.
    pub(super) fn wide(&self) -> Vec<String> {
        self.wide_by(&|column| column.domain.clone())
    }

    /// The same where values mean what `domain` says.
    fn wide_by(&self, domain: &dyn Fn(&CandidateColumn<'_>) -> Domain) -> Vec<String> {
        let is_sure = |column: &CandidateColumn<'_>| {
            let domain = domain(column);
            is_scalar(column) && CandidateColumn { domain: &domain, ..*column }.is_cells()
        };
        let sure: Vec<CandidateColumn<'_>> = self.columns().filter(is_sure).collect();
        let names: HashSet<&str> = sure.iter().map(CandidateColumn::name).collect();
        let types: HashSet<_> = sure.iter().map(|column| column.field.data_type()).collect();
        let is_unknown = |column: &CandidateColumn<'_>| {
            is_scalar(column) && !column.evidence.has_values() && types.contains(column.field.data_type())
        };
        let columns = self.columns().filter(|c| names.contains(c.name()) || is_unknown(c));
        columns.map(|column| column.name().to_owned()).collect()
    }

    /// Columns that would be labels beside those in `wide` if a few of their values were declared, with what they
    /// hold. Without columns of 0 and 1 beside them, only values count that often stand for something.
    pub(super) fn near(&self, wide: &[String]) -> Vec<(String, Codes)> {
        let known: HashSet<&str> = wide.iter().map(String::as_str).collect();
        let is_strict = wide.is_empty() || !self.given.labels.is_empty();
        let columns = self.columns().filter(|column| {
            let data_type = column.field.data_type();
            let fits = is_scalar(column) && (is_number(data_type) || is_text(data_type));
            // A domain of its own says all about a label.
            fits && !self.given.label_domains.contains_key(column.name())
                && !is_id_name(column.name())
                && !known.contains(column.name())
        });
        let near = columns.filter_map(|column| {
            let codes = Codes::of(column.evidence, column.domain);
            let is_class = rank_of_name(column.name()) != NameRank::Other && codes.are_indices();
            (codes.is_near(is_strict) && !is_class).then(|| (column.name().to_owned(), codes))
        });
        near.collect()
    }

    /// The columns in `wide` and `near` as labels together, in each way to declare the values of `near`; and those in
    /// `wide` alone.
    pub(super) fn declared_readings(&self, wide: &[String], near: &[(String, Codes)]) -> Vec<Candidate> {
        let Some((first, _)) = near.first() else { return Vec::new() };
        let is_in =
            |name: &str| wide.iter().any(|own| own == name) || near.iter().any(|(own, _)| own == name);
        let together = || self.columns().filter(|column| is_in(column.name()));
        let labels: Vec<String> = together().map(|column| column.name().to_owned()).collect();
        let codes: Vec<Codes> = together().map(|column| Codes::of(column.evidence, column.domain)).collect();
        let ranked = || near.iter().map(|(name, _)| rank_of_name(name)).max().unwrap_or(NameRank::Other);
        let points = if !self.given.labels.is_empty() {
            GROUP + 1
        } else if labels.len() > 1 && (wide.len() != 1 || near.iter().any(|(_, codes)| codes.is_near(true))) {
            GROUP.max(ranked().points(7, 5, 0))
        } else {
            ranked().points(7, 5, 2)
        };
        let cells = self.found.get(first).map(|evidence| evidence.shown.clone()).unwrap_or_default();
        let mut odd: Vec<String> = near.iter().flat_map(|(_, codes)| codes.shown()).collect();
        odd.sort();
        odd.dedup();
        let shown: Vec<&str> = odd.iter().take(COLUMNS_SHOWN).map(String::as_str).collect();
        let more = if odd.len() > shown.len() { ", …" } else { "" };
        let why = format!(
            "{} that {} 0 and 1 or a few other values: {}{more} in {}",
            plural(labels.len() as u64, "column"),
            if labels.len() == 1 { "holds" } else { "hold" },
            shown.join(", "),
            names(&near.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())
        );
        let ways = declarations(&codes.iter(), self.given.domain).into_iter().map(|(flags, domain)| {
            let again = self.wide_by(&|_| domain.clone());
            Candidate {
                more: flags,
                is_spelled: again != labels,
                cells: cells.clone(),
                ..Candidate::plain(LayoutKind::Wide, labels.clone(), points, why.clone())
            }
        });
        let mut all: Vec<Candidate> = ways.collect();
        if !wide.is_empty() && self.given.labels.is_empty() {
            let without = self.wide_candidate(wide.to_vec());
            all.push(Candidate { is_spelled: true, points, ..without });
        }
        all
    }

    /// Columns that are one label each. Where some names say that they are no labels, or one that it is the label,
    /// both ways are possible.
    pub(super) fn wide_readings(&self, wide: Vec<String>) -> Vec<Candidate> {
        let aside: Vec<&String> = wide.iter().filter(|name| is_aside_name(name)).collect();
        let exact: Vec<&String> = wide.iter().filter(|name| rank_of_name(name) == NameRank::Exact).collect();
        let spelled = |labels: Vec<String>, why: &str| {
            let one = self.wide_candidate(labels);
            let why = format!("{}{why}", one.why);
            Candidate { is_spelled: true, why, ..one }
        };
        let mut all = Vec::new();
        if let [only] = exact[..]
            && wide.iter().all(|name| name == only || rank_of_name(name) == NameRank::Other)
        {
            all.push(spelled(vec![only.clone()], "; the others may be features"));
        } else if !aside.is_empty() && aside.len() < wide.len() {
            let rest = wide.iter().filter(|name| !aside.contains(name)).cloned().collect();
            let names: Vec<String> = aside.into_iter().cloned().collect();
            all.push(spelled(rest, &format!("; without {}", self::names(&names))));
        }
        all.push(self.wide_candidate(wide));
        all
    }

    fn wide_candidate(&self, labels: Vec<String>) -> Candidate {
        let values =
            if self.given.domain.is_binary() { "only 0, 1 and nulls" } else { "only declared values" };
        let is_constant = |name: &&String| {
            self.found.get(*name).is_some_and(|evidence| {
                evidence.cells >= MANY && evidence.numbers().count() + evidence.texts.len() == 1
            })
        };
        let constant: Vec<String> = labels.iter().filter(is_constant).cloned().collect();
        let alike = match constant.len() {
            0 => String::new(),
            n if labels.len() > COLUMNS_SHOWN || n * 2 > labels.len() => String::new(),
            1 => format!("; {} has one value in the rows looked at", constant[0]),
            _ => format!("; {} have one value each in the rows looked at", names(&constant)),
        };
        let why = format!(
            "{} {} {values}: {}{alike}",
            plural(labels.len() as u64, "column"),
            if labels.len() == 1 { "holds" } else { "hold" },
            names(&labels)
        );
        let cells = labels.first().and_then(|name| self.found.get(name));
        let cells = cells.map(|evidence| evidence.shown.clone()).unwrap_or_default();
        Candidate { cells, ..Candidate::plain(LayoutKind::Wide, labels, GROUP, why) }
    }

    /// Several columns of numbers from 0 to 1, some of them between: soft labels, or scores.
    pub(super) fn soft_readings(&self) -> Vec<Candidate> {
        let domain = self.given.domain;
        if !self.given.labels.is_empty() || domain.soft || domain.threshold.is_some() {
            return Vec::new();
        }
        let is_soft = |column: &CandidateColumn<'_>| {
            let is_between = column.evidence.numbers().any(|x| x > 0.0 && x < 1.0);
            is_scalar(column)
                && column.field.data_type().is_floating()
                && is_between
                && column.evidence.numbers().all(|x| (0.0..=1.0).contains(&x))
                && !Codes::of(column.evidence, column.domain).is_near(false)
        };
        let labels: Vec<String> =
            self.columns().filter(is_soft).map(|column| column.name().to_owned()).collect();
        if labels.len() < 2 {
            return Vec::new();
        }
        let cells = self.found.get(&labels[0]).map(|evidence| evidence.shown.clone()).unwrap_or_default();
        let why =
            format!("{} hold numbers from 0 to 1: {}", plural(labels.len() as u64, "column"), names(&labels));
        let ways = ["--soft", "--threshold 0.5"].map(|how| {
            let mut declared = domain.clone();
            declared.soft = how == "--soft";
            declared.threshold = (!declared.soft).then_some(0.5);
            Candidate {
                more: vec![how.to_owned()],
                is_spelled: self.wide_by(&|_| declared.clone()) != labels,
                cells: cells.clone(),
                ..Candidate::plain(LayoutKind::Wide, labels.clone(), SHARES, why.clone())
            }
        });
        ways.to_vec()
    }

    /// Several columns of classes as heads, and their place among the readings: in front of those that are as likely.
    pub(super) fn heads(&self, candidates: &[Candidate]) -> Option<(usize, Candidate)> {
        let is_class =
            |one: &&Candidate| one.kind == LayoutKind::Class && one.more.is_empty() && one.labels.len() == 1;
        let points = candidates.iter().find(is_class)?.points;
        let is_open = self.given.labels.is_empty() && self.given.kind.is_none();
        let is_small = |one: &&Candidate| {
            let name = &one.labels[0];
            let evidence = self.found.get(name);
            let few = evidence.is_some_and(|e| e.distinct() <= 64 && e.distinct() * 2 <= e.cells.max(4));
            let is_text = self.schema.field_with_name(name).is_ok_and(|field| is_text(field.data_type()));
            rank_of_name(name) != NameRank::Other || self.classes.contains_key(name) || few && is_text
        };
        let alike = candidates.iter().filter(is_class).filter(|one| one.points == points).filter(is_small);
        let mut labels: Vec<String> = Vec::new();
        for one in alike {
            // A column that may be read in two ways is asked about first.
            if !labels.contains(&one.labels[0]) {
                labels.push(one.labels[0].clone());
            }
        }
        if !is_open || !(2..=COLUMNS_SHOWN).contains(&labels.len()) {
            return None;
        }
        let place = candidates.iter().position(|one| one.points <= points).unwrap_or(candidates.len());
        let why = format!("each of {} is a class of its own: a head", names(&labels));
        Some((place, Candidate::plain(LayoutKind::Class, labels, points, why)))
    }
}

fn is_scalar(column: &CandidateColumn<'_>) -> bool {
    item(column.field.data_type()).is_none() && column.classes.is_none()
}

/// Names in a sentence: the first and the last of many.
pub(super) fn names(labels: &[String]) -> String {
    let shown = |name: &String| {
        if name.is_empty() || name.contains([',', '"']) { format!("{name:?}") } else { name.clone() }
    };
    match labels {
        [first, .., last] if labels.len() > COLUMNS_SHOWN => format!("{} … {}", shown(first), shown(last)),
        some => some.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}
