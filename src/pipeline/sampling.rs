//! The sampling plan that a spec asks for.

use super::spec::{OneOrMany, Spec};
use crate::error::{Error, Result};
use crate::sampling::Method;

/// A sampling plan as asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sampling {
    /// The plan.
    pub method: Method,
    /// Seed of its random numbers.
    pub seed: u64,
    /// Epoch; each has random numbers of its own.
    pub epoch: u64,
    /// Also write the sampled shards.
    pub materialize: bool,
    /// Column whose rows of one value stay in one fold.
    pub groups: Option<String>,
    /// Name of the folders of folds: `NAME=FOLD`.
    pub fold_column: String,
    /// Plans to be compared with this one.
    pub others: Vec<Method>,
}

/// The usual name of the folders of folds.
const FOLD: &str = "fold";

impl Sampling {
    /// This plan, and those that are compared with it.
    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        std::iter::once(&self.method).chain(&self.others)
    }

    /// Whether one of them edits labels.
    pub(super) fn edits_labels(&self) -> bool {
        self.methods().any(|method| matches!(method, Method::Remedial { .. }))
    }

    /// The plan that a spec asks for.
    pub(super) fn asked(spec: &Spec) -> Result<Option<Self>> {
        let texts = spec.plan.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
        let Some((text, others)) = texts.split_first() else {
            let given = [
                ("--fold-column", spec.fold_column.is_some()),
                ("--seed", spec.seed.is_some()),
                ("--epoch", spec.epoch.is_some()),
                ("--materialize", spec.materialize == Some(true)),
                ("--dry-run", spec.dry_run == Some(true)),
            ];
            return match given.iter().find(|(_, given)| *given) {
                None => Ok(None),
                Some((flag, _)) => {
                    Err(Error::usage(format!("{flag} belongs to a sampling plan, but none is named"))
                        .hint("name one with --plan; posweight list plans has all"))
                }
            };
        };
        if !others.is_empty() && spec.dry_run != Some(true) {
            return Err(Error::usage(format!(
                "--plan is given {} times, but a run writes one plan",
                texts.len()
            ))
            .hint(format!("compare plans with --dry-run, then write one of them: --plan {text} --out DIR")));
        }
        let method: Method = text.parse()?;
        let others = others.iter().map(|text| text.parse()).collect::<Result<Vec<Method>>>()?;
        let deals = |method: &Method| !method.folds().is_empty();
        for (flag, given) in
            [("--groups", spec.groups.is_some()), ("--fold-column", spec.fold_column.is_some())]
        {
            if given && !others.iter().chain([&method]).any(deals) {
                return Err(Error::usage(format!("{flag} is about folds, and --plan {text} has none"))
                    .hint(format!("drop {flag}, or use --plan stratified-split")));
            }
        }
        let fold_column = spec.fold_column.clone().unwrap_or_else(|| FOLD.to_owned());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if fold_column.is_empty() || !fold_column.chars().all(is_plain) {
            return Err(Error::usage(format!(
                "--fold-column {fold_column:?} is not a name of letters, digits, _ and -"
            ))
            .hint("for example --fold-column split"));
        }
        Ok(Some(Self {
            method,
            groups: spec.groups.clone(),
            fold_column,
            others,
            seed: spec.seed.unwrap_or(0),
            epoch: spec.epoch.unwrap_or(0),
            materialize: spec.materialize.unwrap_or(false),
        }))
    }
}
