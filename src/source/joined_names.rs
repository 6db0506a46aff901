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
/// Joined names that are shown.
const SHOWN: usize = 3;
/// Rows of a piece that stands alone for each row of a name that is far rarer.
const RARE: u64 = 50;
/// Joined names that are no accident, at marks that hardly any name has and at others.
const STRONG_MIN: usize = 2;
const WEAK_MIN: usize = 4;
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
    let mut often: Vec<(&str, usize)> = found.into_iter().filter(|(_, names)| *names >= STRONG_MIN).collect();
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
    if joined.len() < if is_strong(by) { STRONG_MIN } else { WEAK_MIN } {
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
    let is_fair = many * 5 >= names.len() || several / 5 >= single.saturating_add(several) / 100;
    // The nodes of a hierarchy are more than its paths, and the ends of ranges more than the ranges.
    let are_mixed = many >= parts.len();
    if is_fair && are_mixed && nearly_all(wholly) {
        return Some(wholly);
    }
    // Pieces that never stand alone: sets of labels have several sizes, and a label several places in them, which the
    // parts of a name have not.
    let moving = parts.values().filter(|(_, first, last)| first != last).count();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    joined.iter().for_each(|(pieces, _)| *sizes.entry(pieces.len()).or_default() += 1);
    let often = sizes.values().filter(|names| **names * 20 >= many).count();
    let are_sets = many >= SHARED_MIN.max(4 * parts.len()) && often > 1;
    // Of one size: each set in one order, as sorted ones are, where pairs such as languages have both.
    let sets: HashSet<Vec<&str>> = joined.iter().map(|(pieces, _)| sorted(pieces)).collect();
    let are_sorted = sets.len() == many && many >= ONE_SIZE_MIN && many * 2 >= parts.len() * 3;
    let are_labels = (are_sets || are_sorted) && moving * 2 >= parts.len();
    (is_fair && are_labels && nearly_all(shared)).then_some(shared)
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
mod tests {
    use super::*;

    fn joint(names: &[&str], are_pieces: bool) -> Option<Joint> {
        joined_names(names.iter().map(|name| (*name, 10)), are_pieces).map(|found| found.joint)
    }

    fn separators(names: &[&str]) -> Vec<String> {
        match joint(names, false) {
            Some(Joint::Separators(separators)) => separators,
            None => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    /// All sets of one to three of five labels.
    fn sets(by: &str) -> Vec<String> {
        let labels = ["bird", "cat", "cow", "dog", "horse"];
        let mut all: Vec<String> = Vec::new();
        for bits in 1_usize..32 {
            let set: Vec<&str> = (0..5).filter(|i| bits >> i & 1 == 1).map(|i| labels[i]).collect();
            if set.len() <= 3 {
                all.push(set.join(by));
            }
        }
        all
    }

    #[test]
    fn any_mark_between_known_names_is_a_separator() {
        for by in [
            "|", ";", ",", " ", "\t", "/", "+", "&", "#", "_", "-", ".", ":", "::", "->", "~", "\n", "\r\n",
            "\u{1f}", "\u{a0}", "、", "،", " - ", ", ", " | ", "\\", "@", "%", "·",
        ] {
            let names = sets(by);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(separators(&names), [by], "{by:?}");
            // Labels that never stand alone.
            let several: Vec<&str> = names.iter().filter(|name| name.contains(by)).copied().collect();
            if is_strong(by) {
                assert_eq!(separators(&several), [by], "{by:?}");
            }
        }
        // Two names show it at a bar.
        assert_eq!(separators(&["bird", "cat", "dog", "bird|cat", "cat|dog"]), ["|"]);
    }

    #[test]
    fn sets_of_one_size_are_joined() {
        for by in ["+", "/", "&", "_", " ", " & "] {
            for size in [2, 3] {
                let names = sets(by).into_iter().filter(|name| name.split(by).count() == size);
                let names: Vec<String> = names.collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                assert_eq!(separators(&names), [by], "{size} {by:?}");
            }
        }
    }

    #[test]
    fn several_separators_are_found_one_after_the_other() {
        let mut names = sets("|");
        names.extend(sets(";"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(separators(&names).len(), 2);
        let pairs = ["a", "b", "c", "d", "a|b;c", "b;c", "c;d", "a;b|d", "a|c;d"];
        assert_eq!(separators(&pairs).len(), 2);
        let plant = [
            "healthy",
            "scab",
            "rust",
            "complex",
            "powdery_mildew",
            "frog_eye_leaf_spot",
            "scab frog_eye_leaf_spot",
            "scab frog_eye_leaf_spot complex",
            "frog_eye_leaf_spot complex",
            "rust complex",
            "powdery_mildew complex",
            "rust frog_eye_leaf_spot",
        ];
        assert_eq!(separators(&plant), [" "]);
        assert_eq!(separators(&["a", "b", "c", "a b", "b a", "a c", "c a", "b c", "c b"]), [" "]);
    }

    #[test]
    fn a_few_names_far_rarer_than_their_parts_are_joined() {
        let genres = ["pop", "rock", "folk", "jazz", "funk", "blues", "soul"];
        let both = ["pop rock", "folk rock", "jazz funk", "blues rock", "soul jazz"];
        let joint = |rows| {
            let alone = genres.iter().map(|name| (*name, 1000));
            joined_names(alone.chain(both.iter().map(|name| (*name, rows))), false).map(|found| found.joint)
        };
        assert_eq!(joint(3), Some(Joint::Separators(vec![" ".to_owned()])));
        assert_eq!(joint(200), None);
    }

    #[test]
    fn lists_sides_and_blanks_are_seen() {
        assert_eq!(joint(&["bird", "cat", "[\"bird\"]", "[\"bird\", \"cat\"]"], false), Some(Joint::Lists));
        let sides = joint(&["cat=0", "cat=1", "dog=0", "dog=1"], true);
        assert!(matches!(sides, Some(Joint::Sides(_))), "{sides:?}");
        assert_eq!(joint(&[" bird", " cat", "bird", "cat"], true), Some(Joint::Blanks));
        let found = joined_names([("a", 9), ("b", 8), ("a; b", 7), ("b;a", 6)].into_iter(), true).unwrap();
        assert!(found.has_blanks && found.joined == 2 && found.names == 4);
        assert_eq!(found.examples, ["a; b", "b;a"]);
    }

    #[test]
    fn names_of_one_label_stay_whole() {
        for names in [
            // Birds, places, findings, genres.
            &["Common Yellowthroat", "Yellow Warbler", "Common Raven", "Palm Warbler", "Raven"][..],
            &[
                "New York",
                "York",
                "New Jersey",
                "Jersey",
                "New Hampshire",
                "Hampshire",
                "New Mexico",
                "Mexico",
            ],
            &["No Finding", "Edema", "Pulmonary Edema", "Lung Opacity", "Pleural Effusion", "Effusion"],
            &["non-food", "food", "non-fiction", "fiction"],
            &[
                "pop",
                "rock",
                "pop rock",
                "folk",
                "folk rock",
                "jazz",
                "funk",
                "jazz funk",
                "blues",
                "blues rock",
            ],
            &[
                "Action",
                "Adventure",
                "Action & Adventure",
                "War",
                "Politics",
                "War & Politics",
                "Sci-Fi & Fantasy",
            ],
            &["dog", "hot dog", "bear", "teddy bear", "stop sign", "traffic light", "fire hydrant", "light"],
            // Hierarchies, of which all nodes have rows.
            &[
                "animal",
                "animal/dog",
                "animal/cat",
                "animal/dog/poodle",
                "plant",
                "plant/tree",
                "dog",
                "cat",
                "tree",
            ],
            &["Books > Fiction", "Books > Science", "Toys > Science", "Toys > Games", "Books", "Toys"],
            // Codes, numbers, ranges, scales, dates, sides of the body.
            &["A00", "A00.1", "A00.9", "B20", "B20.1", "B20.9", "Z00.1"],
            &["cs.LG", "cs.CV", "math.AG", "stat.ML", "hep-th", "astro-ph.GA", "eess.IV", "stat.AP"],
            &["0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"],
            &["0", "1", "2", "3", "4", "5", "0-1", "1-2", "2-3", "3-4", "4-5"],
            &["18-24", "25-34", "35-44", "45-54", "55-64", "65+"],
            &["2020-01-02", "2020-01-03", "2020-02-01", "2021-01-01", "2021-02-02", "2021-03-01"],
            &["left_arm", "right_arm", "left_leg", "right_leg", "left_hand", "right_hand", "head", "torso"],
            &[
                "happy-male",
                "sad-male",
                "happy-female",
                "sad-female",
                "angry-male",
                "angry-female",
                "unknown",
            ],
            &["en-fr", "fr-en", "de-en", "en-de", "fr-de", "de-fr", "es-en", "en-es", "es-fr", "fr-es"],
            &["1-0", "0-1", "1/2-1/2"],
            // Products of parts, each at its place.
            &[
                "red car", "red bus", "red van", "blue car", "blue bus", "blue van", "old car", "old bus",
                "old van",
            ],
            &["R&amp;B", "Drum &amp; Bass", "Rock", "Pop"],
            &["O'Neil", "women's shoes", "men's shoes", "C++", "C#", "c", "AT&T"],
            &["grade=1", "grade=2", "stage=1", "stage=2"],
            &[
                "tench, Tinca tinca",
                "goldfish, Carassius auratus",
                "great white shark, white shark",
                "hammerhead",
            ],
            &["a", "b", "a|b"],
        ] {
            assert_eq!(joint(names, true), None, "{names:?}");
        }
        // One name with a blank too many is no pattern.
        assert_eq!(joint(&["cat", "dog", "cat "], true), None);
        assert_eq!(joint(&["cat", "dog", "cat ", "dog "], false), None);
        assert_eq!(joint(&[], true), None);
    }

    #[test]
    fn a_large_vocabulary_with_words_of_others_stays_whole() {
        // Tags of one and of two words, whose words are tags only in part.
        let mut names: Vec<String> = (0..3000).map(|i| format!("w{i}")).collect();
        names.extend((0..2000).map(|i| format!("w{} x{}", i * 7 % 3000, i % 900)));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(separators(&names), [""; 0]);
    }
}
