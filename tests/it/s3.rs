//! A small S3 server for one test: objects in memory, conditions, ranges, lists in pages of 1 000 keys, and
//! faults on request. It keeps account of what it was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Keys in one page of a list.
const PAGE: usize = 1000;

/// One request, as it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) key: String,
    pub(crate) status: u16,
    /// Bytes of the body that was sent.
    pub(crate) bytes: usize,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) head: String,
    /// Requests that were not answered when it came, with itself.
    pub(crate) in_flight: usize,
}

type Hook = Box<dyn FnMut(&mut Bucket, &str, &str) -> Fault + Send>;

/// What happens to a request instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// This status, with an error body.
    Status(u16),
    /// Half of the body, then the connection ends.
    Cut,
}

#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    pub(crate) asked: Vec<Asked>,
    hook: Option<Hook>,
    /// How long every answer takes.
    pub(crate) delay: Duration,
    in_flight: usize,
}

/// The server, on a port of this machine.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    bucket: Arc<Mutex<Bucket>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let bucket: Arc<Mutex<Bucket>> = Arc::default();
        let served = Arc::clone(&bucket);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bucket = Arc::clone(&served);
                std::thread::spawn(move || serve(&stream, &bucket));
            }
        });
        Self { endpoint, bucket }
    }

    pub(crate) fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap()
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        self.bucket().objects.insert(key.to_owned(), bytes);
    }

    /// Asks `hook` before every request, with its method and key.
    pub(crate) fn hook(&self, hook: impl FnMut(&mut Bucket, &str, &str) -> Fault + Send + 'static) {
        self.bucket().hook = Some(Box::new(hook));
    }

    /// Keys that begin with `prefix`.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        self.bucket().objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

fn e_tag(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

struct Answer {
    status: u16,
    head: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, head: Vec::new(), body: body.into() }
    }

    fn error(status: u16, code: &str) -> Self {
        Self::new(
            status,
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"),
        )
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, bucket: &Mutex<Bucket>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let header = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let mut body = vec![0; header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let mut words = head.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let key = decoded(path)
            .trim_start_matches('/')
            .split_once('/')
            .map_or(String::new(), |(_, key)| key.to_owned());
        let (in_flight, delay) = {
            let mut locked = bucket.lock().unwrap();
            locked.in_flight += 1;
            (locked.in_flight, locked.delay)
        };
        std::thread::sleep(delay);
        let mut locked = bucket.lock().unwrap();
        locked.in_flight -= 1;
        let mut hook = locked.hook.take();
        let fault = hook.as_mut().map_or(Fault::None, |hook| hook(&mut locked, &method, &key));
        locked.hook = hook;
        let answer = match fault {
            Fault::Status(status) => {
                Answer::error(status, if status == 503 { "SlowDown" } else { "Refused" })
            }
            _ => answer(&mut locked, &method, &key, query, &header, &body),
        };
        let sends = if method == "HEAD" { 0 } else { answer.body.len() };
        locked.asked.push(Asked {
            method: method.clone(),
            key,
            status: answer.status,
            bytes: sends,
            range: header("range"),
            if_match: header("if-match"),
            head: head.clone(),
            in_flight,
        });
        drop(locked);
        let mut text =
            format!("HTTP/1.1 {} Status\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
        for (name, value) in &answer.head {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let mut out = stream;
        out.write_all(format!("{text}\r\n").as_bytes()).ok()?;
        if fault == Fault::Cut {
            out.write_all(&answer.body[..sends / 2]).ok()?;
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return None;
        }
        out.write_all(&answer.body[..sends]).ok()?;
    }
}

fn answer(
    bucket: &mut Bucket,
    method: &str,
    key: &str,
    query: &str,
    header: &dyn Fn(&str) -> Option<String>,
    body: &[u8],
) -> Answer {
    let there = bucket.objects.get(key);
    let tag = there.map(|bytes| e_tag(bytes));
    let is_same = header("if-match").is_none_or(|wanted| Some(wanted) == tag);
    match method {
        "GET" if key.is_empty() => list(bucket, query),
        "GET" | "HEAD" => {
            let (Some(bytes), Some(tag)) = (there, tag) else { return Answer::error(404, "NoSuchKey") };
            if !is_same {
                return Answer::error(412, "PreconditionFailed");
            }
            let size = bytes.len();
            let mut answer = match header("range") {
                None => Answer::new(200, bytes.clone()),
                Some(range) => {
                    let (from, to) = range.trim_start_matches("bytes=").split_once('-').unwrap();
                    let from: usize = from.parse().unwrap();
                    let to = to.parse().map_or(size, |to: usize| (to + 1).min(size));
                    if from >= size {
                        return Answer::error(416, "InvalidRange");
                    }
                    let mut answer = Answer::new(206, bytes[from..to].to_vec());
                    answer.head.push(("Content-Range", format!("bytes {from}-{}/{size}", to - 1)));
                    answer
                }
            };
            answer.head.push(("ETag", tag));
            answer.head.push(("Last-Modified", "Wed, 25 Nov 2026 00:00:00 GMT".to_owned()));
            answer
        }
        "PUT" => {
            if (header("if-none-match").is_some() && there.is_some()) || !is_same {
                return Answer::error(412, "PreconditionFailed");
            }
            bucket.objects.insert(key.to_owned(), body.to_vec());
            let mut answer = Answer::new(200, "");
            answer.head.push(("ETag", e_tag(body)));
            answer
        }
        "POST" if query.contains("delete") => {
            let text = String::from_utf8_lossy(body);
            for part in text.split("<Key>").skip(1) {
                bucket.objects.remove(part.split("</Key>").next().unwrap());
            }
            Answer::new(200, "<?xml version=\"1.0\"?><DeleteResult></DeleteResult>")
        }
        "DELETE" => {
            bucket.objects.remove(key);
            Answer::new(204, "")
        }
        _ => Answer::error(400, "BadRequest"),
    }
}

fn list(bucket: &Bucket, query: &str) -> Answer {
    let asked = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next()
    };
    let (prefix, after) =
        (asked("prefix").unwrap_or_default(), asked("continuation-token").unwrap_or_default());
    let found =
        bucket.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && key.as_str() > after.as_str());
    let found: Vec<_> = found.take(PAGE + 1).collect();
    let is_cut = found.len() > PAGE;
    let mut text = format!("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>{is_cut}</IsTruncated>");
    if let Some((last, _)) = found.get(PAGE - 1).filter(|_| is_cut) {
        let _ = write!(text, "<NextContinuationToken>{last}</NextContinuationToken>");
    }
    for (key, bytes) in found.into_iter().take(PAGE) {
        let tag = e_tag(bytes).replace('"', "&quot;");
        let _ = write!(
            text,
            "<Contents><Key>{key}</Key><Size>{}</Size><LastModified>2026-11-25T00:00:00.000Z</LastModified><ETag>{tag}</ETag></Contents>",
            bytes.len()
        );
    }
    text.push_str("</ListBucketResult>");
    Answer::new(200, text)
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        if let (b'%', [a, b, tail @ ..]) = (first, after) {
            let hex = [*a, *b];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            rest = tail;
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}
