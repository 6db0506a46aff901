//! `posweight run`: runs a pipeline file.

use std::path::PathBuf;

use clap::Args;

use super::flags::{self, set};
use super::output::print;
use super::progress::{LogFlags, carry_out};
use crate::error::{Error, Result};
use crate::pipeline::explain::explain;
use crate::pipeline::notices::refused;
use crate::pipeline::parsing::{is_key, read, summary_place};
use crate::pipeline::spec::Spec;
use crate::pipeline::variables::Variables;

/// Run a pipeline file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight run pipelines/labels270.toml
  posweight run nightly.toml --explain         # per shard: read or not, and why
  posweight run nightly.toml --set date=2026-11-01 --skip-exit-code 99")]
pub(super) struct RunVerb {
    /// Pipeline file; its relative paths start at the folder of the file
    #[arg(value_name = "PIPELINE.toml")]
    spec: PathBuf,
    /// Folder for the results, instead of the file's; - writes only the weights, to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Format of --out -: json or arrow [default: json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Replace existing results
    #[arg(long)]
    overwrite: bool,
    /// Count on the cluster whose scheduler is at df://HOST:PORT
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
    /// File with the token of the cluster [default: POSWEIGHT_CLUSTER_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Value of ${NAME} in the file; overrides the environment
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print what would happen to each shard and why, and exit
    #[arg(long)]
    explain: bool,
    /// Publish even if a check fails; still exit with code 3
    #[arg(long)]
    publish_on_check_failure: bool,
    /// What to do with a shard that cannot be read: fail or skip
    #[arg(long, value_name = "WHAT")]
    on_bad_shard: Option<String>,
    /// Maximum number of skipped shards
    #[arg(long, value_name = "N")]
    max_bad_shards: Option<u64>,
    /// Peak memory, such as 512m [default: 60 % of the machine]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Number of counting threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How often to retry a failed request to an object store [default: 10]
    #[arg(long, value_name = "N")]
    retries: Option<usize>,
    #[command(flatten)]
    nightly: flags::IncrementalFlags,
    #[command(flatten)]
    jobs: flags::JobFlags,
    #[command(flatten)]
    voice: LogFlags,
    /// Print the pipeline file with resolved paths and exit
    #[arg(long)]
    emit_spec: bool,
}

impl RunVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let spec = self.spec()?;
        if self.explain {
            return print(&explain(spec)?).map(|()| 0);
        }
        if self.emit_spec {
            return print(&spec.to_toml()?).map(|()| 0);
        }
        carry_out(spec, &self.voice).map_err(in_keys)
    }

    /// The pipeline file with the flags; the summary reports a wrong file too.
    fn spec(&self) -> Result<Spec> {
        // Environment variables that are not valid Unicode are ignored.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let told = |variables: &Variables, error: &Error| {
            if self.explain || self.emit_spec {
                return;
            }
            let mut spec = Spec::default();
            self.nightly.put(&mut spec);
            spec.summary_json = spec.summary_json.or_else(|| summary_place(&self.spec, variables));
            refused(&spec, error);
        };
        let variables = Variables::new(&self.set, environment);
        let variables = variables.inspect_err(|error| told(&Variables::default(), error))?;
        let mut spec = read(&self.spec, &variables).inspect_err(|error| told(&variables, error))?;
        if self.out.is_some() {
            spec.out.clone_from(&self.out);
        }
        if self.format.is_some() {
            spec.format.clone_from(&self.format);
        }
        set(&mut spec.cluster, self.cluster.as_ref());
        set(&mut spec.token_file, self.token_file.as_ref());
        if self.overwrite {
            spec.overwrite = Some(true);
        }
        if self.publish_on_check_failure {
            spec.publish_on_check_failure = Some(true);
        }
        set(&mut spec.on_bad_shard, self.on_bad_shard.as_ref());
        set(&mut spec.max_bad_shards, self.max_bad_shards.as_ref());
        set(&mut spec.memory_limit, self.memory_limit.as_ref());
        set(&mut spec.threads, self.threads.as_ref());
        set(&mut spec.retries, self.retries.as_ref());
        self.nightly.put(&mut spec);
        self.jobs.put(&mut spec);
        Ok(spec)
    }
}

/// The error in the words of a pipeline file: flags that this verb does not have are named as keys.
fn in_keys(error: Error) -> Error {
    let Some(hint) = error.remedy().map(str::to_owned) else { return error };
    let command = RunVerb::augment_args(clap::Command::new("run"));
    let is_flag = |name: &str| command.get_arguments().any(|argument| argument.get_long() == Some(name));
    let hint = as_keys(&hint, &|name| is_flag(name) || !is_key(&name.replace('-', "_")));
    error.hint(hint)
}

/// `say --missing-columns missing` becomes `say missing_columns = "missing"`; flags for which `stays` holds stay.
fn as_keys(hint: &str, stays: &dyn Fn(&str) -> bool) -> String {
    let (mut out, mut rest) = (String::with_capacity(hint.len()), hint);
    while let Some(at) = rest.find("--") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        let end = after.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        out.push_str(before);
        if name.is_empty() || before.ends_with(|c: char| !c.is_whitespace() && c != '(') || stays(name) {
            out.push_str("--");
            out.push_str(name);
            rest = after;
            continue;
        }
        out.push_str(&name.replace('-', "_"));
        // A word that ends the clause is the value.
        let word = after.strip_prefix(' ').unwrap_or("");
        let quoted = word.strip_prefix('"').and_then(|inner| inner.find('"')).map(|end| end + 2);
        if let Some(end) = quoted {
            out.push_str(&format!(" = {}", &word[..end]));
            rest = &word[end..];
            continue;
        }
        let length = word.find([' ', ',', ';']).unwrap_or(word.len());
        let is_value = length > 0 && !word[length..].starts_with(' ') && !word.starts_with("--");
        if is_value {
            out.push_str(&format!(" = \"{}\"", word[..length].trim_matches('\'')));
            rest = &word[length..];
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_the_verb_lacks_are_keys() {
        let stays = |name: &str| !is_key(&name.replace('-', "_")) || name == "state";
        for (hint, expected) in [
            ("say --missing-columns missing", "say missing_columns = \"missing\""),
            ("drop --state, or say --null-as negative; x", "drop --state, or say null_as = \"negative\"; x"),
            ("declare it with --threshold or --soft", "declare it with threshold or soft"),
            ("use --ids-disjoint if no id is twice", "use ids_disjoint if no id is twice"),
            ("quote it: --where \"d >= '2026-11-05'\"", "quote it: where = \"d >= '2026-11-05'\""),
            ("a -- b --verbose", "a -- b --verbose"),
        ] {
            assert_eq!(as_keys(hint, &stays), expected);
        }
    }
}
