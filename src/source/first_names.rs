//! The spelling that names a label where case does not matter: the first in the order of shards and rows,
//! whatever the threads and the order in which shards are named.

use std::collections::HashMap;

use super::layout::{Layout, LayoutKind, item};
use super::row_reader::{Enough, RowChoice, read_columns};
use super::shards::Shard;
use super::structured::{Element, list, object};
use super::text_cells::for_each_text;
use super::values::Domain;
use crate::counts::Labels;
use crate::error::Result;

/// The first spelling of every label, in the order of `labels`, which are the keys that count. Rows are read
/// until each has one; those that a condition leaves out are read too.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) naming a shard that cannot be read.
pub(crate) fn first_spellings(
    shards: &[Shard],
    layout: &Layout,
    domain: &Domain,
    labels: &Labels,
) -> Result<Vec<String>> {
    let mut spellings: Vec<String> = labels.iter().map(str::to_owned).collect();
    let mut left: HashMap<&str, usize> = labels.iter().enumerate().map(|(at, key)| (key, at)).collect();
    let mut shards: Vec<&Shard> = shards.iter().collect();
    shards.sort_by(|a, b| a.name.cmp(&b.name));
    for shard in shards {
        if left.is_empty() {
            break;
        }
        read_columns(shard, RowChoice::All, &|name| name == layout.column(), &mut |batch| {
            let mut take = |text: &str| {
                let key = domain.spelling.key(text);
                if let Some(at) = left.remove(&*key) {
                    domain.spelling.trimmed(text).clone_into(&mut spellings[at]);
                }
            };
            let is_cell = item(batch.column(0).data_type()).is_none();
            let is_text = for_each_text(batch.column(0), &mut |text| match (text, &layout.delimiter) {
                (Ok(text), Some(by)) if layout.kind == LayoutKind::Delimited => {
                    text.split(by.as_str()).for_each(&mut take);
                }
                (Ok(text), _) if layout.kind == LayoutKind::List && is_cell => {
                    // What is wrong with a text was said when it was counted.
                    let _ = list(text, |element| {
                        if let Element::Text(name) = element {
                            take(&name);
                        }
                    });
                }
                (Ok(text), _) if layout.kind == LayoutKind::Map && layout.value.is_none() => {
                    let each = |key, _| {
                        if let Element::Text(key) = key {
                            take(&key);
                        }
                    };
                    // What is malformed was refused when it was counted, or is left out by a condition.
                    object(text, each).unwrap_or(());
                }
                (Ok(text), _) => take(text),
                (Err(_), _) => {}
            });
            Ok(if left.is_empty() || !is_text { Enough::Yes } else { Enough::No })
        })?;
    }
    Ok(spellings)
}
