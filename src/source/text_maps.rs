//! Text cells that should hold an object, and do not.

use super::shards::Shard;
use super::structured::{Malformed, object};
use super::text_cells::first_row_with;

/// Characters of a cell that a message shows.
const SHOWN: usize = 40;
/// What every message about such a cell says.
const NO_OBJECT: &str = " is not a JSON object or Python dict: ";

/// What is wrong with a cell.
#[must_use]
pub(crate) fn no_object(text: &str, malformed: &Malformed) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    let Malformed { expected, at } = malformed;
    format!("{shown:?}{more}{NO_OBJECT}{expected} was expected at byte {at}")
}

/// The first row with the cell that a message is about; `None` for other messages.
pub(crate) fn row_of(shard: &Shard, column: &str, message: &str) -> Option<u64> {
    if !message.contains(NO_OBJECT) {
        return None;
    }
    let is_it = |text: &str| object(text, |_, _| ()).is_err_and(|cause| no_object(text, &cause) == message);
    first_row_with(shard, column, &|cell| cell.is_ok_and(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_the_beginning_of_a_cell() {
        let text = format!("{{\"é{}", "a".repeat(60));
        let cause = object(&text, |_, _| ()).unwrap_err();
        let says = no_object(&text, &cause);
        assert!(says.starts_with(&format!("{:?}…", text.chars().take(40).collect::<String>())), "{says}");
        assert!(says.contains("a closing quote was expected at byte 2"), "{says}");
    }
}
