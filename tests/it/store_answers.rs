//! Answers of S3, Google Cloud Storage and Azure to a run: the exit code, one sentence, and no request for nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::cloud::environment;
use crate::support::{Ended, Place};

/// A service that answers every request alike; answers to HEAD have no body.
struct Service {
    endpoint: String,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (answer, asked): (Arc<Mutex<(u16, String)>>, Arc<AtomicUsize>) = (Arc::default(), Arc::default());
        let (said, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (said, counted) = (Arc::clone(&said), Arc::clone(&counted));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    loop {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if reader.read_line(&mut head).is_ok_and(|read| read == 0) {
                                return;
                            }
                        }
                        let length = head.lines().find_map(|line| {
                            line.to_ascii_lowercase()
                                .strip_prefix("content-length: ")
                                .map(|n| n.parse().unwrap())
                        });
                        reader.read_exact(&mut vec![0; length.unwrap_or(0)]).unwrap();
                        counted.fetch_add(1, Ordering::Relaxed);
                        let (status, body) = said.lock().unwrap().clone();
                        let body = if head.starts_with("HEAD") { "" } else { &body };
                        let text = format!(
                            "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if (&stream).write_all(text.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { endpoint, answer, asked }
    }

    fn answer(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
        self.asked.store(0, Ordering::Relaxed);
    }

    /// Runs `compute` of `address`, which this service is asked for.
    fn run(&self, place: &Place, address: &str, more: &[&str]) -> Ended {
        let key = format!(
            "{{\"gcs_base_url\": \"{}\", \"disable_oauth\": true, \"client_email\": \"\", \"private_key\": \"\", \"private_key_id\": \"\"}}",
            self.endpoint
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
        command.args(["compute", address, "--labels", "l*", "--out", "w"]).args(more);
        command.current_dir(place.dir.path()).envs(environment(&self.endpoint));
        command.env("GOOGLE_SERVICE_ACCOUNT_KEY", key);
        command.env("AZURE_STORAGE_USE_EMULATOR", "true").env("AZURITE_BLOB_STORAGE_URL", &self.endpoint);
        Ended::of(&command.output().unwrap())
    }
}

fn xml(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>What {code} means.</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )
}

#[test]
fn every_answer_has_its_exit_code_and_one_sentence() {
    let (place, service) = (Place::new(), Service::start());
    let json = |reason: &str| {
        format!(
            "{{\"error\": {{\"code\": 403, \"message\": \"What {reason} means.\", \"errors\": [{{\"reason\": \"{reason}\"}}]}}}}"
        )
    };
    let cases = [
        (
            "s3://b/x",
            404,
            xml("NoSuchBucket"),
            4,
            "there is no such bucket: NoSuchBucket: What NoSuchBucket means",
        ),
        ("s3://b/x", 403, xml("AccessDenied"), 4, "the store refused access: AccessDenied"),
        ("s3://b/x", 403, xml("SignatureDoesNotMatch"), 4, "does not accept the credentials"),
        ("s3://b/x", 403, xml("RequestTimeTooSkewed"), 4, "the clock of this machine is wrong"),
        ("s3://b/x", 400, xml("ExpiredToken"), 4, "the credentials have expired"),
        ("s3://b/x", 400, xml("AuthorizationHeaderMalformed"), 2, "AWS_REGION"),
        ("s3://b/x", 301, xml("PermanentRedirect"), 2, "AWS_REGION"),
        ("s3://b/x", 400, String::new(), 4, "the store refused the request: status 400"),
        ("s3://b/x", 503, xml("SlowDown"), 5, "the store answered "),
        ("s3://b/x", 500, xml("InternalError"), 5, "the store answered "),
        ("gs://b/x", 404, xml("NoSuchBucket"), 4, "there is no such bucket"),
        ("gs://b/x", 403, json("forbidden"), 4, "the store refused access: forbidden"),
        ("gs://b/x", 401, xml("AuthenticationRequired"), 4, "does not accept the credentials"),
        ("gs://b/x", 400, xml("UserProjectMissing"), 2, "the project that pays"),
        ("gs://b/x", 429, json("rateLimitExceeded"), 5, "the store answered "),
        ("az://c/x", 404, xml("ContainerNotFound"), 4, "there is no such bucket: ContainerNotFound"),
        ("az://c/x", 403, xml("AuthenticationFailed"), 4, "does not accept the credentials"),
        ("az://c/x", 403, xml("AuthorizationFailure"), 4, "the store refused access"),
        ("az://c/x", 409, xml("PublicAccessNotPermitted"), 4, "the store refused access"),
        ("az://c/x", 503, xml("ServerBusy"), 5, "the store answered "),
    ];
    for (address, status, body, code, says) in cases {
        service.answer(status, &body);
        let retries = if code == 5 { "0" } else { "10" };
        let ended = service.run(&place, address, &["--retries", retries]);
        assert_eq!(ended.code, code, "{address} {status} {body}: {}", ended.stderr);
        let said = &ended.stderr;
        assert!(said.contains(says) && said.contains(address), "{address} {status} {body}: {said}");
        assert!(!said.contains('<') && !said.contains('{') && said.lines().count() <= 3, "{said}");
        assert!(code == 5 || !said.contains("run again"), "{said}");
        // One request for the object, one for the folder, and those that look for a table there.
        let asked = service.asked.load(Ordering::Relaxed);
        assert!(code == 5 || asked <= 3, "{address} {status} {body}: {asked} requests");
    }
}

#[test]
fn what_may_go_away_is_asked_for_again() {
    let (place, service) = (Place::new(), Service::start());
    service.answer(503, &xml("SlowDown"));
    let ended = service.run(&place, "s3://b/x/0.parquet", &["--retries", "2"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(service.asked.load(Ordering::Relaxed) >= 3);
    // Nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Service { endpoint: format!("http://{nobody}"), ..service };
    for address in ["s3://b/x", "gs://b/x", "az://c/x"] {
        let ended = gone.run(&place, address, &["--retries", "0"]);
        assert!(
            ended.code == 5 && ended.stderr.contains("run again"),
            "{address} {}: {}",
            ended.code,
            ended.stderr
        );
    }
}

#[test]
fn a_result_that_may_not_be_written_is_not_written_again() {
    let (place, service) = (Place::new(), Service::start());
    let bits = arrow::array::BooleanArray::from(vec![true, false]);
    crate::support::write(&place.path("x.parquet"), vec![("l", crate::support::array(bits))]);
    for (code, exit) in [("AccessDenied", 7), ("NoSuchBucket", 7), ("AuthorizationHeaderMalformed", 2)] {
        service.answer(403, &xml(code));
        let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
        command.args(["compute", "x.parquet", "--labels", "l", "--out", "s3://b/w"]);
        command.current_dir(place.dir.path()).envs(environment(&service.endpoint));
        let ended = Ended::of(&command.output().unwrap());
        // The result that may be there is asked for first.
        assert!([exit, 4].contains(&ended.code), "{code} {}: {}", ended.code, ended.stderr);
        assert!(ended.stderr.contains(code) && !ended.stderr.contains('<'), "{}", ended.stderr);
    }
}

/// Variables that hold secrets, each with a text that stands nowhere else.
const SECRETS: [(&str, &str); 12] = [
    ("AWS_SECRET_ACCESS_KEY", "canary-aws-secret"),
    ("AWS_SESSION_TOKEN", "canary-aws-token"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-aws-container"),
    ("AZURE_STORAGE_ACCOUNT_KEY", "Y2FuYXJ5LWF6dXJlLWtleQ=="),
    ("AZURE_STORAGE_SAS_TOKEN", "sv=2024&sig=canary-azure-sas"),
    ("AZURE_STORAGE_TOKEN", "canary-azure-token"),
    ("AZURE_CLIENT_SECRET", "canary-azure-secret"),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", ""),
    ("HF_TOKEN", "hf_canary-hub-token"),
    ("OPENLINEAGE_API_KEY", "canary-lineage-key"),
    ("HTTPS_PROXY_AUTHORIZATION", "canary-proxy"),
    ("AWS_SECURITY_TOKEN", "canary-aws-old-token"),
];

#[test]
fn secrets_of_no_variable_stand_in_what_a_run_leaves() {
    let (place, service) = (Place::new(), Service::start());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    let mut said = String::new();
    // An answer of a service that repeats what it was asked, and no answer.
    let repeats = format!(
        "<Error><Code>SignatureDoesNotMatch</Code><Message>It does not.</Message><StringToSign>{}</StringToSign></Error>",
        SECRETS.map(|(_, secret)| secret).join(" ")
    );
    let answers = [(403, repeats.as_str()), (400, ""), (503, repeats.as_str()), (200, "no XML")];
    let mut runs = 0;
    for (endpoint, (status, body)) in
        answers.iter().map(|answer| (&service.endpoint, *answer)).chain([(&nobody, (0, ""))])
    {
        service.answer(status.max(200), body);
        let key = format!(
            "{{\"gcs_base_url\": \"{endpoint}\", \"disable_oauth\": true, \"client_email\": \"\", \"private_key\": \"canary-google-key\", \"private_key_id\": \"\"}}"
        );
        // One way of signing requests to Azure at a time.
        for azure in ["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN"] {
            for address in ["s3://b/x", "gs://b/x", "az://c/x", "hf://datasets/o/n/x"] {
                if azure != "AZURE_STORAGE_ACCOUNT_KEY" && !address.starts_with("az") {
                    continue;
                }
                let mut command = Command::new(env!("CARGO_BIN_EXE_posweight"));
                let flags = [
                    "--labels",
                    "l*",
                    "--verbose",
                    "--retries",
                    "1",
                    "--summary-json",
                    "s.json",
                    "--openlineage",
                    "file:lineage.jsonl",
                ];
                command.args(["compute", address, "--out", "w"]).args(flags);
                command.current_dir(place.dir.path()).envs(environment(endpoint));
                let kept = |name: &str| !name.starts_with("AZURE_STORAGE") || name == azure;
                command.envs(SECRETS.iter().copied().filter(|(name, _)| kept(name)));
                command.env("GOOGLE_SERVICE_ACCOUNT_KEY", &key).env("HF_ENDPOINT", endpoint);
                command.env("AZURE_STORAGE_USE_EMULATOR", "true").env("AZURITE_BLOB_STORAGE_URL", endpoint);
                let output = command.output().unwrap();
                let ended = Ended::of(&output);
                assert!(
                    [2, 4, 5].contains(&ended.code),
                    "{address} {status}: {} {}",
                    ended.code,
                    ended.stderr
                );
                said.push_str(&ended.stdout);
                said.push_str(&ended.stderr);
                runs += 1;
            }
        }
    }
    for entry in std::fs::read_dir(place.dir.path()).unwrap().flatten() {
        let path = entry.path();
        let files = if path.is_dir() {
            std::fs::read_dir(path).unwrap().flatten().map(|e| e.path()).collect()
        } else {
            vec![path]
        };
        for file in files {
            said.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
        }
    }
    assert!(runs == 30 && said.contains("eventType") && said.contains("exit_code"), "{runs} runs");
    for part in ["canary", "Y2FuYXJ5"] {
        let at = said.find(part).map(|at| said.get(at.saturating_sub(200)..at + 60).unwrap_or(part));
        assert_eq!(at, None);
    }
}
