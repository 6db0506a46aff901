use super::*;

const NEAR: f64 = 1e-6;

fn load() -> FleetLoad {
    FleetLoad {
        shards: 2_500,
        opening: None,
        bytes: 4e10,
        requests: 20_000.0,
        counting: 800.0,
        tasks: 400,
        mergers: 4,
        shuffled: 8e7,
        merging: 6.0,
        result: 2e6,
        start: 0.01,
        alone: 1.5,
    }
}

const NETWORK: Network = Network { latency: 0.03, bandwidth: 1.25e9, requests_per_second: 5_500.0 };

fn fleet(executors: u64, threads: u64) -> Fleet {
    Fleet { executors, threads, lost: 0, timeout: 60.0 }
}

#[test]
fn one_thread_takes_the_sum_of_everything() {
    let run = simulate(&load(), &fleet(1, 1), &NETWORK);
    let opening = 3.0 * 0.03 + 79.0 * 0.03;
    let counting = 400.0 * (0.04 + 2.0);
    let merging = 4.0 * (0.01 + 1.5);
    let end = 1.5 + 2e6 / 1.25e9;
    assert!((run.seconds() - (opening + counting + merging + end)).abs() < NEAR, "{run:?}");
    assert!((run.serial() - opening - end).abs() < NEAR);
    assert_eq!(run.bottleneck().unwrap().name, COUNTING);
}

#[test]
fn without_end_of_executors_the_serial_part_is_left() {
    let run = simulate(&load(), &fleet(u64::MAX, 1), &NETWORK);
    // One task, with its share of the requests of the store.
    let longest = (800.0_f64 / 400.0).max(20_000.0 / 5_500.0) + 0.04;
    assert!((run.seconds() - run.serial() - longest - 1.51).abs() < NEAR, "{run:?}");
    assert!(run.stages.iter().any(|stage| stage.bound == Bound::Tasks));
    let mut finer = load();
    (finer.tasks, finer.requests, finer.mergers) = (4_000, 0.0, 400);
    let run = simulate(&finer, &fleet(u64::MAX, 1), &NETWORK);
    assert!(run.seconds() - run.serial() < 0.3, "{run:?}");
}

#[test]
fn nothing_is_faster_than_its_slowest_part() {
    for (executors, threads) in [(1, 1), (1, 4), (3, 2), (10, 4), (100, 4), (1_000, 8)] {
        for (bytes, requests, counting) in [(4e10, 2e4, 800.0), (4e12, 2e4, 8.0), (4e9, 2e6, 8.0)] {
            let load = FleetLoad { bytes, requests, counting, ..load() };
            let run = simulate(&load, &fleet(executors, threads), &NETWORK);
            let most = [
                counting / (executors * threads) as f64,
                bytes / executors as f64 / NETWORK.bandwidth,
                requests / NETWORK.requests_per_second,
                run.serial(),
            ];
            let least = most.into_iter().fold(0.0, f64::max);
            assert!(run.seconds() >= least - NEAR, "{executors}×{threads}: {run:?}, {most:?}");
        }
    }
}

#[test]
fn more_executors_are_not_slower() {
    let load = FleetLoad { requests: 0.0, ..load() };
    let mut last = f64::INFINITY;
    for executors in 1..250 {
        let run = simulate(&load, &fleet(executors, 2), &NETWORK);
        assert!(run.seconds() <= last + NEAR, "{executors}: {} after {last}", run.seconds());
        last = run.seconds();
        assert_eq!(run, simulate(&load, &fleet(executors, 2), &NETWORK));
    }
}

#[test]
fn a_stage_names_what_it_waits_for() {
    let counting = |load: FleetLoad, fleet: &Fleet| {
        let run = simulate(&load, fleet, &NETWORK);
        run.stages.iter().find(|stage| stage.name == COUNTING).unwrap().bound
    };
    assert_eq!(counting(load(), &fleet(4, 4)), Bound::Processor);
    assert_eq!(counting(FleetLoad { bytes: 1e13, ..load() }, &fleet(4, 4)), Bound::Bandwidth);
    assert_eq!(counting(FleetLoad { requests: 1e8, ..load() }, &fleet(4, 4)), Bound::Requests);
    assert_eq!(counting(FleetLoad { start: 10.0, ..load() }, &fleet(4, 4)), Bound::Overhead);
    assert_eq!(counting(load(), &fleet(401, 1)), Bound::Tasks);
}

#[test]
fn lost_executors_cost_their_tasks_and_the_timeout() {
    let load = FleetLoad { requests: 0.0, bytes: 0.0, ..load() };
    let whole = simulate(&load, &fleet(4, 1), &NETWORK);
    let lossy = |lost, timeout| simulate(&load, &Fleet { lost, timeout, ..fleet(4, 1) }, &NETWORK);
    let less = lossy(1, 10.0);
    // Of 400 tasks, 200 are done and 50 of these are lost: 250 more on three executors, not 200 on four.
    let again = less.seconds() - whole.seconds();
    assert!(again > 33.0 * 2.04 && again < 36.0 * 2.04, "{again}");
    // It is known before the others are done: it costs no time but that of the tasks.
    assert!((less.seconds() - lossy(1, 0.0).seconds()).abs() < 2.04 + NEAR);
    // With a long timeout, they wait for it.
    let late = lossy(1, 500.0);
    assert!(late.seconds() > whole.seconds() / 2.0 + 500.0);
    assert!(lossy(4, 10.0).seconds().is_infinite());
    assert_eq!(lossy(4, 10.0).bottleneck().unwrap().bound, Bound::Executors);
}
