//! What single flags of a spec ask for, read and checked.

use super::derived::MeasureOptions;
use super::machine::Machine;
use super::spec::{OneOrMany, Scalar, Spec};
use crate::artifact::catalog;
use crate::consequences::BATCH_SIZE;
use crate::engine::cluster_token::ClusterToken;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::{Limits, MEMORY_LIMIT_MIN};
use crate::error::{Error, Result, choice};
use crate::weights::{Adjust, Fallback, Kind, Policy, Scheme, Weighing};

/// Addresses that stacks of threads and mapped files reserve, most of them without memory behind them.
const RESERVED_ADDRESSES: u64 = 256 << 20;
/// Addresses that an arena of the allocator reserves.
const ARENA: u64 = 64 << 20;
/// Threads of a run that counts with none: those that read ahead, list, write and wait.
const THREADS_BESIDE: usize = 12;
/// Part of the machine's memory used by default.
const MEMORY_SHARE_PERCENT: u64 = 60;
/// Most bytes of spill files by default.
const SPILL_LIMIT: u64 = 100 << 30;

/// The texts of a key that takes one or several.
pub(super) fn list(given: Option<&OneOrMany>) -> Vec<String> {
    given.map(OneOrMany::to_vec).unwrap_or_default()
}

/// The weighing a spec asks for; also what `weigh` uses, which needs nothing else.
///
/// # Errors
/// [`Error::Usage`] naming the flag.
pub(crate) fn weighing(spec: &Spec) -> Result<Weighing> {
    let texts = spec.scheme.as_ref().map_or_else(|| vec!["ratio".to_owned()], OneOrMany::to_vec);
    let mut schemes = texts.iter().map(|text| text.parse()).collect::<Result<Vec<Scheme>>>()?;
    if let Some(value) = spec.epsilon {
        let ratios = schemes.iter_mut().filter_map(|scheme| match scheme {
            Scheme::Ratio { epsilon } => Some(epsilon),
            _ => None,
        });
        if !(value.is_finite() && value >= 0.0) || ratios.map(|epsilon| *epsilon = value).count() == 0 {
            return Err(Error::usage(format!("--epsilon {value} cannot be used"))
                .hint("it is the ε ≥ 0 of --scheme ratio: negatives / (positives + ε)"));
        }
    }
    let fallback = |flag: &str, given: &Option<Scalar>| match given {
        None => Ok(Fallback::default()),
        Some(text) => text.to_string().parse().map_err(|error: Error| error.at(flag)),
    };
    let adjust = Adjust {
        power: spec.power.unwrap_or(1.0),
        normalize: spec.normalize.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        clip: spec.clip,
    };
    adjust.check()?;
    let policy = Policy {
        zero_positives: fallback("--zero-positives", &spec.zero_positives)?,
        zero_negatives: fallback("--zero-negatives", &spec.zero_negatives)?,
        min_positives: spec.min_positives.unwrap_or(0),
    };
    let weight = schemes.iter().find(|scheme| scheme.info().kind != Kind::Additive);
    for (flag, value) in
        [("--zero-positives", policy.zero_positives), ("--zero-negatives", policy.zero_negatives)]
    {
        if let (Fallback::Value(value), Some(scheme)) = (value, weight)
            && value < 0.0
        {
            return Err(Error::usage(format!(
                "{flag} {value}: a weight below 0 makes a loss grow as labels get right"
            ))
            .hint(format!(
                "give a number from 0 on, or leave out --scheme {scheme}: additive schemes alone take others"
            )));
        }
    }
    Ok(Weighing { schemes, adjust, policy })
}

/// Whether a spec asks for measures of rows; `None` for `auto`.
///
/// # Errors
/// [`Error::Usage`] naming the flag.
pub(crate) fn row_measures(spec: &Spec) -> Result<Option<bool>> {
    let choices = [("auto", None), ("on", Some(true)), ("off", Some(false))];
    spec.row_measures.as_deref().map_or(Ok(None), |text| choice("--row-measures", text, &choices))
}

/// How a spec asks to read measures, and what reports give beside them.
///
/// # Errors
/// [`Error::Usage`] naming the flag.
pub(crate) fn measure_options(spec: &Spec) -> Result<MeasureOptions> {
    if spec.batch_size == Some(0) {
        return Err(Error::usage("--batch-size is 0").hint("give the rows of a training batch, such as 256"));
    }
    Ok(MeasureOptions {
        compat: spec.compat.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        batch_size: spec.batch_size.unwrap_or(BATCH_SIZE),
        features: spec.num_features,
    })
}

/// Memory, threads and spilling that a spec asks for.
///
/// # Errors
/// [`Error::Usage`] naming the flag; [`Error::Resource`] if the process may not take enough addresses.
pub(crate) fn limits(spec: &Spec, machine: Machine) -> Result<Limits> {
    let memory = spec.memory_limit.as_deref().map(|text| bytes("--memory-limit", text)).transpose()?;
    let spill = spec.spill_limit.as_deref().map(|text| bytes("--spill-limit", text)).transpose()?;
    if spec.threads == Some(0) {
        return Err(Error::usage("--threads is 0").hint("give at least 1"));
    }
    let memory = memory.unwrap_or(machine.memory / 100 * MEMORY_SHARE_PERCENT);
    let threads = spec.threads.unwrap_or(machine.threads);
    let mut limits = Limits::new(
        within_addresses(memory, threads, machine)?,
        threads,
        spec.spill_dir.clone(),
        spill.unwrap_or(SPILL_LIMIT),
    );
    let cluster = spec.cluster.as_deref().map(str::parse::<SchedulerAddress>).transpose()?;
    limits.cluster = match cluster {
        Some(address) => Some(address.with_token(ClusterToken::find(spec.token_file.as_deref())?)),
        None if spec.token_file.is_some() => {
            return Err(
                Error::usage("--token-file is for a cluster").hint("name it with --cluster df://HOST:PORT")
            );
        }
        None => None,
    };
    Ok(limits)
}

/// What can be kept of a memory limit where addresses are limited, too: a program without addresses cannot say so, it
/// is ended by the system.
fn within_addresses(memory: u64, threads: usize, machine: Machine) -> Result<u64> {
    let Some(left) = machine.addresses else { return Ok(memory) };
    let arenas = machine.arenas.min((THREADS_BESIDE + 2 * threads) as u64);
    let reserved = RESERVED_ADDRESSES + arenas * ARENA;
    let most = left.saturating_sub(reserved);
    if most < MEMORY_LIMIT_MIN {
        return Err(Error::resource(format!(
            "the limit on addresses (ulimit -v) leaves {} MB to this process; it needs {} MB",
            left >> 20,
            (reserved + MEMORY_LIMIT_MIN) >> 20
        ))
        .hint(
            "run `ulimit -v unlimited` before, and limit memory with --memory-limit; or run `export \
             MALLOC_ARENA_MAX=1` before, so that it needs less",
        ));
    }
    Ok(memory.min(most))
}

/// Bytes of a size such as `512m`, `4g`, `100000`.
///
/// # Errors
/// [`Error::Usage`] naming `flag`.
pub(crate) fn bytes(flag: &str, text: &str) -> Result<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix("ib").or(lower.strip_suffix('b')).unwrap_or(&lower);
    let (digits, shift) = match lower.char_indices().last() {
        Some((at, 'k')) => (&lower[..at], 10),
        Some((at, 'm')) => (&lower[..at], 20),
        Some((at, 'g')) => (&lower[..at], 30),
        Some((at, 't')) => (&lower[..at], 40),
        _ => (lower, 0),
    };
    let number = digits.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    number.filter(|n| *n > 0).ok_or_else(|| {
        Error::usage(format!("{flag}: \"{text}\" is not a size"))
            .hint("give a whole number with k, m, g or t, such as 512m")
    })
}

/// Kinds of files to write; all when none is given.
///
/// # Errors
/// [`Error::Usage`] for a kind that does not exist.
pub(crate) fn formats(given: &[String]) -> Result<Vec<String>> {
    let given: Vec<String> = given.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
    let known: Vec<String> = catalog::formats().map(str::to_owned).collect();
    if let Some(unknown) = given.iter().find(|format| !known.contains(format)) {
        return Err(Error::usage(format!("--formats: there is no format \"{unknown}\""))
            .hint(format!("formats are {}", known.join(", "))));
    }
    Ok(if given.is_empty() { known } else { given })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_on_addresses_bounds_memory() {
        let limits = |addresses: Option<u64>| {
            let machine = Machine { memory: 8 << 30, threads: 2, addresses, arenas: 1 };
            limits(&Spec { memory_limit: Some("2g".to_owned()), ..Spec::default() }, machine)
        };
        assert_eq!(limits(None).unwrap().memory, 2 << 30);
        assert_eq!(limits(Some(1 << 40)).unwrap().memory, 2 << 30);
        assert_eq!(limits(Some(1 << 30)).unwrap().memory, 704 << 20);
        let refused = limits(Some(300 << 20)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the limit on addresses (ulimit -v) leaves 300 MB to this process; it needs 480 MB"
        );
        assert_eq!(refused.exit_code(), 6);
    }

    #[test]
    fn a_weight_is_not_below_0() {
        let of = |scheme: &str, value: &str| {
            let spec = Spec {
                scheme: Some(OneOrMany::One(scheme.to_owned())),
                zero_positives: Some(Scalar::Text(value.to_owned())),
                ..Spec::default()
            };
            weighing(&spec).map(drop)
        };
        assert!(of("prior-bias", "-1").is_ok());
        assert!(of("ratio", "0").is_ok());
        let refused = of("ratio", "-0.5").unwrap_err();
        assert!(refused.to_string().starts_with("--zero-positives -0.5: a weight below 0"), "{refused}");
        assert_eq!(refused.exit_code(), 2);
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes =
            ["512m", "4G", "1t", "100", "64KiB", "2gb"].map(|text| bytes("--memory-limit", text).unwrap());
        assert_eq!(sizes, [512 << 20, 4 << 30, 1 << 40, 100, 64 << 10, 2 << 30]);
        for wrong in ["", "m", "-1g", "0", "1.5g", "99999999t"] {
            assert!(bytes("--memory-limit", wrong).is_err(), "{wrong}");
        }
    }
}
