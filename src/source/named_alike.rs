//! Columns that are named as most label columns are, and columns beside them that are named otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::aside_names::is_weight_name;
use super::column_names::{NameRank, is_id_name, rank_of_name};

/// Columns whose names begin alike that show how labels are named.
pub(super) const ALIKE: usize = 2;

/// What the names of labels of one kind begin with: `l` of `l007`, `has_` of `has_cat`, `y.` of `y.cat`.
pub(super) fn stem(name: &str) -> Option<&str> {
    if let Some((at, separator)) = name.char_indices().find(|(_, c)| !c.is_alphanumeric()) {
        return Some(&name[..at + separator.len_utf8()]).filter(|_| at > 0);
    }
    let before_number = name.trim_end_matches(|c: char| c.is_ascii_digit());
    Some(before_number).filter(|stem| !stem.is_empty() && stem.len() < name.len())
}

/// What the names of most of `labels` begin with, or those of several that are called labels.
pub(super) fn common_stem<'n>(labels: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let (mut stems, mut all) = (HashMap::<&str, usize>::new(), 0);
    for name in labels {
        all += 1;
        stem(name).into_iter().for_each(|stem| *stems.entry(stem).or_default() += 1);
    }
    let is_called_label = |stem: &str| rank_of_name(stem) != NameRank::Other;
    let is_common = |(stem, n): &(&str, usize)| *n >= ALIKE && (*n * 2 > all || is_called_label(stem));
    // The stem itself decides between two that are as common.
    let most = stems.into_iter().filter(is_common).max_by_key(|(stem, n)| (is_called_label(stem), *n, *stem));
    most.map(|(stem, _)| stem)
}

/// The columns of each beginning, where two of them have the same labels behind it: `r1_cat`, `r1_dog` and `r2_cat`, `r2_dog`.
pub(super) fn same_twice(labels: &[String]) -> Vec<Vec<String>> {
    let mut by_stem: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in labels {
        if let Some((stem, rest)) = stem(name).and_then(|stem| Some((stem, name.strip_prefix(stem)?))) {
            by_stem.entry(stem).or_default().insert(rest);
        }
    }
    let all: usize = by_stem.values().map(BTreeSet::len).sum();
    let mut sets = by_stem.values();
    let first = sets.next();
    let are_alike =
        first.is_some_and(|first| first.len() >= ALIKE && sets.len() > 0 && sets.all(|set| set == first));
    // Labels by numbers are those of several kinds.
    let is_number = |rest: &str| rest.chars().all(|letter| letter.is_ascii_digit());
    if !are_alike || all < labels.len() || first.is_some_and(|first| first.iter().all(|rest| is_number(rest)))
    {
        return Vec::new();
    }
    let of = |one: &str| labels.iter().filter(|name| stem(name) == Some(one)).cloned().collect();
    by_stem.keys().map(|one| of(one)).collect()
}

/// Leaves out the columns that name or weigh rows, where most of the labels are named alike and these are not.
pub(super) fn without_keys(labels: Vec<String>) -> Vec<String> {
    let Some(common) = common_stem(labels.iter().map(String::as_str)).map(str::to_owned) else {
        return labels;
    };
    let is_key = |name: &str| is_id_name(name) || is_weight_name(name);
    labels.into_iter().filter(|name| stem(name) == Some(common.as_str()) || !is_key(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_as_those_of_other_labels_do() {
        for (name, expected) in [
            ("l007", Some("l")),
            ("label_12", Some("label_")),
            ("has_cat", Some("has_")),
            ("SR-p53", Some("SR-")),
            ("y.cat", Some("y.")),
            ("is cat", Some("is ")),
            ("toxic", None),
            ("12", None),
            ("_x", None),
            ("", None),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }

    #[test]
    fn most_names_say_how_labels_are_named() {
        for (names, expected) in [
            (&["l_a", "l_b", "id"][..], Some("l_")),
            (&["l_a", "l_b", "cat", "dog"], None),
            (&["l_a", "cat"], None),
            (&["label_a", "label_b", "pred_a", "pred_b"], Some("label_")),
            (&["topic_a", "topic_b", "mood_a", "mood_b"], None),
            (&[], None),
        ] {
            assert_eq!(common_stem(names.iter().copied()), expected, "{names:?}");
        }
        let left = |names: &[&str]| without_keys(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            left(&["id", "l_a", "l_b", "l_c", "l_id", "sample_weight", "flag"]),
            ["l_a", "l_b", "l_c", "l_id", "flag"]
        );
        assert_eq!(left(&["id", "cat", "dog"]), ["id", "cat", "dog"]);
    }
}
