//! What happens to a run when machines are lost, paused, full or cut off: the same bytes, or the declared exit code,
//! within bounded time.

use std::process::Command;
use std::time::Duration;

use crate::machines::{Cluster, Setup, long};
use crate::support::{Place, left_out};

/// Much more than the executor timeout of 4 s and the work itself, for machines that are busy with other tests.
const BOUND: Duration = Duration::from_mins(1);

#[test]
fn two_of_three_executors_that_are_killed_cost_time_and_not_the_result() {
    let mut cluster = Cluster::with(Setup { executors: 3, ..Setup::default() });
    let place = Place::new();
    long(&place, "long", 12, 3_000);
    let (ended, time) = cluster.disturbed(&place, "long", |cluster| {
        cluster.signal(1, "-KILL");
        cluster.signal(2, "-KILL");
    });
    assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, cluster.logs());
    assert!(time < BOUND, "{time:?}");
}

#[test]
fn a_paused_executor_is_lost_and_may_come_back() {
    let mut cluster = Cluster::new();
    let place = Place::new();
    long(&place, "long", 12, 3_000);
    let (ended, time) = cluster.disturbed(&place, "long", |cluster| cluster.signal(1, "-STOP"));
    assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, cluster.logs());
    assert!(time < BOUND, "{time:?}");
    cluster.signal(1, "-CONT");
    cluster.same(
        &place,
        &["long", "--layout", "long", "--row-measures", "off", "--labels", "label", "--id", "id"],
    );
}

#[test]
fn a_run_without_its_scheduler_ends_with_the_code_for_another_try() {
    let mut cluster = Cluster::new();
    let place = Place::new();
    long(&place, "long", 12, 3_000);
    let (ended, time) = cluster.disturbed(&place, "long", Cluster::kill_scheduler);
    assert_eq!(ended.code, 5, "{}\n{}", ended.stderr, cluster.logs());
    assert!(ended.stderr.contains(&format!("{}: ", cluster.url)), "{}", ended.stderr);
    assert!(time < Duration::from_secs(10), "{time:?}: {}", ended.stderr);
    assert!(!place.path("there/_SUCCESS").exists());
}

#[test]
fn an_executor_without_room_says_so() {
    let works = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        return left_out("an executor without room", "unshare -m does not work here");
    }
    // The sixth argument is its work folder.
    let script = "mount -t tmpfs -o size=16k none \"$6\" && exec \"$0\" \"$@\"";
    let program = ["unshare", "-m", "sh", "-c", script, env!("CARGO_BIN_EXE_posweight")];
    let cluster = Cluster::with(Setup {
        program: program.map(str::to_owned).to_vec(),
        executors: 1,
        ..Setup::default()
    });
    let place = Place::new();
    long(&place, "long", 6, 4_000);
    let flags = ["--layout", "long", "--row-measures", "off", "--labels", "label", "--id", "name"];
    let ended = cluster.run(
        &place,
        &[&["compute", "long"], &flags[..], &["--out", "w", "--cluster", &cluster.url]].concat(),
    );
    assert_eq!(ended.code, 6, "{}\n{}", ended.stderr, cluster.logs());
    assert!(ended.stderr.contains("the disk of an executor is full"), "{}", ended.stderr);
}

/// A network namespace with one link to this machine.
struct Apart(String);

impl Apart {
    /// Of this machine, and of what is apart.
    const ADDRESSES: [&str; 2] = ["10.203.117.1", "10.203.117.2"];

    fn new() -> Option<Self> {
        // The name of a link has at most 15 characters.
        let name = format!("pw{}", std::process::id());
        let [here, there] = Self::ADDRESSES;
        let script = format!(
            "ip netns add {name} && ip link add {name} type veth peer name eth0 netns {name} \
             && ip addr add {here}/30 dev {name} && ip link set {name} up \
             && ip -n {name} addr add {there}/30 dev eth0 && ip -n {name} link set eth0 up \
             && ip -n {name} link set lo up"
        );
        let apart = Self(name);
        Self::does(&script).then_some(apart)
    }

    fn does(script: &str) -> bool {
        Command::new("sh").args(["-c", script]).output().is_ok_and(|output| output.status.success())
    }

    /// Nothing passes any more, and nobody is told.
    fn cut(&self) {
        assert!(Self::does(&format!("ip link set {} down", self.0)));
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        Self::does(&format!("ip link del {0}; ip netns del {0}", self.0));
    }
}

#[test]
fn an_executor_that_is_cut_off_costs_time_and_not_the_result() {
    let Some(apart) = Apart::new() else {
        return left_out("an executor that is cut off", "network namespaces do not work here");
    };
    let mut cluster = Cluster::with(Setup { executors: 1, host: Apart::ADDRESSES[0], ..Setup::default() });
    cluster.add_executor_by(&["ip", "netns", "exec", &apart.0, env!("CARGO_BIN_EXE_posweight")]);
    let place = Place::new();
    long(&place, "long", 12, 3_000);
    let (ended, time) = cluster.disturbed(&place, "long", |_| apart.cut());
    assert_eq!(ended.code, 0, "{}\n{}", ended.stderr, cluster.logs());
    assert!(time < BOUND, "{time:?}");
}
