//! What a question offers: the readings, each with its evidence and the flags that choose it.

use super::candidates::{Candidate, SURE};
use super::layout::LayoutKind;
use crate::error::{Error, plural};

/// Readings that a question lists.
const CANDIDATES_SHOWN: usize = 8;
/// Columns that a sentence lists.
pub(super) const COLUMNS_SHOWN: usize = 12;

/// A question with the readings that may answer it.
pub(super) fn asked(question: String, candidates: &[Candidate]) -> Error {
    let choose = |most| format!("choose one with its flags:{}", listed(candidates, most));
    Error::usage(question).hint(choose(CANDIDATES_SHOWN)).overview(choose(usize::MAX))
}

/// The readings that a question lists: those of columns that hold nothing only where they are likely, or alone.
pub(super) fn worth_offering(candidates: &[Candidate]) -> Vec<&Candidate> {
    let filled = |candidate: &Candidate| !candidate.is_empty || candidate.points >= SURE;
    // A column of nothing is one label of layout wide, and no label of others.
    let wide = |candidate: &Candidate| candidate.kind == LayoutKind::Wide;
    let those = |is: &dyn Fn(&Candidate) -> bool| candidates.iter().filter(|one| is(one)).collect::<Vec<_>>();
    let offers = [those(&filled), those(&wide), those(&|_| true)];
    offers.into_iter().find(|offered| !offered.is_empty()).unwrap_or_default()
}

/// The readings with their evidence, a sample of cells, and the flags that choose them, each on lines of its own.
#[must_use]
pub(crate) fn listed(candidates: &[Candidate], most: usize) -> String {
    let mut text = String::new();
    let candidates = worth_offering(candidates);
    for candidate in candidates.iter().take(most) {
        let cells = candidate.cells.join(", ");
        let cells = if cells.is_empty() { String::new() } else { format!("; cells: {cells}") };
        text.push_str(&format!("\n    {}\n        {}{cells}", candidate.flags(), candidate.why));
    }
    if candidates.len() > most {
        text.push_str(&format!("\n    … and {} more: see posweight inspect", candidates.len() - most));
    }
    text
}

/// The question for the column of a layout.
pub(super) fn which_columns(kind: LayoutKind, fitting: &[&str]) -> Error {
    let found = match fitting {
        [] => "no column fits".to_owned(),
        some => {
            let shown: Vec<&str> = some.iter().take(COLUMNS_SHOWN).copied().collect();
            let fit = if some.len() == 1 { "fits" } else { "fit" };
            format!("{} {fit}: {}", plural(some.len() as u64, "column"), shown.join(", "))
        }
    };
    Error::usage(format!("which column holds the labels of layout {kind}? {found}"))
        .hint("name it with --labels; posweight inspect shows every column")
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
