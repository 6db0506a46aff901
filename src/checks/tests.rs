use super::*;
use crate::counts::{LabelCounts, Labels, Tally};
use crate::drift::compare;
use crate::weights::{Adjust, Policy, Scheme, Weighing, weigh};

fn result(labels: &[(&str, u64, u64)], rows: u64) -> (LabelCounts, Weights) {
    let tally = |&(_, positives, missing): &(&str, u64, u64)| Tally {
        positives,
        missing,
        negatives: rows - positives - missing,
        ..Tally::default()
    };
    let names: Labels = labels.iter().map(|(name, ..)| *name).collect();
    let counts = LabelCounts::new(rows, names, labels.iter().map(tally).collect(), None).unwrap();
    let adjust = Adjust { clip: Some((0.0, 50.0)), ..Adjust::default() };
    let schemes = vec![Scheme::Ratio { epsilon: 0.0 }];
    let weights = weigh(&counts, &Weighing { schemes, adjust, policy: Policy::default() }).unwrap();
    (counts, weights)
}

#[test]
fn every_check_passes_at_its_limit_and_fails_beyond() {
    let before = result(&[("cat", 50, 0), ("dog", 20, 0), ("gnu", 5, 0)], 100);
    let after = result(&[("cat", 50, 0), ("dog", 25, 10), ("emu", 1, 0), ("fox", 0, 0)], 100);
    let side =
        |of: &'static (LabelCounts, Weights)| Side { counts: &of.0, weights: &of.1, ignores_case: false };
    let (before, after) = (Box::leak(Box::new(before)), Box::leak(Box::new(after)));
    let drift = compare(side(before), side(after));
    let expected = [
        ("min_rows", 100.0, None),
        ("min_positives", 0.0, Some("fox")),
        ("max_missing_share", 0.1, Some("dog")),
        ("max_absent_labels", 1.0, None),
        ("max_clipped_share", 0.25, None),
        ("max_new_labels", 2.0, None),
        ("max_gone_labels", 1.0, None),
        ("max_prevalence_change", 25.0 / 90.0 / 0.2 - 1.0, Some("dog")),
        ("max_prevalence_shift", 25.0 / 90.0 - 0.2, Some("dog")),
        ("max_weight_change", (1.0 - 65.0 / 25.0 / 4.0_f64).abs(), Some("dog")),
        ("max_jensen_shannon", drift.jensen_shannon.unwrap(), None),
    ];
    assert_eq!(expected.map(|(name, ..)| name), CHECKS.each_ref().map(|info| info.name));
    for (name, observed, label) in expected {
        let done = |limit: f64| {
            let one = Check::named(name, limit, CheckSeverity::Error).unwrap();
            check(&[one], side(after), Some(&drift)).remove(0)
        };
        let least = name.starts_with("min");
        let beyond = if least { observed + 1e-9 } else { observed - 1e-9 };
        let within = if least { observed - 1e-9 } else { observed + 1e-9 };
        let found = done(beyond.max(0.0));
        assert!((found.observed.unwrap() - observed).abs() < 1e-12, "{name}: {found:?}");
        assert_eq!((found.status, found.label.as_deref()), (CheckStatus::Failed, label), "{name}");
        assert!(found.stops() && failure(&[found], false).is_some());
        assert_eq!(done(within.max(0.0)).status, CheckStatus::Passed, "{name}");
    }
}

#[test]
fn without_a_last_result_there_is_no_drift() {
    let now = result(&[("cat", 50, 0)], 100);
    let now = Side { counts: &now.0, weights: &now.1, ignores_case: false };
    for info in CHECKS.iter().filter(|info| info.against_last) {
        let one = Check::named(info.name, 0.0, CheckSeverity::Error).unwrap();
        let done = check(&[one], now, None);
        assert_eq!(done[0].status, CheckStatus::Skipped);
        assert!(failure(&done, false).is_none());
    }
    let warn = Check::named("min_rows", 101.0, CheckSeverity::Warn).unwrap();
    let done = check(&[warn], now, None);
    assert_eq!((done[0].status, done[0].stops()), (CheckStatus::Failed, false));
    assert_eq!(done[0].message(), "min_rows = 101: 100");
    assert!(Check::named("min_row", 1.0, CheckSeverity::Warn).is_err());
    assert!(Check::named("min_rows", -1.0, CheckSeverity::Warn).is_err());
}
