//! Columns that may hold the labels as well as another one, whose reading is ahead only by its layout.

use super::candidates::{CLOSE, Candidate, SURE};
use super::column_names::{NameRank, is_topic_name, rank_of_name};
use super::layout::LayoutKind;
use super::look::Look;

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
}
