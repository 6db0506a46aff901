//! Damaged files end in an error or in counts that add up, never in a panic, a hang or memory without end.
//!
//! ```text
//! POSWEIGHT_FUZZ_SECONDS=3600 POSWEIGHT_FUZZ_SEED=7 cargo test --test it fuzz
//! ```
//!
//! runs as long as one likes. Every case is one process over one shard, whose bytes are flipped, cut off,
//! taken out or replaced by those of another shard. A case that fails is named by its seed and number, and
//! its shard is kept.

use std::time::{Duration, Instant};

use arrow::array::ArrayRef;

use crate::generate::{Settings, array, label_array, lists};
use crate::support::{Place, write_with};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterVersion;

/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);
/// Memory of a run, in kilobytes; a few pages of the largest size are allowed on top of the limit it is given.
const MEMORY_MAX: u64 = 1 << 20;

/// Numbers that look random (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }
}

/// Columns of a shard by their names.
type Columns = Vec<(&'static str, ArrayRef)>;

/// Shards of every layout, each with the flags that count it.
fn seeds(place: &Place) -> Vec<(Vec<u8>, Vec<&'static str>)> {
    let small = |n: usize| u8::try_from(n).unwrap();
    let codes: Vec<Option<u8>> = (0..400).map(|row| (row % 13 != 0).then_some(small(row % 3 / 2))).collect();
    let names: Vec<Option<u8>> = (0..400).map(|row| (row % 17 != 0).then_some(small(row * 7 % 11))).collect();

    let rows = |width: usize| names.chunks(width).map(|row| Some(row.to_vec())).collect();
    let bits = codes.chunks(4).map(|row| Some(row.to_vec())).collect();
    // Runs as long as many a page, so that some pages are known by their indexes.
    let runs: Vec<Option<u8>> =
        (0..400).map(|row| (row % 100 < 97).then_some(small(row / 130 % 2))).collect();

    let columns: [(Columns, &[&'static str]); 9] = [
        (
            vec![("a", array("bool", &runs)), ("b", array("i32", &runs))],
            &["wide", "--labels", "a,b", "--trust-statistics"],
        ),
        (vec![("a", array("bool", &codes)), ("b", array("f32", &codes))], &["wide", "--labels", "a,b"]),
        (vec![("a", array("text", &codes))], &["wide", "--labels", "a"]),
        (vec![("y", lists("list", &bits, |codes| array("u8", codes)))], &["vector", "--labels", "y"]),
        (vec![("l", lists("list", &rows(3), |codes| label_array("u16", codes)))], &["list", "--labels", "l"]),
        (
            vec![("l", lists("list", &rows(5), |codes| label_array("text", codes)))],
            &["list", "--labels", "l"],
        ),
        (vec![("c", label_array("text", &names))], &["class", "--labels", "c"]),
        (vec![("d", array("text", &codes))], &["delimited", "--delimiter", "y", "--labels", "d"]),
        (
            vec![("id", label_array("i64", &vec![Some(3); 400])), ("c", label_array("text", &names))],
            &["long", "--id", "id", "--labels", "c"],
        ),
    ];
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let written = [
        Settings { page_rows: 50, ..Settings::plain() },
        Settings { codec: zstd, version: WriterVersion::PARQUET_2_0, group_rows: 150, ..Settings::plain() },
        Settings { codec: Compression::SNAPPY, dictionary_bytes: 8, page_rows: 30, ..Settings::plain() },
    ];
    let mut seeds = Vec::new();
    for (columns, flags) in columns {
        for settings in &written {
            let path = place.path("seed.parquet");
            write_with(&path, columns.clone(), settings.properties().build());
            seeds.push((std::fs::read(path).unwrap(), flags.to_vec()));
        }
    }
    seeds
}

/// `bytes` with some damage; `others` are what parts of it are replaced by.
pub(crate) fn damaged(bytes: &[u8], others: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        // Half of the time in the footer, which says where everything is.
        let from = if random.below(2) == 0 { bytes.len().saturating_sub(600) } else { 0 };
        let at = from + random.below(bytes.len() - from);
        let len = 1 + random.below(64).min(bytes.len() - at - 1);
        match random.below(6) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = random.next().to_le_bytes()[0],
            3 => {
                let other = others[random.below(others.len())];
                let start = random.below(other.len() - len.min(other.len() - 1));
                let part = other[start..start + len.min(other.len() - start)].to_vec();
                bytes.splice(at..at + part.len().min(bytes.len() - at), part);
            }
            4 => drop(bytes.drain(at..at + len)),
            _ if random.below(8) == 0 => bytes.truncate(at),
            _ => bytes[at..at + len].fill(random.next().to_le_bytes()[0]),
        }
        if bytes.len() < 16 {
            break;
        }
    }
    bytes
}

/// Peak memory so far of a process that runs, in kilobytes.
pub(crate) fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What is wrong with how a run over `case.parquet` ended, if anything is.
fn verdict(place: &Place, flags: &[&str]) -> Option<String> {
    let rest = ["--out", "out", "--overwrite", "--memory-limit", "256m", "--formats", "json", "--quiet"];
    let mut child = place.start(&[&["compute", "case.parquet", "--layout"], flags, &rest].concat());
    let (started, mut memory) = (Instant::now(), 0);
    while child.try_wait().unwrap().is_none() {
        memory = memory.max(peak(child.id()));
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            return Some("it hangs".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let ended = child.wait_with_output().unwrap();
    let (code, said) = (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned());
    if memory > MEMORY_MAX {
        return Some(format!("it took {memory} kB"));
    }
    if said.contains("panicked") || !matches!(code, Some(0 | 2 | 4 | 6)) {
        return Some(format!("exit code {code:?}: {said}"));
    }
    if code != Some(0) {
        return None;
    }
    let weights = place.json("out/weights.json");
    let count = |key: &str, label: usize| weights[key][label].as_u64().unwrap();
    let adds_up = |label: &usize| {
        let sides = ["positives", "negatives", "uncertain", "missing"].map(|key| count(key, *label));
        sides.iter().sum::<u64>() == weights["rows"].as_u64().unwrap()
    };
    let labels = weights["labels"].as_array().unwrap().len();
    (0..labels).find(|label| !adds_up(label)).map(|label| format!("label {label} does not add up"))
}

#[test]
fn damaged_shards_end_in_an_error_or_in_counts_that_add_up() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seconds = number("POSWEIGHT_FUZZ_SECONDS").unwrap_or(3);
    let first = number("POSWEIGHT_FUZZ_SEED").unwrap_or(0);
    let place = Place::new();
    let seeds = seeds(&place);
    for (bytes, flags) in &seeds {
        std::fs::write(place.path("case.parquet"), bytes).unwrap();
        assert_eq!(verdict(&place, flags), None, "{flags:?}: undamaged");
    }
    let (started, mut random, mut cases) = (Instant::now(), Random(first), 0);
    while started.elapsed() < Duration::from_secs(seconds) {
        let seed = random.below(seeds.len());
        let others: Vec<&[u8]> = seeds.iter().map(|(bytes, _)| &bytes[..]).collect();
        std::fs::write(place.path("case.parquet"), damaged(&seeds[seed].0, &others, &mut random)).unwrap();
        if let Some(wrong) = verdict(&place, &seeds[seed].1) {
            let kept = std::env::temp_dir().join(format!("posweight-fuzz-{first}-{cases}.parquet"));
            std::fs::copy(place.path("case.parquet"), &kept).unwrap();
            panic!("case {cases} of seed {first}, {:?}, {}: {wrong}", seeds[seed].1, kept.display());
        }
        cases += 1;
    }
    eprintln!("{cases} damaged shards of seed {first}");
}
