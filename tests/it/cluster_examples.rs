//! The examples that start a cluster: well-formed, consistent, and their commands count on this machine to the bytes of
//! one process.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::BooleanArray;
use yaml_rust2::{Yaml, YamlLoader};

use crate::machines::equal;
use crate::schedulers::{for_a_person, read};
use crate::support::{Ended, Place, array, ports, root, write};

const PROGRAM: &str = env!("CARGO_BIN_EXE_posweight");
const TOKEN: &str = "a token of thirty-two characters or more";

fn shards(place: &Place) {
    for shard in 0..3 {
        let column =
            |k: usize| array((0..200).map(|row| Some((row + shard) % k == 0)).collect::<BooleanArray>());
        write(
            &place.path(&format!("data/train/{shard}.parquet")),
            vec![("l0", column(2)), ("l1", column(3))],
        );
    }
    let here = place.run(&["compute", "data/train", "--out", "here"]);
    assert_eq!(here.code, 0, "{}", here.stderr);
}

/// Processes that end with the test.
struct Started(Vec<Child>);

impl Drop for Started {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn words(list: &Yaml) -> Vec<String> {
    list.as_vec().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Runs the commands of scheduler, executor and client of an example, with places and ports of this machine.
fn counts(commands: [Vec<String>; 3], host: &str, variable: Option<&str>) {
    let place = Place::new();
    shards(&place);
    std::fs::write(place.path("token"), TOKEN).unwrap();
    std::fs::create_dir(place.path("work")).unwrap();
    let [port, results, tasks] = ports();
    let at = |path: &str| place.path(path).to_str().unwrap().to_owned();
    let own = |words: &[String]| -> Vec<String> {
        let own = |word: &String| match word.as_str() {
            "/run/secrets/token" => at("token"),
            "/data/train" => at("data/train"),
            "/weights" | "/weights/result" => at("there"),
            "/work" => at("work"),
            word if word == host => "localhost".to_owned(),
            word if word == format!("df://{host}:50050") => format!("df://localhost:{port}"),
            word => {
                assert!(!word.starts_with('/') && !word.contains(host), "{word}");
                word.to_owned()
            }
        };
        words.iter().map(own).collect()
    };
    let command = |words: &[String], more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(own(words)).args(more).env_remove("POSWEIGHT_CLUSTER_TOKEN");
        command.envs(variable.map(|name| (name, TOKEN))).stdin(Stdio::null());
        command
    };
    let [scheduler, executor, client] = commands;
    let mut started = Started(Vec::new());
    let executor = command(&executor, &["--port", &results, "--task-port", &tasks, "--threads", "1"]);
    for mut part in [command(&scheduler, &["--port", &port]), executor] {
        started.0.push(part.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }
    // Containers start in any order: a client without its scheduler tries again, as its example says.
    let clock = Instant::now();
    let ended = loop {
        let ended = Ended::of(&command(&client, &[]).output().unwrap());
        if ended.code != 5 || clock.elapsed() > Duration::from_mins(1) {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    equal(&place.path("here"), &place.path("there"));
}

#[test]
fn compose() {
    let [file] = &YamlLoader::load_from_str(&read("docker-compose.yaml")).unwrap()[..] else { panic!() };
    let services = &file["services"];
    let secret = file["secrets"]["token"]["file"].as_str().unwrap();
    assert!(read("docker-compose.yaml").contains(&format!("> {}", secret.trim_start_matches("./"))));
    let commands = ["posweight-scheduler", "posweight-executor", "compute"].map(|name| {
        let service = &services[name];
        assert_eq!(words(&service["secrets"]), ["token"], "{name}");
        assert!(service["ports"].is_badvalue(), "{name} is open to the world");
        words(&service["command"])
    });
    let limits = &services["posweight-executor"]["deploy"]["resources"]["limits"];
    assert!(limits["cpus"].as_str().is_some() && limits["memory"].as_str().is_some());
    counts(commands, "posweight-scheduler", None);
}

#[test]
fn kubernetes() {
    let text = read("kubernetes-cluster.yaml");
    let documents = YamlLoader::load_from_str(&text).unwrap();
    let of_kind = |kind: &str| {
        documents.iter().filter(|one| one["kind"].as_str() == Some(kind)).cloned().collect::<Vec<Yaml>>()
    };
    let deployments = of_kind("Deployment");
    let [scheduler, executor] = &deployments[..] else { panic!("{deployments:?}") };
    let [job] = &of_kind("Job")[..] else { panic!() };
    let secret = "posweight-token";
    assert!(text.contains(&format!("kubectl create secret generic {secret} --from-file=token=")));
    let commands = [scheduler, executor, job].map(|one| {
        let pod = &one["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"]["app"].as_str(), Some("posweight"));
        let container = &pod["spec"]["containers"][0];
        let resources = &container["resources"];
        for kind in ["requests", "limits"] {
            for what in ["cpu", "memory"] {
                assert!(!resources[kind][what].is_badvalue(), "{kind} {what}");
            }
        }
        let variable = &container["env"][0];
        assert_eq!(variable["name"].as_str(), Some("POSWEIGHT_CLUSTER_TOKEN"));
        assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"].as_str(), Some(secret));
        words(&container["args"])
    });
    // Probes and the policy name the ports that the program has by default.
    let mut open = BTreeSet::new();
    for (one, probes) in
        [(scheduler, ["readinessProbe", "livenessProbe"]), (executor, ["startupProbe", "livenessProbe"])]
    {
        let container = &one["spec"]["template"]["spec"]["containers"][0];
        let ports = container["ports"].as_vec().unwrap();
        open.extend(ports.iter().map(|port| port["containerPort"].as_i64().unwrap()));
        for probe in probes {
            let port = container[probe]["tcpSocket"]["port"].as_str().unwrap();
            assert!(ports.iter().any(|known| known["name"].as_str() == Some(port)), "{probe}");
        }
    }
    assert_eq!(open, BTreeSet::from([50050, 50051, 50052]));
    let [policy] = &of_kind("NetworkPolicy")[..] else { panic!() };
    let rule = &policy["spec"]["ingress"][0];
    let allowed = rule["ports"].as_vec().unwrap().iter().map(|port| port["port"].as_i64().unwrap());
    assert_eq!(allowed.collect::<BTreeSet<_>>(), open);
    assert_eq!(rule["from"][0]["podSelector"]["matchLabels"]["app"].as_str(), Some("posweight"));
    let [scaler] = &of_kind("HorizontalPodAutoscaler")[..] else { panic!() };
    assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], executor["metadata"]["name"]);
    let [service] = &of_kind("Service")[..] else { panic!() };
    let selected = service["spec"]["selector"]["part"].as_str().unwrap();
    assert_eq!(Some(selected), scheduler["spec"]["template"]["metadata"]["labels"]["part"].as_str());
    let codes = job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"].as_vec().unwrap();
    assert_eq!(codes.iter().filter_map(Yaml::as_i64).collect::<BTreeSet<_>>(), for_a_person());
    let host = service["metadata"]["name"].as_str().unwrap();
    counts(commands, host, Some("POSWEIGHT_CLUSTER_TOKEN"));
}

/// The number of a job whose three ports are free.
fn job() -> u64 {
    let is_free = |port: u64| TcpListener::bind(("0.0.0.0", u16::try_from(port).unwrap())).is_ok();
    let start = u64::from(std::process::id());
    (start..start + 10_000).find(|job| (0..3).all(|more| is_free(20_000 + job % 10_000 * 3 + more))).unwrap()
}

#[test]
fn slurm() {
    let script = root().join("pipelines/schedulers/slurm-cluster.sh");
    let text = read("slurm-cluster.sh");
    for line in text.lines().filter(|line| line.starts_with("#SBATCH")) {
        assert!(line.starts_with("#SBATCH --") && line.contains('='), "{line}");
    }
    let place = Place::new();
    shards(&place);
    // In the place of Slurm: it starts the command on the one node there is.
    let bin = place.path("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(PROGRAM, bin.join("posweight")).unwrap();
    std::fs::write(bin.join("srun"), "#!/bin/sh\nshift\nexec \"$@\"\n").unwrap();
    std::fs::set_permissions(bin.join("srun"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("bash");
        command.arg(&script).args(arguments).current_dir(place.dir.path());
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        command.env("SLURM_JOB_ID", job().to_string()).env("SLURMD_NODENAME", "localhost");
        command.env("SLURM_CPUS_PER_TASK", "1").env("SLURM_MEM_PER_NODE", "2048");
        Ended::of(&command.stdin(Stdio::null()).output().unwrap())
    };
    let ended = run(&["data/train", "--out", "there"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    equal(&place.path("here"), &place.path("there"));
    // The exit code is that of the run.
    assert_eq!(run(&["data/nothing", "--out", "none"]).code, 4);
}
