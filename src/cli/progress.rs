//! Runs a spec, shows progress, then prints the summary.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tracing::subscriber::set_global_default;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use super::live::{LiveView, Scale};
use super::output::{print, print_bytes, say, says_json, terminal_lines};
use super::signals::stopped;
use crate::engine::{Progress, Spilled};
use crate::error::{Error, Result, plural};
use crate::findings::FindingKind;
use crate::pipeline::checking::WARNED_CHECKS;
use crate::pipeline::machine::Machine;
use crate::pipeline::notices::refused;
use crate::pipeline::outcome::{Ended, Observer, Outcome};
use crate::pipeline::plan::Plan;
use crate::pipeline::run::run;
use crate::pipeline::spec::Spec;
use crate::report;
use crate::source::pass_on::OnBrokenPipe;
use crate::threads::runtime;

/// How much is logged, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(super) struct LogFlags {
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
    /// Log every step
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
    /// Progress on a terminal: auto is a bar, live also shows speed, shards, spilled bytes and the rarest labels so far
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = ["auto", "live", "never"])]
    progress: String,
}

impl LogFlags {
    /// Whether only errors are printed.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Shows the progress of a run as these flags say.
    pub(super) fn watcher(&self) -> Watcher {
        let how = match self.progress.as_str() {
            _ if self.quiet => HowShown::Nothing,
            "auto" => HowShown::Bar,
            "live" => HowShown::Live,
            _ => HowShown::Nothing,
        };
        Watcher { how, running: Mutex::new(None) }
    }

    /// Shows each of many runs, if that is asked for with `live` and stderr is a terminal.
    pub(super) fn watcher_of_many(&self) -> Watcher {
        let watcher = self.watcher();
        let is_live = watcher.how == HowShown::Live && std::io::stderr().is_terminal();
        Watcher { how: if is_live { HowShown::Live } else { HowShown::Nothing }, ..watcher }
    }

    /// Sends log events of the library to stderr, one line each.
    pub(super) fn listen(&self) {
        let level = match (self.verbose, self.quiet) {
            (true, _) => Level::DEBUG,
            (false, true) => Level::ERROR,
            (false, false) => Level::WARN,
        };
        // A person reads of checks in the summary.
        let of_checks = if says_json() { level } else { Level::ERROR };
        // Events of other libraries do not help who runs posweight, except retries of store requests.
        let ours = Targets::new()
            .with_target(env!("CARGO_CRATE_NAME"), level)
            .with_target(WARNED_CHECKS, of_checks)
            .with_target("object_store::client::retry", level.min(Level::INFO));
        let lines =
            tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_ansi(false);
        // Another subscriber in this process is not an error. `try_init` would also take the place of the logger of the
        // `log` crate where a dependency asks for that, and forward more than is ours.
        let _ = if says_json() {
            set_global_default(lines.json().finish().with(ours))
        } else if !self.verbose {
            set_global_default(lines.event_format(PlainLines).finish().with(ours))
        } else {
            set_global_default(lines.finish().with(ours))
        };
    }
}

/// Warnings and errors in the words of the program, without time and module.
struct PlainLines;

impl<S, N> FormatEvent<S, N> for PlainLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let level = if *event.metadata().level() == Level::ERROR { "error" } else { "warning" };
        write!(writer, "{level}: ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Resolves and runs `spec`, shows progress on stderr and the summary on stdout; returns the exit code.
pub(super) fn carry_out(spec: Spec, voice: &LogFlags) -> Result<u8> {
    carry_out_passing(spec, voice, None)
}

/// The same for a stream that goes on to stdout, so that the summary goes to stderr.
pub(super) fn carry_out_stream(spec: Spec, voice: &LogFlags, on_broken_pipe: OnBrokenPipe) -> Result<u8> {
    carry_out_passing(spec, voice, Some(on_broken_pipe))
}

/// The plan of a spec on this machine; the summary reports a wrong spec too.
pub(super) fn planned(mut spec: Spec) -> Result<Plan> {
    let disabled =
        std::env::var("OPENLINEAGE_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    let collector = std::env::var("OPENLINEAGE_URL").ok().filter(|url| !url.is_empty());
    spec.openlineage = spec.openlineage.or(collector).filter(|_| !disabled);
    Plan::resolve(spec.clone(), Machine::here()).inspect_err(|error| refused(&spec, error))
}

fn carry_out_passing(spec: Spec, voice: &LogFlags, pass_on: Option<OnBrokenPipe>) -> Result<u8> {
    voice.listen();
    let mut plan = planned(spec)?;
    if pass_on.is_some() && plan.out.folder().is_none() {
        return Err(Error::usage("--out -: stdout takes the stream").hint("name a folder with --out DIR"));
    }
    let side = plan.side_on_stdout();
    if let (Some(_), Some(flag)) = (pass_on, side) {
        return Err(Error::usage(format!("{flag} -: stdout takes the stream"))
            .hint(format!("name a file for {flag}")));
    }
    plan.count.pass_on = pass_on;
    let watcher = voice.watcher();
    let clock = Instant::now();
    let runtime = runtime(plan.count.limits.threads, "posweight")?;
    let ended = runtime.block_on(run(&plan, &watcher, stopped()));
    // A cancelled run must not wait for a busy decoder thread.
    runtime.shutdown_background();
    let outcome = match ended? {
        Ended::Done(outcome) => outcome,
        Ended::Unchanged(code) => {
            if let (false, Some(out)) = (voice.quiet, plan.out.folder()) {
                let text = format!("{}: up to date, nothing was done\n", out.display());
                if side.is_some() { say(text.trim_end()) } else { print(&text)? }
            }
            return Ok(code);
        }
    };
    // With millions of labels, sorting them for the summary takes a while.
    let text = (!voice.quiet).then(|| summary(&outcome, &plan, clock.elapsed()));
    match (&outcome.stream, text) {
        (Some(bytes), text) => {
            text.iter().for_each(|text| say(text.trim_end()));
            print_bytes(bytes)?;
        }
        (None, Some(text)) if pass_on.is_some() || side.is_some() => say(text.trim_end()),
        (None, Some(text)) => print(&text)?,
        (None, None) => {}
    }
    Ok(0)
}

/// The summary of one of several jobs.
fn part(outcome: &Outcome, plan: &Plan, (index, count): (u64, u64), elapsed: Duration) -> String {
    let counts = &outcome.derived.file.counts;
    let out = plan.out.folder().map(|out| out.display().to_string()).unwrap_or_default();
    format!(
        "job {index} of {count}: {}, {}, {}\n{out}: counts.parquet\n{:.2} s. Next, when all jobs \
         are done: posweight weigh\n",
        plural(counts.rows(), "row"),
        plural(counts.len() as u64, "label"),
        outcome.source,
        elapsed.as_secs_f64()
    )
}

fn summary(outcome: &Outcome, plan: &Plan, elapsed: Duration) -> String {
    if let Some(part) = plan.part {
        return self::part(outcome, plan, part, elapsed);
    }
    let drift = outcome.drift();
    let drift = drift.as_ref().map(|(name, drift)| (*name, drift));
    let source = format!("{} ({})", outcome.source, outcome.why);
    let plan_text = outcome.sampled.as_ref().map(|sampled| match plan.out.folder() {
        Some(_) => sampled.text_of_result(&source),
        None => sampled.text(&source),
    });
    let report = outcome.derived.report(source, &outcome.groups, drift);
    let mut text = match plan_text {
        // How rows were read decides what a plan makes of them.
        Some(text) => text + &report::findings(&report, FindingKind::is_of_rows),
        None => report::text(&report, terminal_lines()),
    };
    let memory = crate::pipeline::machine::peak_memory()
        .map(|bytes| format!(", {} MB", bytes >> 20))
        .unwrap_or_default();
    let spilled = match outcome.spilled {
        Spilled { bytes: 0, .. } => String::new(),
        Spilled { bytes, files } => {
            format!(", {} MB spilled to {}", bytes.div_ceil(1 << 20), plural(files, "file"))
        }
    };
    if outcome.reused > 0 {
        let shards = plural(outcome.reused as u64, "shard");
        text.push_str(&format!("{shards} not read again: saved counts were used\n"));
    }
    let build = if cfg!(debug_assertions) { " (development build)" } else { "" };
    let seconds = format!("{:.2} s{memory}{spilled}{build}", elapsed.as_secs_f64());
    let Some(out) = plan.out.folder() else { return format!("{text}\n{seconds}\n") };
    let out = out.display();
    let files = outcome.outputs.iter().filter(|file| !file.path.contains('/')).map(|file| file.path.as_str());
    text.push_str(&format!(
        "\n{out}: {}\n{seconds}. Next: posweight report {out}\n",
        files.collect::<Vec<_>>().join(", "),
    ));
    text
}

/// What is drawn on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HowShown {
    Nothing,
    Bar,
    Live,
}

/// Draws the progress on a terminal; prints a line every half minute elsewhere.
pub(super) struct Watcher {
    how: HowShown,
    running: Mutex<Option<(Arc<AtomicBool>, JoinHandle<()>)>>,
}

impl Observer for Watcher {
    fn counting(&self, shards: usize, bytes: u64, rows: u64, progress: &Arc<Progress>) {
        if self.how == HowShown::Nothing {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (progress, stopped) = (Arc::clone(progress), Arc::clone(&stop));
        let how = Some(self.how).filter(|_| std::io::stderr().is_terminal());
        let scale = Scale { shards: shards as u64, bytes, rows };
        if how == Some(HowShown::Live) {
            // Asked before the first row is counted, so that nothing is missed.
            progress.live.ask();
        }
        let began = Instant::now();
        let watch = move || match how {
            Some(HowShown::Live) => LiveView::new(scale, began).draw(&progress, &stopped),
            Some(_) => draw(shards, bytes, rows, &progress, &stopped),
            None => tell(rows, &progress, &stopped),
        };
        if let Ok(mut running) = self.running.lock() {
            *running = Some((stop, std::thread::spawn(watch)));
        }
    }

    fn counted(&self) {
        if let Ok(Some((stop, thread))) = self.running.lock().map(|mut running| running.take()) {
            stop.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// A bar in bytes, estimated from the rows counted; rows without a bar if their number is not known.
fn draw(shards: usize, bytes: u64, rows: u64, progress: &Progress, stopped: &AtomicBool) {
    const EVERY: Duration = Duration::from_millis(100);
    let (bar, shape) = if rows == 0 {
        (ProgressBar::no_length(), "{spinner} {human_pos} rows of a stream, {per_sec}")
    } else {
        let shape = "{bar:30} {bytes}/{total_bytes} of {msg}, {bytes_per_sec}, {eta} left";
        (ProgressBar::new(bytes), shape)
    };
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar.set_message(plural(shards as u64, "shard"));
    while !stopped.load(Ordering::Relaxed) {
        let done = u128::from(progress.rows().min(rows)) * u128::from(bytes) / u128::from(rows.max(1));
        let done = if rows == 0 { progress.rows() } else { u64::try_from(done).unwrap_or(bytes) };
        bar.set_position(done);
        std::thread::park_timeout(EVERY);
    }
    bar.finish_and_clear();
}

/// One line every half minute.
fn tell(rows: u64, progress: &Progress, stopped: &AtomicBool) {
    const EVERY: Duration = Duration::from_secs(30);
    let mut next = Instant::now() + EVERY;
    while !stopped.load(Ordering::Relaxed) {
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        if Instant::now() >= next {
            match rows {
                0 => say(&format!("counted {}", plural(progress.rows(), "row"))),
                rows => say(&format!("counted {} of {}", progress.rows(), plural(rows, "row"))),
            }
            next += EVERY;
        }
    }
}
