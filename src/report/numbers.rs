//! Numbers as text.

/// A whole number with its thousands separated: `4 000 000`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number with about four telling digits.
pub(crate) fn brief(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e7).contains(&size) {
        format!("{x:.3e}")
    } else if size >= 1000.0 {
        format!("{x:.0}")
    } else {
        let digits = [(100.0, 1), (10.0, 2), (1.0, 3), (0.1, 4), (0.01, 5)];
        let places = digits.iter().find(|(from, _)| size >= *from).map_or(6, |(_, places)| *places);
        let text = format!("{x:.places$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), brief)
}

/// `1.2 … 3.4`
pub(super) fn interval(ends: Option<[f64; 2]>, show: impl Fn(f64) -> String) -> String {
    ends.map_or_else(|| "–".to_owned(), |[low, high]| format!("{} … {}", show(low), show(high)))
}

/// A chance; the smallest and largest are shown as a bound.
pub(super) fn chance(chance: Option<f64>) -> String {
    const LEAST: f64 = 1e-4;
    match chance {
        Some(p) if p > 0.0 && p < LEAST => "< 0.01 %".to_owned(),
        Some(p) if p < 1.0 && p > 1.0 - LEAST => "> 99.99 %".to_owned(),
        other => percent(other),
    }
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |p| format!("{} %", brief(100.0 * p)))
}

/// A number with its noun: `1 label`, `2 000 labels`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// A number that need not be whole, with its noun: `1 label`, `1.5 labels`.
pub(super) fn of_one(value: Option<f64>, noun: &str) -> String {
    let text = number(value);
    let end = if text == "1" { "" } else { "s" };
    format!("{text} {noun}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(
            [0.0, 3.0, 0.25, 123.456, 99_999.4, 1e8, 0.000_012].map(brief),
            ["0", "3", "0.25", "123.5", "99999", "1.000e8", "1.200e-5"]
        );
    }
}
