//! What the columns of a condition hold, for a condition that no row meets.

use std::collections::BTreeSet;

use arrow::datatypes::Schema;

use super::evidence::gather;
use super::listing::hive_text;
use super::shards::Shard;
use super::vocabulary::nearest;
use crate::error::Result;

/// Values of a column that are listed.
const VALUES_SHOWN: usize = 8;

/// What the columns that `condition` names hold, and the value that may be meant in place of one that none
/// holds. Of numbers the least and the largest are named.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) naming a shard that cannot be read.
pub(crate) fn what_columns_hold(shards: &[Shard], schema: &Schema, condition: &str) -> Result<Vec<String>> {
    let words: BTreeSet<String> = words(condition);
    let is_named = |name: &str| words.contains(name) || condition.contains(&format!("\"{name}\""));
    let mut held = Vec::new();
    let keys: BTreeSet<&str> =
        shards.iter().flat_map(|shard| shard.hive.iter().map(|(key, _)| key.as_str())).collect();
    for key in keys.into_iter().filter(|key| is_named(key) && schema.field_with_name(key).is_err()) {
        let pairs = shards.iter().flat_map(|shard| &shard.hive).filter(|(name, _)| name == key);
        let values: BTreeSet<String> = pairs.filter_map(|(_, value)| hive_text(value)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        held.push(texts_of(key, &values, condition));
    }
    for (name, evidence) in gather(shards, schema, &is_named)? {
        if evidence.texts.is_empty() {
            let bounds = evidence.numbers().map(|x| (x, x)).reduce(|(a, b), (x, y)| (a.min(x), b.max(y)));
            held.extend(
                bounds
                    .map(|(least, largest)| format!("column {name} holds numbers from {least} to {largest}")),
            );
        } else {
            held.push(texts_of(
                &name,
                &evidence.texts.keys().map(String::as_str).collect::<Vec<_>>(),
                condition,
            ));
        }
    }
    Ok(held)
}

fn texts_of(name: &str, values: &[&str], condition: &str) -> String {
    let shown: Vec<String> = values.iter().take(VALUES_SHOWN).map(|value| format!("'{value}'")).collect();
    let more = if values.len() > VALUES_SHOWN { ", …" } else { "" };
    let mut meant = literals(condition).into_iter().filter(|literal| !values.contains(&literal.as_str()));
    let meant = meant.find_map(|literal| nearest(&literal, values.iter().copied()));
    let meant = meant.map(|value| format!("; did you mean '{value}'?")).unwrap_or_default();
    format!("column {name} holds {}{more}{meant}", shown.join(", "))
}

/// Names outside of quotes; SQL reads them in lower case.
fn words(condition: &str) -> BTreeSet<String> {
    let outside = condition.split('\'').step_by(2);
    let words = outside.flat_map(|part| part.split(|c: char| !(c.is_alphanumeric() || c == '_')));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Texts in single quotes.
fn literals(condition: &str) -> Vec<String> {
    condition.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_of_a_condition_are_found() {
        let condition = "Split = 'Train' AND year >= 2020 OR \"My.Col\" IN ('a', 'b c')";
        assert!(words(condition).contains("split") && words(condition).contains("year"));
        assert!(!words(condition).contains("train"));
        assert_eq!(literals(condition), ["Train", "a", "b c"]);
        assert_eq!(
            texts_of("split", &["test", "train"], condition),
            "column split holds 'test', 'train'; did you mean 'train'?"
        );
    }
}
