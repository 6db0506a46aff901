//! Scales of charts, and positions on them.

/// Approximate number of ticks of an axis.
const TICKS: usize = 6;

/// A scale from its low to its high end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Axis {
    /// A logarithmic scale over all positive `values`, to whole decades; `None` without any.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = ends(values.filter(|value| *value > 0.0))?;
        let (first, mut last) = (low.log10().floor(), high.log10().ceil());
        if last <= first {
            last = first + 1.0;
        }
        Some(Self { low: 10_f64.powf(first), high: 10_f64.powf(last), is_log: true })
    }

    /// A linear scale from 0 over all `values`; `None` without any.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (_, high) = ends(values)?;
        let step = step(high);
        Some(Self { low: 0.0, high: (high / step).ceil().max(1.0) * step, is_log: false })
    }

    /// Where `value` lies, in per cent from the low end; values outside are at the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        100.0 * part.clamp(0.0, 1.0)
    }

    /// Values to be written at the axis.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.is_log {
            let step = step(self.high);
            return (0..=TICKS).map(|i| i as f64 * step).filter(|tick| *tick <= self.high * 1.001).collect();
        }
        let (first, last) = (self.low.log10().round(), self.high.log10().round());
        if last - first < 2.0 {
            let within = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0].map(|times| times * self.low);
            return within.into_iter().filter(|tick| *tick <= self.high * 1.001).collect();
        }
        let every = ((last - first) / TICKS as f64).ceil();
        let decade = |i: usize| first + i as f64 * every;
        (0..=TICKS).map(decade).filter(|decade| *decade <= last).map(|decade| 10_f64.powf(decade)).collect()
    }
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |ends, value| {
        Some(ends.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}

/// 1, 2 or 5 times a power of ten, a few of which make `high`.
fn step(high: f64) -> f64 {
    let rough = if high > 0.0 { high / (TICKS - 1) as f64 } else { 1.0 };
    let decade = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|times| times * decade)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_axis_has_whole_decades() {
        let axis = Axis::log([0.02, 0.0, 3.0, f64::INFINITY].into_iter()).unwrap();
        assert_eq!(axis.ticks(), [0.01, 0.1, 1.0, 10.0]);
        assert!((axis.at(0.1) - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!((axis.at(0.0), axis.at(1e9)), (0.0, 100.0));
        assert_eq!(Axis::log([2.0, 7.0].into_iter()).unwrap().ticks(), [1.0, 2.0, 5.0, 10.0]);
        assert!(Axis::log([1e-9, 1e9].into_iter()).unwrap().ticks().len() <= TICKS + 1);
        assert_eq!(Axis::log([0.0].into_iter()), None);
    }

    #[test]
    fn a_linear_axis_starts_at_zero() {
        let axis = Axis::linear([3.0, 7.0].into_iter()).unwrap();
        assert_eq!(axis.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!((axis.at(2.0), axis.at(9.0)), (25.0, 100.0));
        assert_eq!(Axis::linear([0.0].into_iter()).unwrap().ticks().last(), Some(&1.0));
    }
}
