//! `posweight cluster`: a scheduler, and executors that count for it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::flags;
use super::progress::LogFlags;
use super::signals::stopped;
use crate::engine::cluster::server::{Executor, Scheduler, executor, scheduler};
use crate::engine::cluster_token::ClusterToken;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::{Error, Result};
use crate::pipeline::machine::Machine;
use crate::pipeline::options::limits;
use crate::pipeline::spec::Spec;
use crate::threads::runtime;

/// Start a scheduler, or an executor that works for one
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight cluster scheduler --bind 0.0.0.0 --host node-1
  posweight cluster executor --scheduler df://node-1:50050 --bind 0.0.0.0 --memory-limit 8g
  posweight compute /shared/data/ --cluster df://node-1:50050 --out weights/")]
pub(super) struct ClusterVerb {
    #[command(subcommand)]
    part: ClusterPart,
}

#[derive(Debug, Subcommand)]
enum ClusterPart {
    /// Assign tasks to executors; tasks of lost executors go to others
    Scheduler(SchedulerFlags),
    /// Run the tasks that the scheduler assigns
    Executor(ExecutorFlags),
}

#[derive(Debug, Args)]
struct SchedulerFlags {
    /// Address to listen on; without a token, every client that reaches it is trusted
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Port for clients and executors
    #[arg(long, value_name = "PORT", default_value_t = 50050)]
    port: u16,
    /// Host name under which executors reach the scheduler
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    host: String,
    /// Time without a heartbeat after which an executor is lost, and a job without any executor fails
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    executor_timeout: u64,
    /// File with a token that clients and executors must have; connections are encrypted [default: POSWEIGHT_CLUSTER_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    voice: LogFlags,
}

#[derive(Debug, Args)]
struct ExecutorFlags {
    /// Address of the scheduler
    #[arg(long, value_name = "URL", default_value = "df://localhost:50050")]
    scheduler: String,
    /// Address to listen on; without a token, every client that reaches it is trusted
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Port for clients and other executors
    #[arg(long, value_name = "PORT", default_value_t = 50051)]
    port: u16,
    /// Port for tasks from the scheduler
    #[arg(long, value_name = "PORT", default_value_t = 50052)]
    task_port: u16,
    /// Host name under which others reach the executor [default: the address that the scheduler sees]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Folder for results until they are fetched [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Time between two heartbeats
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    heartbeat: u64,
    /// File with the token of the cluster [default: POSWEIGHT_CLUSTER_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    machine: flags::MachineFlags,
    #[command(flatten)]
    voice: LogFlags,
}

impl ClusterVerb {
    pub(super) fn act(&self) -> Result<()> {
        match &self.part {
            ClusterPart::Scheduler(part) => part.act(),
            ClusterPart::Executor(part) => part.act(),
        }
    }
}

impl SchedulerFlags {
    fn act(&self) -> Result<()> {
        self.voice.listen();
        let with = Scheduler {
            bind: SocketAddr::new(self.bind, self.port),
            host: self.host.clone(),
            executor_timeout: self.executor_timeout,
            token: ClusterToken::find(self.token_file.as_deref())?,
        };
        let runtime = runtime(Machine::here().threads, "posweight")?;
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = scheduler(with) => ended,
                signal = stopped() => Err(signal),
            }
        });
        runtime.shutdown_background();
        ended
    }
}

impl ExecutorFlags {
    fn act(&self) -> Result<()> {
        self.voice.listen();
        let mut spec = Spec::default();
        self.machine.put(&mut spec);
        let limits = limits(&spec, Machine::here())?;
        let scheduler: SchedulerAddress = self.scheduler.parse().map_err(|error: Error| match error {
            Error::Usage(detail) => Error::usage(detail.message.replace("--cluster", "--scheduler"))
                .hint(detail.hint.unwrap_or_default()),
            other => other,
        })?;
        let scheduler = scheduler.with_token(ClusterToken::find(self.token_file.as_deref())?);
        // Removed when this process exits normally.
        let temporary = match &self.work_dir {
            Some(_) => None,
            None => Some(
                tempfile::tempdir()
                    .map_err(|c| Error::resource(format!("cannot create a work folder: {c}")))?,
            ),
        };
        let given = self.work_dir.clone().or(temporary.as_ref().map(|dir| dir.path().to_owned()));
        let with = Executor {
            scheduler,
            bind: SocketAddr::new(self.bind, self.port),
            task_port: self.task_port,
            host: self.host.clone(),
            work_dir: given.unwrap_or_default(),
            heartbeat: self.heartbeat,
            limits,
        };
        let runtime = runtime(with.limits.threads, "posweight")?;
        // On a stop signal, the executor ends by itself once its tasks are done.
        let ended = runtime.block_on(executor(with));
        runtime.shutdown_background();
        ended
    }
}
