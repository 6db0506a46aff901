//! The live view of a run: speed, time left, shards, spilled bytes and the rarest labels so far.
//!
//! ```text
//! ██████████░░░░░░░░░░ 52 %, 8 of 16 shards, 0:02 left
//! 2 080 000 of 4 000 000 rows, 1 050 000 rows/s; 18.3 MB read, 9.2 MB/s; 0 B spilled
//! rarest labels so far: l269 0, l265 1, l268 1, l263 2, l267 3
//! ```

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::size;
use crate::engine::{Progress, Rarest};
use crate::error::plural;
use crate::report::numbers::thousands;
use crate::report::short;

/// Labels that are shown, and characters of their names.
const LABELS: usize = 5;
const NAME: usize = 24;
/// Time between two drawings, and two questions for labels.
const EVERY: Duration = Duration::from_millis(100);
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Time over which speed is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// How much there is to count; 0 rows of a stream, which are not known before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) shards: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
}

impl Scale {
    fn is_stream(self) -> bool {
        self.rows == 0
    }
}

/// What is known at one moment.
#[derive(Debug, Clone)]
struct Moment {
    rows: u64,
    /// Bytes read; `false` where they are estimated from the rows.
    bytes: (u64, bool),
    shards: u64,
    spilled: u64,
}

impl Moment {
    fn of(progress: &Progress, scale: Scale) -> Self {
        let rows = progress.rows();
        let rows = if scale.is_stream() { rows } else { rows.min(scale.rows) };
        let bytes = match progress.bytes() {
            0 => (share(rows, scale.rows, scale.bytes), false),
            bytes => (bytes, true),
        };
        let shards = progress.shards().min(scale.shards);
        Self { rows, bytes, shards, spilled: progress.spilled() }
    }
}

/// As much of `all` as `part` is of `whole`.
fn share(part: u64, whole: u64, all: u64) -> u64 {
    let share = u128::from(part) * u128::from(all) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(all)
}

/// Rows and bytes of the last seconds.
#[derive(Debug, Default)]
struct Speed(VecDeque<(Duration, u64, u64)>);

impl Speed {
    fn add(&mut self, at: Duration, rows: u64, bytes: u64) {
        self.0.push_back((at, rows, bytes));
        while self.0.len() > 2 && self.0.get(1).is_some_and(|second| at.saturating_sub(second.0) >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// Rows and bytes a second; `None` before there is a time between two moments.
    fn per_second(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let seconds = last.0.saturating_sub(first.0).as_secs_f64();
        let per = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        (seconds > 0.0).then(|| (per(first.1, last.1), per(first.2, last.2)))
    }
}

/// The lines below each other.
pub(super) struct LiveView {
    scale: Scale,
    /// When counting began, which may be before the view has a thread.
    began: Instant,
    lines: MultiProgress,
    bars: [ProgressBar; 3],
}

impl LiveView {
    /// Draws on stderr, if that is a terminal, what is counted since `began`.
    pub(super) fn new(scale: Scale, began: Instant) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = if scale.is_stream() {
            (ProgressBar::no_length(), "{spinner} {wide_msg}")
        } else {
            (ProgressBar::new(scale.rows), "{bar:20} {wide_msg}")
        };
        let text = || (ProgressBar::no_length(), "{wide_msg}");
        let bars = [bar, text(), text()].map(|(bar, shape)| {
            if let Ok(style) = ProgressStyle::with_template(shape) {
                bar.set_style(style);
            }
            lines.add(bar)
        });
        Self { scale, began, lines, bars }
    }

    /// Draws until it is `stopped`, once more at the end, and leaves nothing.
    pub(super) fn draw(self, progress: &Progress, stopped: &AtomicBool) {
        let (clock, mut speed, mut asked) = (self.began, Speed::default(), Duration::ZERO);
        // However short a run is, it has a speed.
        speed.add(Duration::ZERO, 0, 0);
        loop {
            let is_over = stopped.load(Ordering::Relaxed);
            let now = Moment::of(progress, self.scale);
            speed.add(clock.elapsed(), now.rows, now.bytes.0);
            let rarest = progress.live.rarest(LABELS);
            let texts = [
                first(&now, self.scale, speed.per_second()),
                second(&now, self.scale, speed.per_second()),
                third(&rarest),
            ];
            for (bar, text) in self.bars.iter().zip(texts) {
                bar.set_message(text);
            }
            self.bars[0].set_position(now.rows);
            if is_over {
                // Drawn whatever was drawn shortly before.
                self.bars.iter().for_each(ProgressBar::abandon);
                // Without a terminal there is nothing to clear.
                let _ = self.lines.clear();
                return;
            }
            if clock.elapsed().saturating_sub(asked) >= ASK_EVERY {
                asked = clock.elapsed();
                progress.live.ask();
            }
            std::thread::park_timeout(EVERY);
        }
    }
}

/// Percent, shards and time left.
fn first(now: &Moment, scale: Scale, speed: Option<(f64, f64)>) -> String {
    if scale.is_stream() {
        return "a stream, whose end is not known".to_owned();
    }
    let percent = share(now.rows, scale.rows, 100);
    let shards = match now.shards {
        // Where arrays are read, shards are done when all are.
        0 => plural(scale.shards, "shard"),
        done => format!("{done} of {}", plural(scale.shards, "shard")),
    };
    let left = speed.filter(|(rows, _)| *rows > 0.0).map(|(rows, _)| (scale.rows - now.rows) as f64 / rows);
    let left = left.map(|left| format!(", {} left", time(left))).unwrap_or_default();
    format!("{percent} %, {shards}{left}")
}

/// Rows and bytes, and how many a second.
fn second(now: &Moment, scale: Scale, speed: Option<(f64, f64)>) -> String {
    let of = if scale.is_stream() { String::new() } else { format!(" of {}", thousands(scale.rows)) };
    let (rows, bytes) = match speed {
        Some((rows, bytes)) => {
            (format!(", {} rows/s", thousands(whole(rows))), format!(", {}/s", size(whole(bytes))))
        }
        None => (String::new(), String::new()),
    };
    let about = if now.bytes.1 { "" } else { "about " };
    let read = format!("{about}{} read{bytes}", size(now.bytes.0));
    format!("{}{of} rows{rows}; {read}; {} spilled", thousands(now.rows), size(now.spilled))
}

/// The rarest labels, or why they are not known.
fn third(rarest: &Rarest) -> String {
    match rarest {
        Rarest::NotKnown => "rarest labels so far: not known yet".to_owned(),
        Rarest::TooMany => "rarest labels so far: not shown, there are too many labels".to_owned(),
        Rarest::Labels(labels) => {
            let labels = labels.iter();
            let labels = labels.map(|(name, rows)| format!("{} {}", short(name, NAME), thousands(*rows)));
            format!("rarest labels so far: {}", labels.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A number of rows or bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "speeds and times are far below 2^64"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0).round() as u64
}

/// Seconds as `0:07`, `12:34` or `1:02:03`.
fn time(seconds: f64) -> String {
    let seconds = whole(seconds.min(360_000.0));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { shards: 16, bytes: 100_000_000, rows: 4_000_000 };

    fn moment(rows: u64) -> Moment {
        Moment { rows, bytes: (18_300_000, true), shards: 8, spilled: 0 }
    }

    #[test]
    fn lines_say_what_is_known() {
        let speed = Some((1_050_000.4, 9_200_000.0));
        let now = moment(2_080_000);
        assert_eq!(first(&now, SCALE, speed), "52 %, 8 of 16 shards, 0:02 left");
        assert_eq!(
            second(&now, SCALE, speed),
            "2 080 000 of 4 000 000 rows, 1 050 000 rows/s; 18.3 MB read, 9.2 MB/s; 0 B spilled"
        );
        // Before the first row, and where arrays are read.
        let now = Moment { rows: 0, bytes: (0, false), shards: 0, spilled: 1_500_000 };
        assert_eq!(first(&now, SCALE, None), "0 %, 16 shards");
        assert_eq!(second(&now, SCALE, None), "0 of 4 000 000 rows; about 0 B read; 1.5 MB spilled");
        let stream = Scale { shards: 1, bytes: 0, rows: 0 };
        assert_eq!(first(&moment(70_000), stream, speed), "a stream, whose end is not known");
        assert!(second(&moment(70_000), stream, speed).starts_with("70 000 rows, 1 050 000 rows/s; "));
    }

    #[test]
    fn names_of_labels_cannot_move_the_cursor() {
        let labels = Rarest::Labels(vec![("a\u{1b}[2J\n".to_owned(), 0), ("b".repeat(60), 12_345)]);
        let text = third(&labels);
        assert!(!text.contains(char::is_control) && text.contains("a<U+001B>[2J↵ 0, bbb"), "{text}");
        assert!(text.ends_with("… 12 345") && text.len() < 100, "{text}");
        assert!(third(&Rarest::NotKnown).ends_with("not known yet"));
        assert!(third(&Rarest::TooMany).ends_with("too many labels"));
    }

    #[test]
    fn speed_is_that_of_the_last_seconds() {
        let mut speed = Speed::default();
        assert_eq!(speed.per_second(), None);
        speed.add(Duration::ZERO, 0, 0);
        assert_eq!(speed.per_second(), None);
        // Fast in the first second, then slow.
        for second in 1..=40 {
            speed.add(Duration::from_secs(second), 1000 + second, 10 * second);
        }
        assert_eq!(speed.per_second(), Some((1.0, 10.0)));
        assert!(speed.0.len() <= 12, "{}", speed.0.len());
    }

    #[test]
    fn times_read_well() {
        assert_eq!([7.4, 754.0, 3723.0, f64::MAX].map(time), ["0:07", "12:34", "1:02:03", "100:00:00"]);
    }

    #[test]
    fn an_estimate_is_said_to_be_one() {
        let progress = Progress::default();
        progress.add(1_000_000);
        assert_eq!(Moment::of(&progress, SCALE).bytes, (25_000_000, false));
        progress.add_bytes(7);
        progress.add(9_000_000);
        let now = Moment::of(&progress, SCALE);
        assert_eq!((now.rows, now.bytes), (4_000_000, (7, true)));
    }
}
