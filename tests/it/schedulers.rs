//! The examples for schedulers: well-formed, with flags that exist and exit codes that mean what they say.

use std::collections::BTreeSet;
use std::process::Command;

use posweight::error::EXIT_CODES;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::{Place, left_out, root};

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("pipelines/schedulers").join(name)).unwrap()
}

/// Exit codes after which a person has to mend something.
pub(crate) fn for_a_person() -> BTreeSet<i64> {
    let lasting = EXIT_CODES.iter().filter(|(code, _, _, may_pass)| *code != 0 && !may_pass);
    lasting.map(|(code, ..)| i64::from(*code)).collect()
}

fn numbers(text: &str) -> BTreeSet<i64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// The arguments of a command line are ones that the program takes.
fn takes(arguments: &[&str]) {
    assert_eq!(arguments[..2], ["run", "/etc/posweight/nightly.toml"]);
    let place = Place::new();
    let spec = root().join("pipelines/nightly.toml");
    let ended = place.run(&[&["run", spec.to_str().unwrap()], &arguments[2..], &["--emit-spec"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// The same of `watch`.
fn watches(arguments: &[&str]) {
    assert_eq!(arguments[..2], ["watch", "/etc/posweight/nightly.toml"]);
    let place = Place::new();
    let spec = root().join("pipelines/nightly.toml");
    let ended = place.run(&[&["watch", spec.to_str().unwrap()], &arguments[2..], &["--emit-spec"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn cron() {
    let text = read("nightly.cron");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [path, mail, job] = lines[..] else { panic!("{lines:?}") };
    assert!(path.starts_with("PATH=/"));
    // What is passed is used: the pipeline file of the repository has no variables.
    assert!(!job.contains("--set"));
    assert!(mail.starts_with("MAILTO="));
    let fields: Vec<&str> = job.split_whitespace().collect();
    for (field, most) in fields[..5].iter().zip([59, 23, 31, 12, 7]) {
        assert!(*field == "*" || field.parse::<u8>().unwrap() <= most, "{field}");
    }
    assert_eq!(fields[5..7], ["ml", "posweight"]);
    // To cron, a bare % ends the line.
    assert!(!job.replace("\\%", "").contains('%'), "{job}");
    takes(&fields[7..].join(" ").replace("$(date +\\%F)", "2026-11-01").split(' ').collect::<Vec<_>>());
}

/// The keys of a unit, as `Section.Key`.
fn unit(name: &str) -> Vec<(String, String)> {
    let (mut section, mut keys) = (String::new(), Vec::new());
    let text = read(name);
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            name.strip_suffix(']').unwrap().clone_into(&mut section);
        } else {
            let (key, value) = line.split_once('=').unwrap();
            keys.push((format!("{section}.{key}"), value.to_owned()));
        }
    }
    keys
}

#[test]
fn systemd() {
    let service = unit("posweight.service");
    let of = |wanted: &str| service.iter().find(|(key, _)| key == wanted).unwrap().1.clone();
    let command = of("Service.ExecStart");
    let arguments: Vec<&str> = command.split(' ').collect();
    assert_eq!(arguments[0], "/usr/local/bin/posweight");
    takes(&arguments[1..]);
    assert_eq!(numbers(&of("Service.RestartPreventExitStatus")), for_a_person());
    assert_eq!((of("Service.Type"), of("Service.SuccessExitStatus")), ("oneshot".into(), "99".into()));
    let watching = unit("posweight-watch.service");
    let of = |wanted: &str| watching.iter().find(|(key, _)| key == wanted).unwrap().1.clone();
    let command = of("Service.ExecStart");
    let arguments: Vec<&str> = command.split(' ').collect();
    watches(&arguments[1..]);
    assert_eq!(numbers(&of("Service.RestartPreventExitStatus")), for_a_person());
    assert_eq!(
        (of("Service.Type"), of("Service.ExecReload")),
        ("notify".into(), "/bin/kill -HUP $MAINPID".into())
    );
    let timer = unit("posweight.timer");
    assert!(timer.iter().any(|(key, _)| key == "Timer.OnCalendar"));
    // Where systemd is installed, it has the last word.
    for name in ["posweight.service", "posweight-watch.service", "posweight.timer"] {
        let path = root().join("pipelines/schedulers").join(name);
        if let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(path).output() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("Unknown") && !said.contains("Failed to parse"), "{said}");
        }
    }
}

#[test]
fn kubernetes() {
    let documents = YamlLoader::load_from_str(&read("kubernetes.yaml")).unwrap();
    assert_eq!(documents[0]["kind"].as_str(), Some("ConfigMap"));
    let spec = documents[0]["data"]["nightly.toml"].as_str().unwrap();
    posweight::testing::check_spec(spec).unwrap();
    let job = &documents[1]["spec"]["jobTemplate"]["spec"];
    let codes = job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"].as_vec().unwrap();
    assert_eq!(codes.iter().filter_map(Yaml::as_i64).collect::<BTreeSet<_>>(), for_a_person());
    let container = &job["template"]["spec"]["containers"][0];
    let arguments: Vec<&str> = container["args"].as_vec().unwrap().iter().filter_map(Yaml::as_str).collect();
    takes(&arguments);
    assert_eq!(job["template"]["spec"]["restartPolicy"].as_str(), Some("Never"));
    let deployment = &documents[2]["spec"];
    let container = &deployment["template"]["spec"]["containers"][0];
    let arguments: Vec<&str> = container["args"].as_vec().unwrap().iter().filter_map(Yaml::as_str).collect();
    watches(&arguments);
    // Two pods would publish to one place.
    assert_eq!(deployment["replicas"].as_i64(), Some(1));
    assert_eq!(deployment["strategy"]["type"].as_str(), Some("Recreate"));
}

#[test]
fn airflow() {
    let text = read("airflow.py");
    let command = text.split_once("command = [").unwrap().1.split_once(']').unwrap().0;
    let words: Vec<&str> = command.split('"').skip(1).step_by(2).collect();
    assert_eq!(words[0], "posweight");
    let arguments: Vec<String> = words[1..].iter().map(|word| word.replace("{ds}", "2026-11-01")).collect();
    // What is not between quotes comes from variables.
    let mut all: Vec<&str> = Vec::new();
    for word in &arguments {
        all.push(word);
        match word.as_str() {
            "--skip-exit-code" => all.push("99"),
            "--summary-json" => all.push("/tmp/s.json"),
            _ => {}
        }
    }
    takes(&all);
    let codes = text.split_once("FOR_A_PERSON = {").unwrap().1.split_once('}').unwrap().0;
    assert_eq!(numbers(codes), for_a_person());
    // Python has the last word on its syntax; it is installed wherever this example is of use.
    let check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    let path = root().join("pipelines/schedulers/airflow.py");
    match Command::new("python3").args(["-c", check]).arg(path).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(cause) => left_out("the syntax of airflow.py", &format!("python3: {cause}")),
    }
}
