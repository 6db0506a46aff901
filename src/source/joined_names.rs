//! Names that are made of other names: labels that stay joined where a guess does not split them.
//!
//! ```text
//! bird  cat  dog  bird|cat  cat|dog          separators between names
//! cat=0  cat=1  dog=0  dog=1                 sides of labels
//! bird  cat  ["bird"]  ["bird", "cat"]       lists of names
//! " bird"  " cat"  bird  cat                 blanks around names, where labels are split
//! ```
//!
//! Bars, semicolons and what no name has, such as tabs, join wherever the pieces are known. Blanks and other marks are
//! parts of names too: there nearly every name that has one must be made of names that stand alone, in more ways than
//! a hierarchy or a scale would have, or far more rarely than each of its parts.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::sided_names::SidedNames;
use super::structured::{Element, list};

/// Names that are looked at: those with the most positives.
const NAMES_MAX: usize = 16_384;
/// Different marks that are tried, those of most names first.
const TRIED: usize = 16;
/// Separators that are found one after the other.
const SEPARATORS_MAX: usize = 3;
/// Words that join names as marks do.
const WORDS: [&str; 6] = [" and ", " und ", " et ", " y ", " e ", " plus "];
/// Joined names that are shown.
const SHOWN: usize = 3;
/// Rows of a piece that stands alone for each row of a name that is far rarer.
const RARE: u64 = 50;
/// Joined names that are no accident, at marks that hardly any name has and at others.
const STRONG_MIN: usize = 2;
const WEAK_MIN: usize = 4;
/// Rows in which the same label seldom stands in several names by accident.
const FEW_ROWS: u64 = 64;
/// Rows in which a single name that is made of others is none by accident.
const HANDFUL: u64 = 16;
/// Names among which a single one that is made of all others is none by accident.
const SMALL_SET: usize = 4;
/// The same where pieces do not stand alone, and where all names have as many of them.
const SHARED_MIN: usize = 8;
const ONE_SIZE_MIN: usize = 6;

/// How names are made of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Joint {
    /// With these between them.
    Separators(Vec<String>),
    /// With blanks around them.
    Blanks,
    /// As lists.
    Lists,
    /// With what a row says of a label.
    Sides(SidedNames),
}

/// Names that are made of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinedNames {
    pub(crate) joint: Joint,
    /// Blanks stand around some of the names, too.
    pub(crate) has_blanks: bool,
    /// How many names are made of others, and how many names were looked at.
    pub(crate) joined: usize,
    pub(crate) names: usize,
    /// Some of them, the most frequent first.
    pub(crate) examples: Vec<String>,
}

/// Finds names that are made of other names, from all names with their positives. With `are_pieces`, cells were split
/// already.
pub(crate) fn joined_names<'n>(
    names: impl Iterator<Item = (&'n str, u64)>,
    are_pieces: bool,
) -> Option<JoinedNames> {
    let mut all: Vec<(&str, u64)> = names.filter(|(_, positives)| *positives > 0).collect();
    let more = |a: &(&str, u64), b: &(&str, u64)| b.1.cmp(&a.1).then(a.0.cmp(b.0));
    if all.len() > NAMES_MAX {
        all.select_nth_unstable_by(NAMES_MAX, more);
        all.truncate(NAMES_MAX);
    }
    all.sort_unstable_by(more);
    let made = |joint: Joint, has_blanks: bool, is_joined: &dyn Fn(&str) -> bool| {
        let joined = || all.iter().map(|(name, _)| *name).filter(|name| is_joined(name));
        JoinedNames {
            joint,
            has_blanks,
            joined: joined().count(),
            names: all.len(),
            examples: joined().take(SHOWN).map(str::to_owned).collect(),
        }
    };
    if let Some(sided) = SidedNames::of(&all, are_pieces) {
        return Some(made(Joint::Sides(sided), false, &|_| true));
    }
    if are_lists(&all) {
        return Some(made(Joint::Lists, false, &|name| elements(name).is_some()));
    }
    let mut parts = all.clone();
    let mut separators: Vec<&str> = Vec::new();
    let mut has_blanks = false;
    while separators.len() < SEPARATORS_MAX
        && let Some(by) = best(&parts)
    {
        let split = split(&parts, by);
        has_blanks |= split.keys().any(|piece| piece.trim() != *piece);
        parts = split.into_iter().collect();
        separators.push(by);
    }
    if !separators.is_empty() {
        let holds = |name: &str| separators.iter().any(|by| name.contains(by));
        let names = separators.iter().map(|by| (*by).to_owned()).collect();
        return Some(made(Joint::Separators(names), has_blanks, &holds));
    }
    let known: HashSet<&str> = all.iter().map(|(name, _)| *name).collect();
    let is_padded = |name: &str| name.trim() != name && known.contains(name.trim());
    let padded = made(Joint::Blanks, true, &is_padded);
    (are_pieces && padded.joined >= STRONG_MIN).then_some(padded)
}

/// What separates labels in distinct cells of a sample, where it is one text that a flag can name.
pub(super) fn only_separator(texts: &BTreeMap<String, u64>) -> Option<String> {
    // Cells that a dictionary has and the sample has not count too.
    let found = joined_names(texts.iter().map(|(text, cells)| (text.as_str(), *cells.max(&1))), false)?;
    match found.joint {
        Joint::Separators(mut all) if all.len() == 1 && !found.has_blanks => {
            all.pop().filter(|by| !by.contains(char::is_control))
        }
        _ => None,
    }
}

/// The pieces of names, with the blanks around them.
fn split<'n>(names: &[(&'n str, u64)], by: &str) -> BTreeMap<&'n str, u64> {
    let mut pieces: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, positives) in names {
        for piece in name.split(by).filter(|piece| !piece.trim().is_empty()) {
            let known = pieces.entry(piece).or_default();
            *known = known.saturating_add(*positives);
        }
    }
    pieces
}

/// The text at which most names fall into known ones; of several, the longest.
fn best<'n>(names: &[(&'n str, u64)]) -> Option<&'n str> {
    let fits = marks(names).into_iter().filter_map(|by| Some((known_at(names, by)?, by.len(), by)));
    fits.max().map(|(.., by)| by)
}

/// What stands inside names between letters or digits: whole runs, and each mark of them.
fn marks<'n>(names: &[(&'n str, u64)]) -> Vec<&'n str> {
    let mut found: HashMap<&str, usize> = HashMap::new();
    for (name, _) in names {
        for word in WORDS {
            if let Some(at) = name.find(word) {
                *found.entry(&name[at..at + word.len()]).or_default() += 1;
            }
        }
        let mut from = None;
        for (at, letter) in name.char_indices() {
            if !letter.is_alphanumeric() {
                continue;
            }
            let run = from.map_or("", |from| &name[from..at]);
            from = Some(at + letter.len_utf8());
            if run.is_empty() {
                continue;
            }
            *found.entry(run).or_default() += 1;
            if run.chars().nth(1).is_some() {
                for (at, mark) in run.char_indices() {
                    *found.entry(&run[at..at + mark.len_utf8()]).or_default() += 1;
                }
            }
        }
    }
    let least = if names.len() <= SMALL_SET { 1 } else { STRONG_MIN };
    let mut often: Vec<(&str, usize)> = found.into_iter().filter(|(_, names)| *names >= least).collect();
    often.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    often.into_iter().take(TRIED).map(|(mark, _)| mark).collect()
}

/// Whether hardly any name of one label has such a mark.
fn is_strong(by: &str) -> bool {
    by.contains(|mark: char| mark.is_control() || "|;¦‖｜；、،؛•".contains(mark))
}

/// The pieces of a name at `by`, without the blanks around them. A number is one name, whatever stands in it.
fn pieces<'n>(name: &'n str, by: &str) -> Vec<&'n str> {
    if name.parse::<f64>().is_ok() {
        return Vec::new();
    }
    name.split(by).map(str::trim).filter(|piece| !piece.is_empty()).collect()
}

/// How many names fall into known ones at `by`, if that shows that it separates labels.
fn known_at(names: &[(&str, u64)], by: &str) -> Option<usize> {
    let (mut alone, mut joined, mut positives) = (HashMap::new(), Vec::new(), [0_u64; 2]);
    for (name, rows) in names {
        let pieces = pieces(name, by);
        let is_joined = pieces.len() > 1;
        positives[usize::from(is_joined)] = positives[usize::from(is_joined)].saturating_add(*rows);
        if is_joined {
            joined.push((pieces, *rows));
        } else {
            let known: &mut u64 = alone.entry(name.trim()).or_default();
            *known = known.saturating_add(*rows);
        }
    }
    if !is_strong(by) && are_both(&alone, &joined) {
        return Some(joined.len());
    }
    let rows = positives.iter().fold(0_u64, |sum, rows| sum.saturating_add(*rows));
    if joined.len() < if is_strong(by) || rows <= FEW_ROWS { STRONG_MIN } else { WEAK_MIN } {
        return None;
    }
    // How many joined names have a piece, and the first and the last place that it has in them.
    let mut parts: HashMap<&str, (usize, usize, usize)> = HashMap::new();
    for (pieces, _) in &joined {
        for (place, piece) in pieces.iter().enumerate() {
            let (times, first, last) = parts.entry(piece).or_insert((0, place, place));
            (*times, *first, *last) = (*times + 1, place.min(*first), place.max(*last));
        }
    }
    let is_word = |piece: &str| piece.contains(char::is_alphanumeric);
    let is_shared = |piece: &&str| {
        alone.contains_key(piece) || is_word(piece) && parts.get(piece).is_some_and(|(times, ..)| *times > 1)
    };
    let wholly =
        joined.iter().filter(|(pieces, _)| pieces.iter().all(|piece| alone.contains_key(piece))).count();
    let shared = joined.iter().filter(|(pieces, _)| pieces.iter().all(is_shared)).count();
    let many = joined.len();
    let nearly_all = |some: usize| some * 10 >= many * 9;
    if is_strong(by) {
        return (shared >= STRONG_MIN && shared * 2 >= many).then_some(shared);
    }
    let [single, several] = positives;
    let is_rare = |(pieces, rows): &(Vec<&str>, u64)| {
        let known = |piece: &&str| alone.get(piece).is_some_and(|known| rows.saturating_mul(RARE) <= *known);
        pieces.iter().all(known)
    };
    // Names with commas are seldom made of others alone, and names of one label seldom far rarer than all their parts.
    if wholly == many && (by.trim() == "," || joined.iter().all(is_rare)) {
        return Some(wholly);
    }
    // In few rows, of which each counts, a name is hardly ever made of the others.
    let is_number = |piece: &&str| piece.parse::<f64>().is_ok();
    let are_scales = by == "-" && joined.iter().all(|(pieces, _)| pieces.iter().all(is_number));
    let sets: HashSet<Vec<&str>> = joined.iter().map(|(pieces, _)| sorted(pieces)).collect();
    let moving = parts.values().filter(|(_, first, last)| first != last).count();
    let are_few = rows <= FEW_ROWS && !are_scales && sets.len() == many;
    if are_few && (nearly_all(wholly) || nearly_all(shared) && moving * 2 >= parts.len()) {
        return Some(shared);
    }
    if rows <= HANDFUL && !are_scales && wholly > 0 && shared * 2 >= many {
        return Some(shared);
    }
    // Pairs in both orders, which the parts of a name have not; and a mark that names hardly have between words.
    let turned = many - sets.len();
    if nearly_all(wholly) && turned >= STRONG_MIN
        || by.trim() == "+" && nearly_all(shared) && wholly * 2 >= many
    {
        return Some(shared);
    }
    let is_fair = many * 5 >= names.len() || several / 5 >= single.saturating_add(several) / 100;
    // The nodes of a hierarchy are more than its paths, and the ends of ranges more than the ranges.
    let are_mixed = many >= parts.len();
    if is_fair && are_mixed && nearly_all(wholly) {
        return Some(wholly);
    }
    // Pieces that never stand alone: sets of labels have several sizes, and a label several places in them, which the
    // parts of a name have not.
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    joined.iter().for_each(|(pieces, _)| *sizes.entry(pieces.len()).or_default() += 1);
    let often = sizes.values().filter(|names| **names * 20 >= many).count();
    let are_sets = many >= SHARED_MIN.max(4 * parts.len()) && often > 1;
    // Of one size: each set in one order, as sorted ones are, where pairs such as languages have both.
    let are_sorted = sets.len() == many && many >= ONE_SIZE_MIN && many * 2 >= parts.len() * 3;
    let are_labels = (are_sets || are_sorted) && moving * 2 >= parts.len();
    (is_fair && are_labels && nearly_all(shared)).then_some(shared)
}

/// Whether two names stand alone, and each joined one is made of both: `scab`, `rust` and `scab rust`.
fn are_both(alone: &HashMap<&str, u64>, joined: &[(Vec<&str>, u64)]) -> bool {
    let used: HashSet<&str> = joined.iter().flat_map(|(pieces, _)| pieces).copied().collect();
    used.len() == 2 && alone.len() == 2 && used.iter().all(|piece| alone.contains_key(piece))
}

fn sorted<'n>(pieces: &[&'n str]) -> Vec<&'n str> {
    let mut pieces = pieces.to_vec();
    pieces.sort_unstable();
    pieces
}

/// The names in a list, if it holds nothing else.
fn elements(name: &str) -> Option<Vec<String>> {
    if !name.starts_with('[') {
        return None;
    }
    let (mut all, mut is_whole) = (Vec::new(), true);
    list(name, |element| match element {
        Element::Text(text) => all.push(text.into_owned()),
        _ => is_whole = false,
    })
    .ok()?;
    (is_whole && !all.is_empty()).then_some(all)
}

/// Whether several names are lists, of names that others are or that other lists hold.
fn are_lists(names: &[(&str, u64)]) -> bool {
    let lists: Vec<Vec<String>> = names.iter().filter_map(|(name, _)| elements(name)).collect();
    let alone: HashSet<&str> = names.iter().map(|(name, _)| *name).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    lists.iter().flatten().for_each(|name| *times.entry(name).or_default() += 1);
    let is_known = |name: &String| alone.contains(name.as_str()) || times[name.as_str()] > 1;
    let known = lists.iter().filter(|list| list.iter().all(is_known)).count();
    lists.len() >= STRONG_MIN && known * 2 >= lists.len()
}

#[cfg(test)]
mod tests;
