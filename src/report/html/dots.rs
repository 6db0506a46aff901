//! A chart of one line per label: marks of one or several series on a common scale.

use maud::{Markup, html};

use super::axis::Axis;
use crate::report::numbers::number;

/// Pixels of a line.
const LINE: usize = 22;
/// Pixels of the axis.
const FOOT: usize = 24;
/// Marks of the series, which differ in form as well as in colour.
const FORMS: [&str; 6] = [
    "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z",
    "M-6 0L0-6 6 0 0 6Z",
    "M-4.5-4.5H4.5V4.5H-4.5Z",
    "M-5.5 4.5L0-5.5 5.5 4.5Z",
    "M-5.5-4.5L0 5.5 5.5-4.5Z",
    "M-5-2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z",
];

/// Most series: each has a mark of its own.
pub(super) const SERIES_MAX: usize = FORMS.len();

/// One line.
pub(super) struct DotLine {
    pub(super) name: String,
    /// A mark for each series, where there is one.
    pub(super) marks: Vec<Option<f64>>,
    /// What the true value of the first may be.
    pub(super) interval: Option<[f64; 2]>,
    /// Written at the end of the line.
    pub(super) text: String,
}

impl DotLine {
    /// A line of one value, which is written at its end.
    pub(super) fn of(name: String, value: Option<f64>) -> Self {
        Self { name, marks: vec![value], interval: None, text: number(value) }
    }
}

/// The chart.
pub(super) struct Dots<'a> {
    /// Said to those who do not see it.
    pub(super) about: &'a str,
    pub(super) axis: Axis,
    /// Names of the series; a single one needs none.
    pub(super) series: &'a [String],
    pub(super) lines: &'a [DotLine],
    /// A value to compare with, and what it is.
    pub(super) reference: Option<(f64, String)>,
    /// How values at the axis are written.
    pub(super) show: fn(f64) -> String,
}

impl Dots<'_> {
    pub(super) fn draw(&self) -> Markup {
        let bottom = self.lines.len() * LINE;
        html! {
            @if self.series.len() > 1 { (key(self.series)) }
            svg.dots style={"--names:" (width(self.lines.iter().map(|line| line.name.clone()))) "px"} role="img" aria-label=(self.about) width="100%" height=(bottom + FOOT) {
                @for tick in self.axis.ticks() {
                    @let x = percent(self.axis.at(tick));
                    line.grid x1=(x) x2=(x) y1="0" y2=(bottom) {}
                    text.tick x=(x) y=(bottom + 16) { ((self.show)(tick)) }
                }
                @if let Some((value, what)) = &self.reference {
                    @let x = percent(self.axis.at(*value));
                    line.reference x1=(x) x2=(x) y1="0" y2=(bottom) { title { (what) } }
                }
                @for (i, line) in self.lines.iter().enumerate() { (self.line(i * LINE + LINE / 2, line)) }
            }
        }
    }

    fn line(&self, y: usize, line: &DotLine) -> Markup {
        html! {
            g {
                title { (line.name) ": " (line.text) }
                text.name x="-10" y=(y + 4) { (line.name) }
                @if let Some([low, high]) = line.interval {
                    line.interval x1=(percent(self.axis.at(low))) x2=(percent(self.axis.at(high))) y1=(y) y2=(y) {}
                }
                // The first series is on top.
                @for (which, value) in line.marks.iter().enumerate().rev() {
                    @if let Some(value) = value {
                        svg x=(percent(self.axis.at(*value))) y=(y) overflow="visible" {
                            path class={"s" (which % SERIES_MAX)} d=(FORMS[which % SERIES_MAX]) {}
                        }
                    }
                }
                text.value x="100%" dx="10" y=(y + 4) { (line.text) }
            }
        }
    }
}

/// Pixels that names take.
pub(super) fn width(names: impl Iterator<Item = String>) -> usize {
    const LEAST: usize = 24;
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    LEAST.max(longest * 15 / 2)
}

/// What the marks of several series mean.
pub(super) fn key(series: &[String]) -> Markup {
    html! {
        ul.key {
            @for (which, name) in series.iter().enumerate() {
                li {
                    svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" {
                        path class={"s" (which % SERIES_MAX)} d=(FORMS[which % SERIES_MAX]) {}
                    }
                    " " (name)
                }
            }
        }
    }
}

/// A coordinate.
pub(super) fn percent(at: f64) -> String {
    format!("{at:.2}%")
}
