//! Columns that may hold the labels as well as another one, whose reading is ahead only by its layout.

use super::aside_names::{is_aside_text_name, is_known_name};
use super::candidates::{CLOSE, Candidate, SURE};
use super::column_names::{NameRank, is_id_name, is_topic_name, rank_of_name};
use super::evidence::ColumnEvidence;
use super::layout::LayoutKind;
use super::look::Look;
use crate::error::for_shell;
use crate::sql_text::identifier;

/// What annotation tools write of a row that was accepted.
const ACCEPT: &str = "accept";

impl Look<'_> {
    /// Brings the readings of other columns that may be meant as well up to the one that is ahead, so that they are
    /// asked about.
    pub(super) fn raise_rivals(&self, all: &mut [Candidate]) {
        if !self.given.labels.is_empty() {
            return;
        }
        let is_own = |one: &Candidate| self.schema.field_with_name(&one.labels[0]).is_ok();
        let is_ahead = |one: &&Candidate| {
            let is_sure = one.labels.len() == 1 && one.more.is_empty() && one.points >= SURE;
            is_sure && rank_of_name(&one.labels[0]) != NameRank::Other && is_own(one)
        };
        let Some(best) = all.iter().filter(is_ahead).max_by_key(|one| one.points).cloned() else { return };
        let name = &best.labels[0];
        let rank = rank_of_name(name);
        let has_classes = |name: &String| self.classes.contains_key(name);
        let is_topic = is_topic_name(name) && !has_classes(name);
        let is_list = |one: &Candidate| {
            matches!(
                one.kind,
                LayoutKind::List | LayoutKind::Vector | LayoutKind::Map | LayoutKind::Delimited
            )
        };
        // Texts of which some may as well be one name each are hardly lists.
        let has_class = |all: &[Candidate], name: &String| {
            all.iter().any(|one| one.kind == LayoutKind::Class && one.labels == [name.clone()])
        };
        let is_rival: Vec<bool> = all
            .iter()
            .map(|one| {
                let is_other =
                    || !one.labels.contains(name) && one.points > 0 && !one.is_empty && is_own(one);
                let is_group = one.kind == LayoutKind::Wide && one.labels.len() > 1 && one.points >= SURE;
                let is_named = one.labels.len() == 1
                    && (rank_of_name(&one.labels[0]) >= rank
                        || has_classes(&one.labels[0]) && !has_classes(name));
                let is_alike = is_topic
                    && is_list(&best)
                    && is_list(one)
                    && one.more.is_empty()
                    && !has_class(all, &one.labels[0]);
                (is_group || is_named || is_alike) && is_other()
            })
            .collect();
        for (one, _) in all.iter_mut().zip(is_rival).filter(|(_, is_rival)| *is_rival) {
            one.points = one.points.max(best.points - CLOSE);
        }
    }

    /// A column that is named as labels are is never passed over for others whose names say less, though its own reading
    /// needs an answer.
    pub(super) fn raise_named(&self, all: &mut [Candidate]) {
        let rank = |one: &Candidate| {
            let root = |name: &String| rank_of_name(self.root(name));
            one.labels.iter().map(root).max().unwrap_or(NameRank::Other)
        };
        let is_sure = |one: &&Candidate| one.points >= SURE && one.more.is_empty() && one.value.is_none();
        let Some(best) = all.iter().filter(is_sure).max_by_key(|one| one.points).cloned() else { return };
        if rank(&best) == NameRank::Exact || self.classes.contains_key(&best.labels[0]) {
            return;
        }
        let is_passed_over = |one: &Candidate| {
            let is_group = one.labels.len() > 1 && !one.more.is_empty();
            let is_marked = || one.more.iter().any(|flag| flag.starts_with("--positive-values="));
            let is_named = match rank(one) {
                NameRank::Exact => !self.is_coordinate(&one.labels[0]),
                of_one => is_group && (of_one > rank(&best) || is_marked()),
            };
            let is_other = || !one.labels.iter().any(|name| best.labels.contains(name));
            is_named && one.points > 0 && !one.is_empty && is_other()
        };
        let most = all.iter().filter(|one| is_passed_over(one)).map(|one| one.points).max().unwrap_or(0);
        // The first to be offered, unless its name is that of topics as well.
        for one in all.iter_mut().filter(|one| is_passed_over(one)) {
            let is_likely = rank(one) == NameRank::Exact && !is_topic_name(self.root(&one.labels[0]));
            let first = if is_likely { best.points + CLOSE } else { best.points - CLOSE };
            one.points += first.saturating_sub(most);
        }
    }

    /// Brings columns that hold the same kind of labels under a name like that of the best one up to it: `label_corrected`
    /// beside `label`.
    pub(super) fn raise_versions(&self, all: &mut [Candidate]) {
        let is_own =
            |one: &Candidate| one.labels.len() == 1 && self.schema.field_with_name(&one.labels[0]).is_ok();
        let is_sure = |one: &&Candidate| is_own(one) && one.more.is_empty() && one.points >= SURE;
        let Some(best) = all.iter().filter(is_sure).max_by_key(|one| one.points).cloned() else { return };
        let name = &best.labels[0];
        let own = self.found.get(name);
        let is_shared = |other: &ColumnEvidence| {
            let shared =
                own.map_or(0, |own| own.texts.keys().filter(|text| other.texts.contains_key(*text)).count());
            shared * 2 >= other.texts.len().max(1)
        };
        let is_version = |one: &Candidate| {
            let other = &one.labels[0];
            let may_be_both =
                matches!(one.kind, LayoutKind::Class | LayoutKind::Delimited | LayoutKind::List);
            let few = self.found.get(other).filter(|evidence| evidence.distinct() > 1);
            let is_like = few.is_some_and(|evidence| !is_aside_text_name(other) || is_shared(evidence));
            // As superclass and class2 are named after class.
            let [long, short] = [other, name].map(|name| name.to_lowercase());
            let is_named_after = long.starts_with(&short) || long.ends_with(&short);
            is_own(one)
                && one.kind == best.kind
                && may_be_both
                && other != name
                && (rank_of_name(other) != NameRank::Other || is_named_after)
                && !is_id_name(other)
                && is_like
        };
        for one in all.iter_mut().filter(|one| one.points > 0 && is_version(one)) {
            one.points = one.points.max(best.points - CLOSE);
        }
    }

    /// A vector is not chosen beside another list that is as long and may say which of its numbers are known; this one is no
    /// label.
    pub(super) fn doubt_masked(&self, all: &mut [Candidate]) {
        let names = self.free_fields().map(|field| field.name().as_str());
        let masks: Vec<&str> = names.filter(|name| is_known_name(name)).collect();
        let mut used: Vec<String> = Vec::new();
        for one in all.iter_mut().filter(|one| one.kind == LayoutKind::Vector && one.labels.len() == 1) {
            let name = one.labels[0].clone();
            let is_beside = |mask: &&&str| !is_known_name(&name) && self.beside.are_aligned(&name, mask);
            if let Some(mask) = masks.iter().find(is_beside) {
                one.points = one.points.min(SURE - 1);
                one.why.push_str(&format!("; {mask:?} may say which of them are known"));
                used.push((*mask).to_owned());
            }
        }
        for one in all.iter_mut().filter(|one| one.points > 0 && used.contains(&one.labels[0])) {
            one.points = 1;
        }
    }

    /// The column at the top that a column is in.
    fn root<'n>(&self, name: &'n str) -> &'n str {
        let is_own = self.schema.field_with_name(name).is_ok();
        if is_own { name } else { name.split('.').next().unwrap_or(name) }
    }

    /// Whether a column is the `y` beside an `x`.
    fn is_coordinate(&self, name: &str) -> bool {
        let has = |other: &str| self.schema.field_with_name(other).is_ok();
        name == "y" && has("x") || name == "Y" && has("X")
    }

    /// Columns whose names say nothing are not chosen beside a struct of cells that is named as labels are.
    pub(super) fn doubt_beside_structs(&self, all: &mut [Candidate]) {
        let is_inside = |one: &Candidate| {
            let root = one.labels[0].split('.').next().unwrap_or_default();
            let is_own = self.schema.field_with_name(&one.labels[0]).is_ok();
            one.kind == LayoutKind::Wide && !is_own && one.points > 0 && rank_of_name(root) != NameRank::Other
        };
        if all.iter().any(is_inside) {
            let is_unnamed =
                |one: &Candidate| one.labels.iter().all(|name| rank_of_name(name) == NameRank::Other);
            for one in all.iter_mut().filter(|one| one.kind == LayoutKind::Wide && is_unnamed(one)) {
                one.points = one.points.min(SURE - 1);
            }
        }
    }

    /// Where a column says which rows an annotator accepted, those are meant first.
    pub(super) fn add_accepted(&self, all: &mut Vec<Candidate>) {
        let is_verdict = |evidence: &ColumnEvidence| {
            let has = |word: &str| evidence.texts.contains_key(word);
            has(ACCEPT) && (has("reject") || has("ignore")) && evidence.texts.len() <= 3
        };
        let Some((column, _)) = self.found.iter().find(|(_, evidence)| is_verdict(evidence)) else { return };
        let is_sure = |one: &&Candidate| one.points >= SURE && !one.labels.contains(column);
        let accepted: Vec<Candidate> = all.iter().filter(is_sure).cloned().collect();
        all.extend(accepted.into_iter().map(|one| {
            let condition = format!("{} = '{ACCEPT}'", identifier(column));
            let mut more = one.more.clone();
            more.push(format!("--where {}", for_shell(&condition)));
            let why = format!("{}, of rows that were accepted", one.why);
            Candidate { more, why, points: one.points + CLOSE, ..one }
        }));
    }
}
