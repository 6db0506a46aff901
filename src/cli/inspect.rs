//! `posweight inspect`: what is there, and the layout it seems to have.

use clap::Args;
use comfy_table::{Table, presets};

use super::{flags, print};
use crate::error::{Error, Result};
use crate::pipeline::machine::Machine;
use crate::pipeline::opening::open_plan;
use crate::pipeline::plan::Plan;
use crate::pipeline::spec::{OneOrMany, Spec};
use crate::report::{short, visible};
use crate::source::{listing, schema, shards};

/// Columns listed before the rest is summed up.
const COLUMNS_SHOWN: usize = 20;
/// Shards listed before the rest is summed up.
const SHARDS_SHOWN: usize = 10;

/// Show shards, columns and the layout they seem to have
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight inspect data/
  posweight inspect 'data/*.parquet' --labels tags
  posweight inspect data/ > pipeline.toml     # the commented spec alone is on stdout")]
pub(super) struct Inspect {
    /// Files, folders and globs of Parquet shards
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<String>,
    #[command(flatten)]
    labels: flags::Labels,
}

impl Inspect {
    pub(super) fn act(&self) -> Result<()> {
        let machine = Machine::here();
        let opened = shards::open(listing::list(&self.shards)?, machine.threads)?;
        let agreement = schema::agree(&opened, &|_| false)?;
        super::say(&describe(&opened, &agreement.schema));
        let mut spec = Spec { shards: Some(OneOrMany::Many(self.shards.clone())), ..Spec::default() };
        spec.out = Some("weights".into());
        self.labels.put(&mut spec);
        let plan = Plan::resolve(spec.clone(), machine)?;
        match open_plan(&plan) {
            Ok(found) => {
                let layout = &found.detected.layout;
                spec.layout = Some(layout.kind.to_string());
                if spec.labels.is_none() {
                    spec.labels = Some(OneOrMany::Many(layout.labels.clone()));
                }
                spec.id.clone_from(&layout.id);
                spec.delimiter.clone_from(&layout.delimiter);
                let n = layout.labels.len();
                let columns = if n == 1 { "1 label column".to_owned() } else { format!("{n} label columns") };
                print(&format!(
                    "# layout {}, {columns}: {}\n{}# scheme = [\"ratio\"]            # see: posweight list schemes\n\
                     # missing_values = [-100]       # values that say nothing, beside NULL and NaN\n\
                     # by = [\"split\"]                # one result per value, plus the total\n",
                    layout.kind,
                    visible(&found.detected.why),
                    spec.to_toml()?
                ))
            }
            Err(Error::Usage(doubt)) => {
                let hint = doubt.hint.map(|hint| format!("\n  {hint}")).unwrap_or_default();
                super::say(&format!("{}{hint}", doubt.message));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn describe(shards: &[shards::Shard], schema: &arrow::datatypes::Schema) -> String {
    let rows: u64 = shards.iter().map(|shard| shard.rows).sum();
    let bytes: u64 = shards.iter().map(|shard| shard.bytes).sum();
    let mut text = format!("{} shards, {rows} rows, {bytes} bytes\n", shards.len());
    for shard in shards.iter().take(SHARDS_SHOWN) {
        let groups = shard.metadata.num_row_groups();
        text.push_str(&format!("  {}: {} rows, {groups} row groups\n", visible(&shard.name), shard.rows));
    }
    if shards.len() > SHARDS_SHOWN {
        text.push_str(&format!("  … and {} more\n", shards.len() - SHARDS_SHOWN));
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["column", "type"]);
    for field in schema.fields().iter().take(COLUMNS_SHOWN) {
        table.add_row([short(field.name(), 40), field.data_type().to_string()]);
    }
    if schema.fields().len() > COLUMNS_SHOWN {
        table.add_row([format!("… and {} more", schema.fields().len() - COLUMNS_SHOWN), String::new()]);
    }
    text.push_str(&table.to_string());
    text
}
