//! Whole numbers with gaps, such as ids of categories: label indices would give every gap a place.

use super::candidates::CandidateColumn;
use super::declarations::missing_flag;
use super::values::Value;

/// What the gaps between the whole numbers of a column say.
#[derive(Debug)]
pub(super) struct Gaps {
    /// As a part of a sentence.
    pub(super) why: String,
    /// The flag that declares the one number missing behind which the others have no gap.
    pub(super) stray: Option<(String, String)>,
}

impl CandidateColumn<'_> {
    /// What gaps say; `None` where the numbers are indices of which a few are rare, or flags say what they are.
    pub(super) fn gaps(&self) -> Option<Gaps> {
        if self.are_keys_said || self.evidence.is_full || self.classes.is_some() {
            return None;
        }
        let is_known = |number: f64| !self.domain.is_missing(&Value::of_number(number)) && number >= 0.0;
        let known: Vec<(f64, u64)> =
            self.evidence.counted().filter(|(number, _)| is_known(*number)).collect();
        let least = known.iter().map(|(number, _)| *number).reduce(f64::min)?;
        let (most, others) = known.split_last().map(|((most, _), others)| (*most, others))?;
        let unseen = unseen(&known);
        let [numbers, places] = [known.len() as f64, most + 1.0];
        let is_sparse = |numbers: f64, places: f64| (numbers + unseen) * 2.0 < places;
        let below = others.last().map_or(0.0, |(number, _)| number + 1.0);
        let is_stray = others.len() > 1 && !is_sparse(numbers - 1.0, below);
        if is_sparse(numbers, places) && (is_stray || !are_in_runs(&known)) {
            let why = format!("{} different numbers up to {most} were seen", known.len());
            let stray = is_stray.then(|| Value::of_number(most).to_string());
            let stray =
                stray.and_then(|code| Some((missing_flag(std::slice::from_ref(&code), self.domain)?, code)));
            return Some(Gaps { why, stray });
        }
        let lacks_zero = least >= 1.0 && unseen * 2.0 < places - numbers && known.len() > 1;
        lacks_zero.then(|| Gaps { why: format!("no 0 was seen among numbers up to {most}"), stray: None })
    }
}

/// Whether most of many numbers are next to another one, as in a sample of rows that are sorted by their label.
fn are_in_runs(known: &[(f64, u64)]) -> bool {
    const MANY: usize = 32;
    let is_next = |a: usize, b: usize| known.get(b).is_some_and(|(number, _)| number - known[a].0 < 1.5);
    let in_run = |place: &usize| is_next(*place, place + 1) || *place > 0 && is_next(place - 1, *place);
    known.len() >= MANY && (0..known.len()).filter(in_run).count() * 4 >= known.len() * 3
}

/// How many numbers at least are not in the sample, from those that are in it once and twice (Chao's estimate).
fn unseen(known: &[(f64, u64)]) -> f64 {
    let seen = |times: u64| known.iter().filter(|(_, cells)| *cells == times).count() as f64;
    let once = seen(1);
    once * (once - 1.0).max(0.0) / (2.0 * (seen(2) + 1.0))
}
