//! One stage of tasks on executors that share bandwidth and requests.

use std::collections::VecDeque;

use super::machines::{Bound, Fleet, Network};

/// Differences in seconds, and of shares of a task, that are no differences.
const CLOSE: f64 = 1e-9;

/// What every task of a stage takes, alone on its executor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StageTask {
    /// Seconds before anything is read: it is sent, and the first read is waited for.
    pub(super) head: f64,
    /// Seconds of one thread.
    pub(super) processor: f64,
    pub(super) bytes: f64,
    pub(super) requests: f64,
}

/// Executors that are lost at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loss {
    pub(super) after: f64,
    pub(super) executors: u64,
    /// Seconds until the scheduler knows, and gives their tasks to others.
    pub(super) timeout: f64,
}

/// How a stage went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StageRun {
    pub(super) seconds: f64,
    /// What most task time was spent on.
    pub(super) bound: Bound,
}

/// A task that runs.
struct RunningTask {
    executor: usize,
    /// Seconds left of its head.
    head: f64,
    /// Share left of the rest.
    left: f64,
}

/// Runs `count` equal tasks. A task reads ahead of its thread, so it is as fast as the slowest of thread, bandwidth
/// and requests; tasks share the bandwidth of their executor, and all share the requests of the store.
pub(super) fn stage(
    count: u64,
    task: StageTask,
    fleet: &Fleet,
    network: &Network,
    loss: Option<Loss>,
) -> StageRun {
    // Tasks go where the fewest run, so that more executors than tasks stay idle.
    let executors = usize::try_from(fleet.executors.min(count)).unwrap_or(usize::MAX);
    let threads = usize::try_from(fleet.threads.min(count)).unwrap_or(usize::MAX);
    let gone = loss.map_or(0, |loss| usize::try_from(loss.executors).unwrap_or(usize::MAX)).min(executors);
    let mut alive = vec![true; executors];
    let mut busy = vec![0_usize; executors];
    let mut done_at = vec![0_u64; executors];
    let mut waiting = count;
    let mut running: Vec<RunningTask> = Vec::new();
    let mut coming: VecDeque<(f64, u64)> = VecDeque::new();
    let mut loss = loss.filter(|_| gone > 0);
    let (mut now, mut done) = (0.0, 0_u64);
    let mut spent = [0.0; Bound::ALL.len()];
    while done < count {
        while waiting > 0 {
            let free = (0..executors).filter(|one| alive[*one] && busy[*one] < threads);
            let Some(executor) = free.min_by_key(|one| busy[*one]) else { break };
            busy[executor] += 1;
            waiting -= 1;
            running.push(RunningTask { executor, head: task.head, left: 1.0 });
        }
        let mut reading = vec![0_usize; executors];
        running.iter().filter(|one| one.head <= 0.0).for_each(|one| reading[one.executor] += 1);
        let all = running.iter().filter(|one| one.head <= 0.0).count();
        // Seconds of a whole task, after its head, and what decides them.
        let whole = |one: &RunningTask| {
            let bandwidth = task.bytes * reading[one.executor] as f64 / network.bandwidth;
            let requests = task.requests * all as f64 / network.requests_per_second;
            let slowest = [
                (task.processor, Bound::Processor),
                (bandwidth, Bound::Bandwidth),
                (requests, Bound::Requests),
            ];
            slowest
                .into_iter()
                .fold((0.0, Bound::Processor), |most, one| if one.0 > most.0 { one } else { most })
        };
        let next = running.iter().map(|one| if one.head > 0.0 { one.head } else { one.left * whole(one).0 });
        let events = loss.iter().map(|loss| loss.after - now).chain(coming.front().map(|(at, _)| at - now));
        let step = next.chain(events).fold(f64::INFINITY, f64::min);
        if !step.is_finite() {
            // No executor is left to do it.
            return StageRun { seconds: f64::INFINITY, bound: Bound::Executors };
        }
        let step = step.max(0.0);
        now += step;
        for one in &mut running {
            let (seconds, bound) = whole(one);
            if one.head > 0.0 {
                one.head = if one.head - step <= CLOSE { 0.0 } else { one.head - step };
                spent[Bound::Overhead as usize] += step;
                if one.head <= 0.0 && seconds <= 0.0 {
                    one.left = 0.0;
                }
            } else {
                one.left = if seconds > 0.0 { one.left - step / seconds } else { 0.0 };
                spent[bound as usize] += step;
            }
        }
        running.retain(|one| {
            let ends = one.head <= 0.0 && one.left <= CLOSE;
            if ends {
                busy[one.executor] -= 1;
                done_at[one.executor] += 1;
                done += 1;
            }
            !ends
        });
        if let Some(now_lost) = loss.filter(|loss| loss.after <= now + CLOSE) {
            loss = None;
            let mut again = 0;
            for executor in 0..gone {
                // Results lie on the executor until they are merged.
                again += busy[executor] as u64 + done_at[executor];
                done -= done_at[executor];
                (alive[executor], busy[executor]) = (false, 0);
            }
            running.retain(|one| one.executor >= gone);
            coming.push_back((now + now_lost.timeout, again));
        }
        while let Some((_, tasks)) = coming.pop_front_if(|(at, _)| *at <= now + CLOSE) {
            waiting += tasks;
        }
    }
    let most = Bound::ALL.into_iter().max_by(|a, b| spent[*a as usize].total_cmp(&spent[*b as usize]));
    let slots = fleet.executors.saturating_mul(fleet.threads);
    // Where all tasks run at once, no further executor helps.
    let bound = if slots > count { Bound::Tasks } else { most.unwrap_or(Bound::Processor) };
    StageRun { seconds: now, bound }
}
