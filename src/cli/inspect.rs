//! `posweight inspect`: shards, columns and the detected layout.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use clap::Args;
use comfy_table::{Table, presets};

use super::flags;
use super::output::{print, say, size};
use super::simulated::SimulationFlags;
use super::source_flags::SourceFlags;
use crate::error::{Error, Result, plural};
use crate::pipeline::forecast::{Forecast, forecast};
use crate::pipeline::machine::Machine;
use crate::pipeline::opening::open_plan;
use crate::pipeline::plan::Plan;
use crate::pipeline::spec::{OneOrMany, Spec};
use crate::report::{short, visible};
use crate::source::evidence::{cells_of_others, gather};
use crate::source::formats::all_as_parquet;
use crate::source::offers::listed;
use crate::source::type_words::type_words;
use crate::source::{listing, schema, shards};
use crate::threads::runtime;

/// Columns listed; the others are only counted.
const COLUMNS_SHOWN: usize = 20;
/// Characters shown of the type of a column.
const TYPE_WIDTH: usize = 40;
/// Characters shown of the cells of a column.
const CELLS_WIDTH: usize = 60;
/// Shards listed; the others are only counted.
const SHARDS_SHOWN: usize = 10;

/// Show shards, columns and the detected layout
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight inspect data/
  posweight inspect data/ > pipeline.toml     # the commented spec alone is on stdout
  posweight inspect s3://bucket/data/ --plan --executors 100 --simulate")]
pub(super) struct InspectVerb {
    /// Files of Parquet, Arrow IPC, CSV or JSON lines, folders, globs, or addresses such as s3://bucket/data
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<String>,
    /// Estimate bytes, requests, memory and time of a run, from footers and a short probe
    #[arg(long)]
    plan: bool,
    /// Also estimate each of N jobs that share the shards, as with --shard-count
    #[arg(long, value_name = "N", default_value_t = 16, requires = "plan")]
    executors: u64,
    #[command(flatten)]
    simulated: SimulationFlags,
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    labels: flags::LabelFlags,
    #[command(flatten)]
    values: flags::ValueFlags,
}

impl InspectVerb {
    pub(super) fn act(&self) -> Result<()> {
        let machine = Machine::here();

        let mut spec = Spec { shards: Some(OneOrMany::Many(self.shards.clone())), ..Spec::default() };
        self.source.put(&mut spec);
        let listing = listing::list(&self.shards, spec.how_tables()?)?.of_version(spec.how_tables()?)?;
        let (listing, _held) = all_as_parquet(listing)?;
        if let Some(tables) = &listing.notes.versions {
            say(tables);
        }
        let opened = shards::open(listing.shards, machine.threads)?;
        let agreement = schema::agree(&opened, &|_| schema::Need::Nothing)?;
        let cells = gather(&opened, &agreement.schema, &|_| true)?;
        let others = cells_of_others(&opened, &cells);
        say(&describe(&opened, &agreement.schema, &|name| match cells.get(name) {
            Some(evidence) if evidence.shown.is_empty() && evidence.cells == 0 && !evidence.is_long => {
                "NULL".to_owned()
            }
            Some(evidence) => evidence.shown.join(", "),
            None => others.get(name).map(|shown| shown.join(", ")).unwrap_or_default(),
        }));
        spec.out = Some("weights".into());
        self.labels.put(&mut spec);
        self.values.put(&mut spec);
        let plan = Plan::resolve(spec.clone(), machine)?;
        let clock = Instant::now();
        match open_plan(&plan) {
            Ok(found) if self.plan => {
                let opening = clock.elapsed().as_secs_f64();
                let here = runtime(plan.count.limits.threads, "posweight")?.block_on(forecast(
                    &found,
                    &plan.count.limits,
                    opening,
                ))?;
                let threads = plan.count.limits.threads;
                let mut text = table(&here, &here.of_each(self.executors), self.executors, threads);
                text.push_str(&self.simulated.text(&here, self.executors, threads)?);
                print(&text)
            }
            Ok(found) => {
                let layout = &found.detected.layout;
                spec.layout = Some(layout.kind.to_string());
                if spec.labels.is_none() {
                    spec.labels = Some(OneOrMany::Many(layout.labels.clone()));
                }
                spec.id.clone_from(&layout.id);
                spec.value.clone_from(&layout.value);
                spec.delimiter.clone_from(&layout.delimiter);
                if found.detected.candidates.len() > 1 {
                    let all = listed(&found.detected.candidates, usize::MAX);
                    let chosen = layout.kind;
                    say(&visible_lines(&format!(
                        "the first reading is the likeliest, and the spec below reads layout {chosen}; flags choose another:{all}"
                    )));
                }
                let n = layout.labels.len();
                let columns = plural(n as u64, "label column");
                print(&format!(
                    "# layout {}, {columns}: {}\n{}# scheme = [\"ratio\"]            # see: posweight list schemes\n\
                     # missing_values = [-100]       # values that mean missing, besides NULL and NaN\n\
                     # by = [\"split\"]                # one result per value, plus the total\n",
                    layout.kind,
                    visible(&found.detected.why),
                    spec.to_toml()?
                ))
            }
            Err(Error::Usage(doubt)) => {
                // Every column is above.
                let own = ["; posweight inspect shows every column", ": see posweight inspect"];
                let shown = |text: &str| own.iter().fold(text.to_owned(), |text, own| text.replace(own, ""));
                let hint = doubt
                    .overview
                    .or(doubt.hint)
                    .map(|hint| format!("\n  {}", shown(&hint)))
                    .unwrap_or_default();
                say(&format!("{}{hint}", shown(&doubt.message)));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The forecast of a run on this machine, and of each of many jobs.
fn table(here: &Forecast, each: &Forecast, executors: u64, threads: usize) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let heads = [
        String::new(),
        format!("here, {}", plural(threads as u64, "thread")),
        format!("each of {}", plural(executors, "job")),
    ];
    table.set_header(heads);
    let mut row = |what: &str, of: &dyn Fn(&Forecast) -> String| {
        table.add_row([what.to_owned(), of(here), of(each)]);
    };
    row("rows", &|of| of.demand.rows.to_string());
    row("row groups", &|of| of.demand.row_groups.to_string());
    row("label chunks", &|of| size(of.demand.chunk_bytes));
    row("bytes to read", &|of| size(of.demand.read_bytes));
    row("requests", &|of| {
        format!("{} + {}", plural(of.demand.shards, "footer"), plural(of.demand.reads, "read"))
    });
    row("memory", &|of| {
        let more = if of.is_open { " plus labels found, up to --memory-limit" } else { "" };
        format!("{}{more}", size(of.memory))
    });
    row("  for footers", &|of| size(of.demand.footer_bytes));
    row("time", &|of| format!("{:.2} s", of.opening + of.fixed + of.counting));
    row("  for footers", &|of| format!("{:.2} s", of.opening));
    let (rows, seconds) = here.probe;
    format!("{}\n{table}\nprobe: {} counted by one thread in {seconds:.3} s\n", here.how, plural(rows, "row"))
}

/// Cells are data, which must not reach the terminal as they are.
fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// Keys of `key=value` folders that no column hides, with their values.
fn folder_keys(
    shards: &[shards::Shard],
    schema: &arrow::datatypes::Schema,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, _) in shards.iter().flat_map(|shard| &shard.hive) {
        if schema.field_with_name(key).is_err() && !keys.contains_key(key) {
            let values = shards.iter().map(|shard| listing::hive_value(&shard.hive, key));
            let values = values.map(|value| value.unwrap_or_else(|| "NULL".to_owned()));
            keys.insert(key.clone(), values.collect());
        }
    }
    keys
}

fn describe(
    shards: &[shards::Shard],
    schema: &arrow::datatypes::Schema,
    cells: &dyn Fn(&str) -> String,
) -> String {
    let rows = shards::rows_of(shards);
    let bytes: u64 = shards.iter().map(|shard| shard.bytes).sum();
    let mut text =
        format!("{}, {}, {bytes} bytes\n", plural(shards.len() as u64, "shard"), plural(rows, "row"));
    for shard in shards.iter().take(SHARDS_SHOWN) {
        let groups = shard.row_groups().len();
        text.push_str(&format!(
            "  {}: {}, {}\n",
            visible(&shard.name),
            plural(shard.rows, "row"),
            plural(groups as u64, "row group")
        ));
    }
    if shards.len() > SHARDS_SHOWN {
        text.push_str(&format!("  … and {} more\n", shards.len() - SHARDS_SHOWN));
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["column", "type", "cells"]);
    for field in schema.fields().iter().take(COLUMNS_SHOWN) {
        let shown = cells(field.name());
        let shown = if shown.is_empty() { shown } else { short(&shown, CELLS_WIDTH) };
        table.add_row([short(field.name(), 40), short(&type_words(field.data_type()), TYPE_WIDTH), shown]);
    }
    if schema.fields().len() > COLUMNS_SHOWN {
        table.add_row([
            format!("… and {} more", schema.fields().len() - COLUMNS_SHOWN),
            String::new(),
            String::new(),
        ]);
    }
    for (key, values) in folder_keys(shards, schema) {
        let shown: Vec<&str> = values.iter().take(SHARDS_SHOWN).map(String::as_str).collect();
        table.add_row([short(&key, 40), "folder key".to_owned(), short(&shown.join(", "), CELLS_WIDTH)]);
    }
    text.push_str(&table.to_string());
    text
}
