//! `key=value` folders as columns: a key is a constant of each shard, and may name labels or weigh rows.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::count_plan::CountPlan;
use crate::counts::NameOrder;
use crate::engine::counting::Keys;
use crate::error::{Error, Result};
use crate::source::label_path::paths;
use crate::source::layout::{Layout, LayoutKind, no_column};
use crate::source::listing::hive_value;
use crate::source::shards::Shard;

/// The error for a name that is neither a column nor a key of folders.
pub(super) fn no_column_or_key(name: &str, schema: &Schema, hive: &[String], shards: &[Shard]) -> Error {
    let keys = hive.iter().map(|key| Arc::new(Field::new(key, DataType::Utf8, true)));
    let all = Schema::new(schema.fields().iter().cloned().chain(keys).collect::<Vec<_>>());
    if let Some((root, field)) = name.split_once('.').filter(|_| paths(&all).iter().any(|path| path == name))
    {
        return Error::input(format!("{name:?} is inside column {root:?}, and only whole columns are taken"))
            .hint(format!(
                "make it a column: --query \"SELECT *, {root}['{}'] AS {} FROM shards\"",
                field.replace('.', "']['"),
                name.replace('.', "_")
            ));
    }
    let error = no_column(name, &all);
    // Folders above a path count only where they are written.
    let above = shards.iter().find_map(|shard| {
        let path = std::path::absolute(shard.place.path()).ok().filter(|_| shard.place.object().is_none())?;
        let is_key = |part: &&Path| {
            let part = part.file_name().and_then(|part| part.to_str()).and_then(|part| part.split_once('='));
            part.is_some_and(|(key, _)| key == name)
        };
        let folder = path.ancestors().skip(1).find(is_key)?.to_owned();
        Some(folder)
    });
    match above {
        Some(folder) => error.hint(format!(
            "folders count where the path names them: write {} in place of the relative path",
            folder.display()
        )),
        None => error,
    }
}

/// The keys of folders that a plan takes for label or weight columns, because no column has their name.
#[derive(Debug, Default)]
pub(super) struct FolderColumns {
    names: Vec<String>,
}

impl FolderColumns {
    /// Those that `plan` names. `schema` is that of the files.
    pub(super) fn of(plan: &CountPlan, shards: &[Shard], schema: &Schema) -> Self {
        let keys: BTreeSet<&str> =
            shards.iter().flat_map(|shard| shard.hive.iter().map(|(key, _)| key.as_str())).collect();
        let wanted =
            plan.labels.iter().flat_map(|names| names.split(',')).chain(plan.sample_weight.as_deref());
        let mut names: Vec<String> = Vec::new();
        for name in wanted.filter(|name| keys.contains(name) && schema.field_with_name(name).is_err()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Self { names }
    }

    /// The columns of the files, and after them these.
    pub(super) fn after(&self, schema: &SchemaRef) -> SchemaRef {
        if self.names.is_empty() {
            return Arc::clone(schema);
        }
        let own = self.names.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
        Arc::new(Schema::new(schema.fields().iter().cloned().chain(own).collect::<Vec<_>>()))
    }

    /// The layout of labels that are the one key of folders `labels` names.
    pub(super) fn layout(&self, labels: &[String]) -> Option<LayoutKind> {
        matches!(labels, [one] if self.has(one)).then_some(LayoutKind::Class)
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The weights that folders give their rows are numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming a shard whose folder says something else.
    pub(super) fn check_weight(&self, plan: &CountPlan, shards: &[Shard]) -> Result<()> {
        let Some(name) = plan.sample_weight.as_deref().filter(|name| self.has(name)) else { return Ok(()) };
        let is_weight = |text: &str| text.trim().parse::<f64>().is_ok_and(|w| w.is_finite() && w >= 0.0);
        let wrong = shards.iter().find_map(|shard| match hive_value(&shard.hive, name) {
            Some(text) if is_weight(&text) => None,
            text => Some((shard, text)),
        });
        match wrong {
            None => Ok(()),
            Some((shard, text)) => Err(Error::input(format!(
                "--sample-weight {name}: {}: the folder says {}, which is no weight",
                shard.name,
                text.map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"))
            ))
            .hint("weights are numbers that are not negative, as in weight=0.5")),
        }
    }

    /// Names of labels that are whole numbers in every folder are in the order of the numbers.
    pub(super) fn order(&self, plan: &CountPlan, layout: &Layout, shards: &[Shard], keys: Keys) -> Keys {
        let numbers = |column: &str| {
            let mut values = shards.iter().filter_map(|shard| hive_value(&shard.hive, column));
            values.all(|value| value.parse::<i64>().is_ok_and(|number| number.to_string() == value))
        };
        match keys {
            Keys::Names(_)
                if plan.order.is_none() && self.has(layout.column()) && numbers(layout.column()) =>
            {
                Keys::Names(NameOrder::Number)
            }
            keys => keys,
        }
    }
}
