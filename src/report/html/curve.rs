//! A chart of very many labels in order: one curve per series.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::Axis;
use super::dots::percent;
use crate::report::numbers::thousands;

/// Points of a curve; more are not seen.
const POINTS: usize = 360;
const HEIGHT: usize = 260;

/// One curve.
pub(super) struct Series {
    pub(super) name: String,
    /// Its value at every place of the order, where there is one.
    pub(super) values: Vec<Option<f64>>,
    /// What the true values may be.
    pub(super) band: Vec<Option<[f64; 2]>>,
}

/// A label that is named on the curve.
pub(super) struct Note {
    /// Its place in the order.
    pub(super) place: usize,
    pub(super) value: f64,
    pub(super) text: String,
}

/// The chart.
pub(super) struct CurveChart<'a> {
    /// Said to those who do not see it.
    pub(super) about: &'a str,
    pub(super) axis: Axis,
    pub(super) series: &'a [Series],
    /// Labels that are named, of the first series.
    pub(super) notes: &'a [Note],
    /// How values at the axis are written.
    pub(super) show: fn(f64) -> String,
}

/// The places of `n` that are drawn: the first, the last and some between.
pub(super) fn sampled(n: usize) -> Vec<usize> {
    let points = n.min(POINTS);
    (0..points).map(|i| if points < 2 { 0 } else { i * (n - 1) / (points - 1) }).collect()
}

impl CurveChart<'_> {
    /// `n` is the number of labels in order, of which the series hold the [`sampled`] places.
    pub(super) fn draw(&self, n: usize) -> Markup {
        let places = sampled(n);
        let x = |i: usize| 10.0 * across(places[i], n);
        let y = |value: f64| 10.0 * (100.0 - self.axis.at(value));
        let line = |values: &[Option<f64>]| {
            let mut path = String::new();
            let mut pen = 'M';
            for (i, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    // Writing into a string cannot fail.
                    let _ = write!(path, "{pen}{:.1} {:.1}", x(i), y(*value));
                }
                pen = if value.is_some() { 'L' } else { 'M' };
            }
            path
        };
        let area = |band: &[Option<[f64; 2]>]| {
            let ends = |which: usize| {
                let known = band.iter().enumerate().filter_map(move |(i, ends)| Some((i, (*ends)?[which])));
                known.collect::<Vec<_>>()
            };
            let all = ends(1).into_iter().chain(ends(0).into_iter().rev());
            let points: Vec<String> = all.map(|(i, value)| format!("{:.1} {:.1}", x(i), y(value))).collect();
            if points.is_empty() { String::new() } else { format!("M{}Z", points.join("L")) }
        };
        html! {
            @if self.series.len() > 1 {
                ul.key { @for (which, series) in self.series.iter().enumerate() {
                    li { svg width="22" height="10" aria-hidden="true" {
                        line class={"c" (which % 6)} x1="0" x2="22" y1="5" y2="5" {}
                    } " " (series.name) }
                } }
            }
            svg.curve role="img" aria-label=(self.about) width="100%" height=(HEIGHT + 28) {
                @for tick in self.axis.ticks() {
                    @let y = (100.0 - self.axis.at(tick)) / 100.0 * HEIGHT as f64;
                    line.grid x1="0" x2="100%" y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                    text.side x="-8" y=(format!("{:.1}", y + 4.0)) { ((self.show)(tick)) }
                }
                svg width="100%" height=(HEIGHT) viewBox="0 0 1000 1000" preserveAspectRatio="none" {
                    @for (which, series) in self.series.iter().enumerate() {
                        @let area = area(&series.band);
                        @if !area.is_empty() { path.band vector-effect="non-scaling-stroke" d=(area) {} }
                        path class={"c" (which % 6)} vector-effect="non-scaling-stroke" d=(line(&series.values)) {}
                    }
                }
                @for note in self.notes { (self.note(note, n)) }
                @for place in ranks(n) {
                    text.tick x=(percent(across(place, n))) y=(HEIGHT + 18) { (thousands(place as u64 + 1)) }
                }
            }
        }
    }
}

impl CurveChart<'_> {
    fn note(&self, note: &Note, n: usize) -> Markup {
        let at = across(note.place, n);
        let y = (100.0 - self.axis.at(note.value)) / 100.0 * HEIGHT as f64;
        let is_left = at < 50.0;
        html! {
            svg x=(percent(at)) y=(format!("{y:.1}")) overflow="visible" {
                circle.s0 r="4" {}
                text class={ @if is_left { "left" } @else { "right" } } x=(if is_left { 10 } else { -8 })
                    y=(if y < 24.0 { 18 } else { -8 }) { (note.text) " " ((self.show)(note.value)) }
            }
        }
    }
}

/// A place of `n` from the left, in per cent.
fn across(place: usize, n: usize) -> f64 {
    if n < 2 { 50.0 } else { place as f64 * 100.0 / (n - 1) as f64 }
}

/// Places that are written at the foot.
fn ranks(n: usize) -> Vec<usize> {
    if n < 5 { (0..n).collect() } else { (0..=4).map(|quarter| quarter * (n - 1) / 4).collect() }
}
