//! The sampling plan that a spec asks for.

use super::spec::Spec;
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
}

impl Sampling {
    /// The plan that a spec asks for.
    pub(super) fn asked(spec: &Spec) -> Result<Option<Self>> {
        let Some(text) = &spec.plan else {
            let given = [
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
        Ok(Some(Self {
            method: text.parse()?,
            seed: spec.seed.unwrap_or(0),
            epoch: spec.epoch.unwrap_or(0),
            materialize: spec.materialize.unwrap_or(false),
        }))
    }
}
