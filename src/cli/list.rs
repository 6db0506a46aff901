//! `posweight list`: prints the tables of the code.

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};

use super::output::print;
use crate::artifact::imbalance::keys;
use crate::checks::CHECKS;
use crate::error::{EXIT_CODES, Result};
use crate::findings::FINDINGS;
use crate::measures::MEASURES;
use crate::row_measures::ROW_MEASURES;
use crate::sampling::METHODS;
use crate::source::layout::LAYOUTS;
use crate::weights::SCHEMES;

/// Print a table: schemes, plans, measures, layouts, checks, findings, exit-codes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight list schemes
  posweight list layouts
  posweight list exit-codes")]
pub(super) struct ListVerb {
    /// Table to print
    what: TableName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TableName {
    Schemes,
    Plans,
    Measures,
    Layouts,
    Checks,
    Findings,
    ExitCodes,
}

impl ListVerb {
    pub(super) fn act(&self) -> Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        match self.what {
            TableName::Schemes => {
                table.set_header(["scheme", "kind", "formula", "parameters", "source"]);
                for info in &SCHEMES {
                    table.add_row([
                        info.name,
                        &info.kind.to_string(),
                        info.formula,
                        info.parameters,
                        info.source,
                    ]);
                }
            }
            TableName::Plans => {
                table.set_header(["plan", "effect on rows", "right", "parameters", "source"]);
                for info in &METHODS {
                    table.add_row([info.name, info.about, info.when, info.parameters, info.source]);
                }
            }
            TableName::Measures => {
                table.set_header(["measure", "range", "formula", "source"]);
                for measure in &MEASURES {
                    table.add_row([measure.name, measure.range, measure.formula, measure.source]);
                }
                for measure in &ROW_MEASURES {
                    table.add_row([measure.name, measure.range, measure.formula, measure.source]);
                }
                for (name, about) in keys() {
                    table.add_row([&name, "", about, ""]);
                }
            }
            TableName::Layouts => {
                table.set_header(["layout", "a row's labels are", "types", "flags"]);
                for info in &LAYOUTS {
                    table.add_row([info.name, info.labels, info.types, info.flags]);
                }
            }
            TableName::Checks => {
                table.set_header(["check", "value compared with the limit"]);
                for info in &CHECKS {
                    table.add_row([info.name, info.about]);
                }
            }
            TableName::Findings => {
                table.set_header(["finding", "severity", "why it matters", "what to do"]);
                for info in &FINDINGS {
                    table.add_row([info.id, info.severity.as_str(), info.cause, info.remedy]);
                }
            }
            TableName::ExitCodes => {
                table.set_header(["code", "name", "meaning", "retry"]);
                for (code, name, meaning, retry) in EXIT_CODES {
                    table.add_row([
                        code.to_string().as_str(),
                        name,
                        meaning,
                        if retry { "yes" } else { "no" },
                    ]);
                }
            }
        }
        let lines: Vec<String> =
            table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        print(&lines.concat())
    }
}
