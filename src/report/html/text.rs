//! Names and numbers on the page.

use crate::report::numbers::{brief, percent, thousands};
use crate::report::{Report, short};

/// Characters of a name in a chart.
pub(super) const NAME: usize = 24;

/// The name of a label, of at most `width` characters.
pub(super) fn name(report: &Report<'_>, label: usize, width: usize) -> String {
    short(report.counts.labels().name(label), width)
}

/// A share on an axis.
pub(super) fn share(value: f64) -> String {
    percent(Some(value))
}

/// A whole number on an axis.
pub(super) fn whole(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ticks of counts")]
    let whole = value.max(0.0).round() as u64;
    if (value - value.round()).abs() > 1e-9 { brief(value) } else { thousands(whole) }
}
