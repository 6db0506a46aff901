//! How often labels occur together, cell by cell.

use maud::{Markup, html};

use super::dots::width;
use crate::report::numbers::{number, percent, thousands};
use crate::report::{Heat, Report};

const CELL: usize = 22;
const RIGHT: usize = 60;

/// The matrix of phi, more of it in the titles of the cells; `name` gives the name of a label.
pub(super) fn heat(report: &Report<'_>, heat: &Heat, name: impl Fn(usize, usize) -> String) -> Markup {
    let n = heat.labels.len();
    let longest = heat.labels.iter().map(|&label| name(label, 18).chars().count()).max().unwrap_or(0);
    let top = 20 + 6 * longest;
    let left = width(heat.labels.iter().map(|&label| name(label, 24))) + 10;
    let about = format!("Correlation of {n} labels; the closest pairs are in the table below");
    html! {
        svg.heat role="img" aria-label=(about) width=(left + n * CELL + RIGHT) height=(top + n * CELL + 4) {
            @for (i, &label) in heat.labels.iter().enumerate() {
                @let middle = i * CELL + CELL / 2;
                text.name x=(left - 8) y=(top + middle + 4) { (name(label, 24)) }
                svg x=(left + middle) y=(top - 8) overflow="visible" {
                    text transform="rotate(-50)" x="0" y="4" { (name(label, 18)) }
                }
            }
            @for (i, &one) in heat.labels.iter().enumerate() {
                @for (j, &other) in heat.labels.iter().enumerate() {
                    @let phi = heat.phi[i][j];
                    rect class=(class(i == j, phi)) x=(left + j * CELL) y=(top + i * CELL)
                        width=(CELL - 1) height=(CELL - 1) fill-opacity=(opacity(i == j, phi)) {
                        @if i != j {
                            title {
                                (name(one, 40)) " and " (name(other, 40)) ": " (thousands(heat.together[i][j]))
                                " rows, " (percent(heat.conditional[i][j])) " of the first, phi " (number(phi))
                            }
                        } @else {
                            title { (name(one, 40)) ": " (thousands(report.counts.tallies()[one].positives)) " rows" }
                        }
                    }
                }
            }
        }
        svg.heat aria-hidden="true" width=(left + 9 * 44) height="44" {
            text.name x=(left - 8) y="15" { "phi" }
            @for (i, phi) in [-1.0, -0.5, -0.2, -0.05, 0.0, 0.05, 0.2, 0.5, 1.0].into_iter().enumerate() {
                rect class=(class(false, Some(phi))) x=(left + i * 44) y="0" width="43" height="20" fill-opacity=(opacity(false, Some(phi))) {}
                text.tick x=(left + i * 44 + 22) y="36" { (phi) }
            }
        }
    }
}

fn class(is_self: bool, phi: Option<f64>) -> &'static str {
    match phi {
        _ if is_self => "itself",
        Some(phi) if phi < 0.0 => "apart",
        Some(_) => "together",
        None => "unknown",
    }
}

/// The root makes small correlations seen.
fn opacity(is_self: bool, phi: Option<f64>) -> String {
    let phi = if is_self { 1.0 } else { phi.unwrap_or(1.0) };
    format!("{:.2}", phi.abs().min(1.0).sqrt())
}
