//! Cells that are read part by part, against cells that are read as a whole.

use std::sync::Arc;

use proptest::prelude::*;

use crate::counts::NameOrder;
use crate::engine::counting::tests::{counting, labels};
use crate::engine::counting::{Counting, Keys, Vocabulary};
use crate::engine::read::interner::Interner;
use crate::engine::read::meaning::StoredLabels;
use crate::pages::{LabelSet, StoredValue};
use crate::source::layout::{LabelKind, LayoutKind};
use crate::source::spelling::Spelling;
use crate::source::values::{Literal, Value};

/// Texts that stand for labels, and some that do not, as JSON, Python and separators put them.
fn cells() -> impl Strategy<Value = Vec<String>> {
    let names = [
        "cat",
        "Cat",
        " cat",
        "dog",
        "7",
        "07",
        "0",
        "12",
        "-1",
        "",
        "é",
        "a rather long name, of more than 32 bytes",
    ];
    let name = prop::sample::select(names.to_vec());
    let element = (name.clone(), 0..6_u8).prop_map(|(name, kind)| match kind {
        0 => format!("'{name}'"),
        1 => name.to_owned(),
        2 => format!("\"\\t{name}\""),
        3 => "null".to_owned(),
        _ => format!("\"{name}\""),
    });
    let list = (
        prop::collection::vec(element, 0..6),
        prop::sample::select(vec!["[]", "()", "[", "x]"]),
        any::<bool>(),
    );
    let list = list.prop_map(|(elements, marks, blank)| {
        let by = if blank { ", " } else { "," };
        format!("{}{}{}", &marks[..1], elements.join(by), &marks[1..])
    });
    let joined = (prop::collection::vec(name, 0..6), prop::sample::select(vec!["|", ", ", "é"]));
    let joined = joined.prop_map(|(names, by)| names.join(by));
    prop::collection::vec(prop_oneof![list, joined], 1..20)
}

fn countings() -> impl Strategy<Value = Counting> {
    let kinds = prop::sample::select(vec![LayoutKind::List, LayoutKind::Delimited]);
    let by = prop::sample::select(vec!["|", ", ", "é"]);
    let missing = prop::sample::select(vec![None, Some("dog"), Some("7")]);
    (kinds, by, 0..4_u8, missing, any::<[bool; 2]>()).prop_map(
        |(kind, by, keys, missing, [trim, ignore_case])| {
            let spelling = Spelling { trim, ignore_case };
            let known = |kind| {
                Keys::Vocabulary(Arc::new(Vocabulary::new(labels(&["dog", "cat", "7"]), kind, spelling)))
            };
            let keys = match keys {
                0 => Keys::Names(NameOrder::Name),
                1 => Keys::Indices(Some(10)),
                2 => known(LabelKind::Name),
                _ => known(LabelKind::Index),
            };
            let mut counting = counting(kind, &["y"], keys);
            counting.layout.delimiter = (kind == LayoutKind::Delimited).then(|| by.to_owned());
            counting.domain.missing = missing.into_iter().map(Literal::new).collect();
            counting.domain.spelling = spelling;
            counting
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// The same labels, with the same numbers, and the same words about what is wrong.
    #[test]
    fn cells_mean_the_same_part_by_part_and_as_a_whole(texts in cells(), counting in countings()) {
        let [mut parts, mut whole] = [Interner::of(&counting), Interner::of(&counting)];
        // Twice, so that all parts are known the second time.
        for text in texts.iter().chain(&texts) {
            let [mut some, mut all] = [Vec::new(), Vec::new()];
            let mut labels = StoredLabels { counting: &counting, interner: &mut parts, is_cell: true };
            let value = StoredValue::Text(text.as_bytes());
            let found = labels.labels(value, &mut some);
            let is_none = counting.is_no_label(&Value::Text(text));
            prop_assert_eq!(labels.is_missing(value), is_none);
            let expected = if is_none { Ok(()) } else { whole.cell(&counting, Value::Text(text), &mut all) };
            prop_assert_eq!(&found, &expected, "{}", text);
            if expected.is_ok() {
                prop_assert_eq!(some, all, "{}", text);
            }
        }
        prop_assert_eq!(parts.name(0), whole.name(0));
        prop_assert_eq!(parts.name_bytes(), whole.name_bytes());
    }
}
