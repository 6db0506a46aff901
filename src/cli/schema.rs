//! `posweight schema`: JSON Schemas of files that posweight reads and writes.

use clap::{Args, ValueEnum};
use schemars::schema_for;
use serde_json::Value as Json;

use super::output::print;
use crate::artifact::imbalance;
use crate::artifact::results::RunResults;
use crate::error::{Error, Result};
use crate::pipeline::spec::Spec;

/// Print the JSON Schema of pipeline files, run_results.json or imbalance.json
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight schema spec > posweight.schema.json     # for editors: #:schema posweight.schema.json
  posweight schema imbalance
  posweight schema results | jq '.properties | keys'")]
pub(super) struct SchemaVerb {
    /// Kind of file
    what: SchemaName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaName {
    /// Pipeline files
    Spec,
    /// run_results.json
    Results,
    /// imbalance.json
    Imbalance,
}

impl SchemaVerb {
    pub(super) fn act(&self) -> Result<()> {
        let schema: Json = match self.what {
            SchemaName::Spec => schema_for!(Spec).to_value(),
            SchemaName::Results => schema_for!(RunResults).to_value(),
            SchemaName::Imbalance => imbalance::schema(),
        };
        let text =
            serde_json::to_string_pretty(&schema).map_err(|cause| Error::internal(cause.to_string()))?;
        print(&format!("{text}\n"))
    }
}
