//! `posweight watch`: runs again and again while shards come and go. Each run is one as of `posweight run`.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;

use super::changes::Changes;
use super::output::{print, say, say_error, says_json};
use super::progress::{LogFlags, planned};
use super::result_flags::ResultFlags;
use super::service::tell_manager;
use super::signals::{Signals, Woken};
use crate::error::{Error, Result, plural};
use crate::pipeline::checking::has_result;
use crate::pipeline::outcome::Ended;
use crate::pipeline::parsing::read;
use crate::pipeline::plan::Plan;
use crate::pipeline::run::run;
use crate::pipeline::spec::{OneOrMany, Spec};
use crate::pipeline::variables::Variables;
use crate::report::visible;
use crate::threads::runtime;

/// Time between a change and the look at it, at least: shards come in company.
const SETTLE: Duration = Duration::from_millis(200);

/// Publish a new result whenever shards are added, replaced or deleted
#[derive(Debug, Args)]
#[command(
    after_help = "Only new and changed shards are read; nothing is published while nothing changes. A run that fails, such as one that meets
a shard that is still being written, leaves the last result and is tried again. SIGHUP publishes now. SIGTERM and Ctrl-C
end the program; the counts of shards that are in --state stay.

Examples:
  posweight watch data/train/ --out weights/ --state weights.state
  posweight watch s3://bucket/train/ --out weights/ --state weights.state --every 5m
  posweight watch nightly.toml --every 1m       # a pipeline file with `out` and `state`, its checks included"
)]
pub(super) struct WatchVerb {
    /// Shards as of compute, or one pipeline file
    #[arg(required = true, value_name = "SHARDS|PIPELINE.toml")]
    shards: Vec<String>,
    /// Time between two looks at the shards: 30s, 5m, 1h. Changes of local folders are seen at once where the system tells (Linux)
    #[arg(long, value_name = "TIME", default_value = "30s")]
    every: String,
    /// How many runs in a row may fail before the program ends with their exit code
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_failures: u64,
    #[command(flatten)]
    result: ResultFlags,
    #[command(flatten)]
    logging: LogFlags,
    /// Print the equivalent pipeline file and exit
    #[arg(long)]
    emit_spec: bool,
}

impl WatchVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let spec = self.spec()?;
        if self.emit_spec {
            return print(&spec.to_toml()?).map(|()| 0);
        }
        let every = time(&self.every)?;
        self.logging.listen();
        let plan = planned(spec.clone())?;
        if plan.out.folder().is_none() {
            return Err(Error::usage("watch needs a folder for the result").hint("name one with --out DIR"));
        }
        if plan.state.is_none() {
            return Err(Error::usage("watch needs a file for the counts of each shard")
                .hint("name one with --state FILE, or in a pipeline file with state = \"FILE\""));
        }
        let runtime = runtime(plan.count.limits.threads, "posweight")?;
        let ended = runtime.block_on(self.watch(&spec, every, &Changes::of(&plan.count.sources)));
        runtime.shutdown_background();
        ended
    }

    /// What each run is made of. A result is replaced, and nothing is done while nothing changes.
    fn spec(&self) -> Result<Spec> {
        let mut spec = Spec::default();
        self.result.put(&mut spec)?;
        match &self.shards[..] {
            [file] if Path::new(file).extension().is_some_and(|ending| ending == "toml") => {
                let mut beside = Spec::default();
                self.result.put_beside_file(&mut beside);
                if let Some(key) = first_other(&spec, &beside)? {
                    let flag = key.replace('_', "-");
                    return Err(Error::usage(format!("{file}: --{flag} cannot be given beside a pipeline file"))
                        .hint(format!("write it into the file as the key {key}; posweight watch SHARDS … --emit-spec prints all flags as keys")));
                }
                let environment = std::env::vars_os()
                    .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
                spec = read(file.as_ref(), &Variables::new(&[], environment)?)?;
                self.result.put_beside_file(&mut spec);
            }
            shards => spec.shards = Some(OneOrMany::Many(shards.to_vec())),
        }
        spec.overwrite = Some(true);
        spec.skip_exit_code = spec.skip_exit_code.or(Some(0));
        Ok(spec)
    }

    async fn watch(&self, spec: &Spec, every: Duration, changes: &Changes) -> Result<u8> {
        let mut signals = Signals::new()?.with_hangup()?;
        let (mut failures, mut last_error) = (0, None);
        let mut failed: Option<Instant> = None;
        let watcher = self.logging.watcher_of_many();
        let mut asked = false;
        tell_manager("READY=1\nSTATUS=looking at the shards");
        loop {
            let skip_exit_code = spec.skip_exit_code.filter(|_| !asked);
            let plan = planned(Spec { skip_exit_code, ..spec.clone() })?;
            let clock = Instant::now();
            let ended = Box::pin(run(&plan, &watcher, signals.end())).await;
            let status = match ended {
                Ok(ended) => {
                    (failures, last_error, failed) = (0, None, None);
                    self.said(&ended, &plan, clock.elapsed())
                }
                Err(Error::Stopped(code)) => return Ok(stopped(code)),
                Err(error) if may_pass(&error) && failures < self.max_failures => {
                    // Changes may come so often that a shard which is being written would use up all attempts.
                    if failed.is_none_or(|last| last.elapsed() >= every) {
                        failures += 1;
                        failed = Some(Instant::now());
                    }
                    let text = error.to_string();
                    // The same error is said once.
                    if last_error.as_ref() != Some(&text) {
                        say_error(&error);
                        let has_result = plan.out.folder().is_some_and(has_result);
                        let what =
                            if has_result { "the last result stays" } else { "there is no result yet" };
                        say(&format!("{what}; the next look is in {} at the latest", self.every));
                    }
                    last_error = Some(text);
                    format!("the last {} failed", plural(failures, "run"))
                }
                Err(error) => return Err(error),
            };
            tell_manager(&format!("STATUS={status}"));
            // A run that takes long is not done all the time.
            let settle = SETTLE.max(clock.elapsed());
            asked = match signals.woken(every, changes.next(settle)).await {
                Woken::Time => {
                    changes.look_again();
                    false
                }
                Woken::Changed => false,
                Woken::Asked => true,
                Woken::Ended(code) => return Ok(stopped(code)),
            };
        }
    }

    /// Says what a run did, and gives its state in a few words.
    fn said(&self, ended: &Ended, plan: &Plan, elapsed: Duration) -> String {
        let Ended::Done(outcome) = ended else { return "up to date".to_owned() };
        let counts = &outcome.derived.file.counts;
        let status = format!(
            "published {}, {}, {}",
            plural(counts.rows(), "row"),
            plural(counts.len() as u64, "label"),
            outcome.source
        );
        if !self.logging.is_quiet() && !says_json() {
            for check in &outcome.derived.warned_checks {
                say(&format!("warning: a check of severity warn failed: {}", visible(check)));
            }
        }
        if !self.logging.is_quiet()
            && let Some(out) = plan.out.folder()
        {
            let reused = plural(outcome.reused as u64, "shard");
            let seconds = elapsed.as_secs_f64();
            say(&format!("{}: {status}; counts of {reused} were saved; {seconds:.2} s", out.display()));
        }
        status
    }
}

/// The first key of `spec` that `other` has not, or not so.
fn first_other(spec: &Spec, other: &Spec) -> Result<Option<String>> {
    let json = |spec: &Spec| serde_json::to_value(spec).map_err(|cause| Error::internal(cause.to_string()));
    let (spec, other) = (json(spec)?, json(other)?);
    let mut keys = spec.as_object().into_iter().flatten();
    Ok(keys.find(|(key, value)| other.get(key) != Some(value)).map(|(key, _)| key.clone()))
}

/// The exit code after a signal: SIGTERM is the usual end of a service, not a failure.
fn stopped(code: u8) -> u8 {
    const TERMINATED: u8 = 143;
    tell_manager("STOPPING=1");
    if code == TERMINATED { 0 } else { code }
}

/// Whether a later run may succeed without another command: shards are replaced, stores come back, other runs end.
fn may_pass(error: &Error) -> bool {
    error.is_in_use()
        || matches!(error, Error::Check(_) | Error::Input(_) | Error::Transient(_) | Error::Changed(_))
}

/// A time such as `30s`.
fn time(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::usage(format!("--every {text}: this is not a time"))
            .hint("write a number with its unit: 30s, 5m, 1h, or 200ms")
    };
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * seconds;
    // A pause that is too short would keep a processor busy.
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time >= Duration::from_millis(100) => Ok(time),
        Ok(_) => Err(Error::usage(format!("--every {text}: shards are looked at every 100ms at most"))
            .hint("write --every 100ms or more")),
        Err(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(time("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(time("1.5m").unwrap(), Duration::from_secs(90));
        assert_eq!(time("2h").unwrap(), Duration::from_hours(2));
        assert_eq!(time("250ms").unwrap(), Duration::from_millis(250));
        for wrong in ["", "30", "s", "-1s", "1d", "1 s", "1e3s", "0s", "99ms", "1.2.3s"] {
            let error = time(wrong).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().starts_with("--every"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_wrong_flag_or_a_full_disk_does_not_pass() {
        assert!(may_pass(&Error::input("x")) && may_pass(&Error::transient("x")));
        assert!(may_pass(&Error::in_use("x").at("--out").hint("wait")));
        assert!(
            !may_pass(&Error::usage("x"))
                && !may_pass(&Error::output("x"))
                && !may_pass(&Error::resource("x"))
        );
    }
}
