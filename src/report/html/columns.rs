//! A histogram: columns side by side.

use maud::{Markup, html};

use super::axis::Axis;
use super::dots::percent;
use super::text::whole;
use crate::report::numbers::counted;

const HEIGHT: usize = 200;
const HEAD: usize = 18;

/// One column.
pub(super) struct HistogramColumn {
    /// Written below it.
    pub(super) name: String,
    pub(super) count: u64,
    /// Written above it.
    pub(super) text: String,
}

/// The chart; `about` is said to those who do not see it; `what`, in the singular, is counted.
pub(super) fn columns(about: &str, what: &str, columns: &[HistogramColumn]) -> Markup {
    let values = columns.iter().map(|column| crate::counts::as_f64(column.count));
    let axis = Axis::linear(values.clone());
    let width = 100.0 / columns.len().max(1) as f64;
    html! {
        @if let Some(axis) = axis {
            svg.columns role="img" aria-label=(about) width="100%" height=(HEAD + HEIGHT + 28) {
                @for tick in axis.ticks() {
                    @let y = HEAD as f64 + (100.0 - axis.at(tick)) / 100.0 * HEIGHT as f64;
                    line.grid x1="0" x2="100%" y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                    text.side x="-8" y=(format!("{:.1}", y + 4.0)) { (whole(tick)) }
                }
                @for (i, (column, value)) in columns.iter().zip(values).enumerate() {
                    @let height = axis.at(value) / 100.0 * HEIGHT as f64;
                    @let middle = percent((i as f64 + 0.5) * width);
                    g {
                        title { (column.name) ": " (counted(column.count, what)) }
                        rect.column x=(percent((i as f64 + 0.12) * width)) width=(percent(0.76 * width))
                            y=(format!("{:.1}", (HEAD + HEIGHT) as f64 - height)) height=(format!("{height:.1}")) {}
                        text.tick x=(middle) y=(format!("{:.1}", (HEAD + HEIGHT) as f64 - height - 6.0)) { (column.text) }
                        text.tick x=(middle) y=(HEAD + HEIGHT + 18) { (column.name) }
                    }
                }
            }
        }
    }
}
