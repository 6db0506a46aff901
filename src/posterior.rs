//! How sure a prevalence is: a Beta posterior over it.
//!
//! The prior is Jeffreys', Beta(½, ½), so that p positives and n negatives make Beta(p + ½, n + ½). The interval
//! leaves out the same chance on both sides; without positives it starts at 0, without negatives it ends at 1
//! (Brown, Cai & DasGupta 2001).

use std::f64::consts::TAU;

/// The chance that the interval holds the true prevalence.
pub(crate) const LEVEL: f64 = 0.95;
/// The prior, as files name it.
pub(crate) const PRIOR: &str = "Beta(1/2, 1/2)";
/// What the prior adds to each side.
const JEFFREYS: f64 = 0.5;

/// The interval of prevalence, by rows; `None` where nothing is known.
#[must_use]
pub(crate) fn interval(positives: f64, negatives: f64) -> Option<[f64; 2]> {
    if positives + negatives <= 0.0 {
        return None;
    }
    let (a, b) = (positives + JEFFREYS, negatives + JEFFREYS);
    let tail = (1.0 - LEVEL) / 2.0;
    let low = if positives > 0.0 { quantile(a, b, tail) } else { 0.0 };
    let high = if negatives > 0.0 { 1.0 - quantile(b, a, tail) } else { 1.0 };
    Some([low, high])
}

/// The x below which Beta(a, b) has the chance `p`; a and b at least ½.
fn quantile(a: f64, b: f64, p: f64) -> f64 {
    const STEPS_MAX: usize = 100;
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = guess(a, b, p);
    for _ in 0..STEPS_MAX {
        let (below, density) = (chance_below(a, b, x) - p, density(a, b, x));
        if below > 0.0 {
            high = x;
        } else {
            low = x;
        }
        // Halley's step, halving where it leaves the bracket.
        let newton = below / density;
        let bend = newton * ((a - 1.0) / x - (b - 1.0) / (1.0 - x));
        let next = x - newton / (1.0 - 0.5 * bend.clamp(-1.0, 1.0));
        let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
        let is_close = (next - x).abs() <= 4.0 * f64::EPSILON * x;
        x = next;
        if is_close {
            break;
        }
    }
    x
}

/// Where the quantile is about: Abramowitz & Stegun 26.5.22, or the power law of the lower end.
fn guess(a: f64, b: f64, p: f64) -> f64 {
    if a < 1.0 || b < 1.0 {
        let lower = (a / (a + b)).ln() * a - a.ln();
        let upper = (b / (a + b)).ln() * b - b.ln();
        let (lower, upper) = (lower.exp(), upper.exp());
        let share = lower / (lower + upper);
        return if p < share {
            (a * (lower + upper) * p).powf(1.0 / a)
        } else {
            1.0 - (b * (lower + upper) * (1.0 - p)).powf(1.0 / b)
        }
        .clamp(1e-300, 1.0 - f64::EPSILON);
    }
    let root = (-2.0 * p.min(1.0 - p).ln()).sqrt();
    let normal = root - (2.30753 + root * 0.27061) / (1.0 + root * (0.99229 + root * 0.04481));
    let normal = if p < 0.5 { normal } else { -normal };
    let (one, other) = (1.0 / (2.0 * a - 1.0), 1.0 / (2.0 * b - 1.0));
    let harmonic = 2.0 / (one + other);
    let lambda = (normal * normal - 3.0) / 6.0;
    let width = normal * (harmonic + lambda).max(0.0).sqrt() / harmonic
        - (other - one) * (lambda + 5.0 / 6.0 - 2.0 / (3.0 * harmonic));
    (a / (a + b * (2.0 * width).exp())).clamp(1e-300, 1.0 - f64::EPSILON)
}

/// Chance of Beta(a, b) below x: the regularised incomplete beta function.
fn chance_below(a: f64, b: f64, x: f64) -> f64 {
    let front = power(a, b, x).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

fn density(a: f64, b: f64, x: f64) -> f64 {
    (power(a, b, x) - x.ln() - (-x).ln_1p()).exp()
}

/// ln of xᵃ (1 − x)ᵇ / B(a, b), put so that no large numbers cancel (Loader 2000).
fn power(a: f64, b: f64, x: f64) -> f64 {
    let n = a + b;
    let level = 0.5 * (a * b / (TAU * n)).ln();
    level + stirling(n) - stirling(a) - stirling(b) - deviance(a, n * x) - deviance(b, n * (1.0 - x))
}

/// x ln(x / m) + m − x.
fn deviance(x: f64, m: f64) -> f64 {
    const NEAR: f64 = 0.1;
    let v = (x - m) / (x + m);
    if v.abs() >= NEAR {
        return x * (x / m).ln() + m - x;
    }
    // ln(x / m) = 2 (v + v³/3 + v⁵/5 + …)
    let mut sum = (x - m) * v;
    let mut term = 2.0 * x * v;
    let mut odd = 3.0;
    loop {
        term *= v * v;
        let next = sum + term / odd;
        if next == sum {
            return sum;
        }
        sum = next;
        odd += 2.0;
    }
}

/// ln Γ(z) less Stirling's (z − ½) ln z − z + ½ ln 2π.
fn stirling(z: f64) -> f64 {
    const ENOUGH: f64 = 16.0;
    if z >= ENOUGH {
        let y = 1.0 / (z * z);
        return (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y / 1680.0))) / z;
    }
    // Γ(z + 1) = z Γ(z)
    stirling(z + 1.0) + (z + 0.5) * (1.0 / z).ln_1p() - 1.0
}

/// The continued fraction of the incomplete beta function, by Lentz's way.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const TERMS_MAX: u32 = 100_000;
    let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut below = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let (mut above, mut product) = (1.0, below);
    for i in (1..TERMS_MAX).map(f64::from) {
        let even = i * (b - i) * x / ((a + 2.0 * i - 1.0) * (a + 2.0 * i));
        let odd = -(a + i) * (a + b + i) * x / ((a + 2.0 * i) * (a + 2.0 * i + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            below = 1.0 / keep(1.0 + term * below);
            above = keep(1.0 + term / above);
            step = below * above;
            product *= step;
        }
        if (step - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positives, negatives, and the ends of the interval as libraries of many digits give them.
    #[test]
    fn known_intervals() {
        let known = [
            (1.0, 0.0, 0.146_746_316_309_575_1, 1.0),
            (0.0, 10.0, 0.0, 0.217_196_267_509_210_57),
            (1.0, 9.0, 0.011_011_673_763_161_136, 0.381_314_771_066_616_4),
            (5.0, 95.0, 0.019_331_811_985_866_74, 0.106_100_073_883_103),
            (50.0, 50.0, 0.403_173_950_896_418, 0.596_826_049_103_582),
            (999.0, 1.0, 0.995_335_541_191_208_6, 0.999_892_081_195_319),
            (2.0, 999_998.0, 4.156_060_320_838_109e-7, 6.416_235_225_085_567e-6),
            (684.0, 1316.0, 0.321_450_069_019_192_3, 0.363_006_857_214_172_9),
            (3.0, 7_999_997.0, 1.056_168_347_175_086e-7, 1.000_797_422_740_954e-6),
            (4e5, 6e5, 0.399_040_108_231_049_46, 0.400_960_470_629_186_66),
            (4e6, 4e6, 0.499_653_524_096_332_9, 0.500_346_475_903_667_1),
            (0.2, 0.3, 0.006_619_719_399_313_089, 0.985_379_660_979_091_7),
        ];
        for (positives, negatives, low, high) in known {
            let found = interval(positives, negatives).unwrap();
            for (found, expected) in found.into_iter().zip([low, high]) {
                let wrong = (found - expected).abs();
                assert!(
                    wrong <= 1e-10 * expected,
                    "{positives} of {negatives} more: {found:e}, not {expected:e}"
                );
            }
        }
        assert_eq!(interval(0.0, 0.0), None);
    }

    #[test]
    fn the_ends_leave_out_the_same_chance() {
        for (positives, negatives) in [(1.0, 1.0), (7.0, 30_000.0), (123_456.0, 9.0), (1e6, 3e6)] {
            let [low, high] = interval(positives, negatives).unwrap();
            let below = |x: f64| chance_below(positives + 0.5, negatives + 0.5, x);
            assert!((below(low) - 0.025).abs() < 1e-9 && (below(high) - 0.975).abs() < 1e-9);
        }
    }
}
