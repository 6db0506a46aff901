//! `posweight inspect --plan --simulate`: how a run would go on a cluster.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};

use super::output::size;
use crate::error::{Error, Result, plural};
use crate::pipeline::forecast::Forecast;
use crate::pipeline::options::bytes;
use crate::pipeline::simulation::{Fleet, FleetLoad, Network, SimulatedRun, simulate};

/// Characters of the timeline.
const TIMELINE: f64 = 40.0;
/// Numbers of executors that are compared.
const COMPARED: [u64; 4] = [1, 10, 100, 1000];

/// A run on a cluster, and what it finds there.
#[derive(Debug, Args)]
pub(super) struct SimulationFlags {
    /// Also simulate a run with --cluster and N executors like this machine
    #[arg(long, requires = "plan")]
    simulate: bool,
    /// Calibrate the simulation by run_results.json of a run with --cluster, instead of the probe
    #[arg(long, value_name = "FILE", requires = "simulate")]
    account: Option<PathBuf>,
    /// Executors that are lost when half of the shards are counted
    #[arg(long, value_name = "N", requires = "simulate", default_value_t = 0)]
    lost: u64,
    /// Time until the scheduler knows of a lost executor, as with --executor-timeout
    #[arg(long, value_name = "SECONDS", requires = "simulate", default_value_t = 60)]
    lost_after: u64,
    /// Time until a request is answered, in milliseconds [default: 30 for objects, 0 for files]
    #[arg(long, value_name = "MS", requires = "simulate")]
    latency: Option<f64>,
    /// Bytes per second of the network of each machine, such as 1200m
    #[arg(long, value_name = "SIZE", requires = "simulate", default_value = "1200m")]
    bandwidth: String,
    /// Requests per second that the store answers, for all machines together
    #[arg(long, value_name = "N", requires = "simulate", default_value_t = 5500, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
}

impl SimulationFlags {
    /// The simulation as text; empty if it is not asked for.
    pub(super) fn text(&self, forecast: &Forecast, executors: u64, threads: usize) -> Result<String> {
        if !self.simulate {
            return Ok(String::new());
        }
        let load = match &self.account {
            Some(path) => FleetLoad::of(forecast).by_account(path)?,
            None => FleetLoad::of(forecast),
        };
        let (network, threads) = (self.network(forecast)?, threads as u64);
        let fleet = |executors, lost| Fleet { executors, threads, lost, timeout: self.lost_after as f64 };
        let run = simulate(&load, &fleet(executors, self.lost), &network);
        let mut text = format!(
            "\nsimulation: {} of {}, {} ms per request, {} per second, {} requests per second{}\n{}",
            plural(executors, "executor"),
            plural(threads, "thread"),
            network.latency * 1000.0,
            size(bytes("--bandwidth", &self.bandwidth)?),
            network.requests_per_second,
            match self.lost {
                0 => String::new(),
                lost => format!(", {lost} lost"),
            },
            timeline(&run)
        );
        if let Some(most) = run.bottleneck() {
            text.push_str(&format!("bottleneck: {}, {}\n", most.name, most.bound.words()));
        }
        text.push_str(&format!("of the client alone: {}\n", time(run.serial())));
        let one = simulate(&load, &fleet(1, 0), &network).seconds();
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(["executors", "time", "speed-up"]);
        for executors in COMPARED {
            let seconds = simulate(&load, &fleet(executors, 0), &network).seconds();
            let speed_up = format!("{:.1}", one / seconds);
            table.add_row([executors.to_string(), time(seconds), speed_up]);
        }
        Ok(format!("{text}{table}\n"))
    }

    fn network(&self, forecast: &Forecast) -> Result<Network> {
        let latency = self.latency.unwrap_or(if forecast.demand.is_far { 30.0 } else { 0.0 });
        if !latency.is_finite() || latency < 0.0 {
            return Err(Error::usage(format!("--latency {latency} is no number of milliseconds"))
                .hint("give a number that is not negative, such as 30"));
        }
        let bandwidth = bytes("--bandwidth", &self.bandwidth)?;
        Ok(Network {
            latency: latency / 1000.0,
            bandwidth: bandwidth as f64,
            requests_per_second: self.requests as f64,
        })
    }
}

/// Seconds, unless the run never ends.
fn time(seconds: f64) -> String {
    if seconds.is_finite() { format!("{seconds:.2} s") } else { "never".to_owned() }
}

/// Characters of a share of the timeline.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 40")]
fn characters(share: f64) -> usize {
    (share * TIMELINE).round() as usize
}

/// One line per stage, with a bar where it lies in the run.
fn timeline(run: &SimulatedRun) -> String {
    let whole = run.seconds();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["stage", "time", "", "waits for"]);
    for stage in &run.stages {
        let at =
            |seconds: f64| if whole > 0.0 && whole.is_finite() { characters(seconds / whole) } else { 0 };
        let (start, end) = (at(stage.start), at(stage.start + stage.seconds));
        let bar = format!("{}{}", "·".repeat(start), "█".repeat(end.saturating_sub(start)));
        let waits = stage.bound.words().split(':').next().unwrap_or_default();
        table.add_row([stage.name.to_owned(), time(stage.seconds), bar, waits.to_owned()]);
    }
    table.add_row(["total".to_owned(), time(whole), String::new(), String::new()]);
    format!("{table}\n")
}
