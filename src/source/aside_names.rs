//! Names of columns that say something of rows, or of labels, and are seldom labels themselves.

use super::column_names::words;
use super::name_words::NameWord::{self, AsideAlone, AsideAnywhere, AsideBehind, AsideTexts};

/// Whether a column of 0 and 1 has the name of a part of the data, of a feature of people, or of what is said about
/// labels: how sure they are, who gave them, which were predicted. `is_column` says which names other columns have.
pub(super) fn is_aside(name: &str, is_column: &dyn Fn(&str) -> bool) -> bool {
    is_aside_name(name) || is_about_another(name, is_column)
}

/// The same by the name alone.
pub(crate) fn is_aside_name(name: &str) -> bool {
    let words = words(name);
    let whole = words.join("_");
    let rest = ["is_", "has_", "was_"].iter().find_map(|start| strip(&whole, start));
    let is_alone = |name: &str| listed(AsideAlone, name);
    is_weight_name(name)
        || matches!(&words[..], [first, _, ..] if NameWord::Numbers.is(first))
        || words.iter().any(|word| listed(AsideAnywhere, word))
        || is_alone(&whole)
        || rest.is_some_and(is_alone)
}

/// Whether a word of the name says so wherever it stands, as those of parts of the data do.
pub(super) fn is_part_name(name: &str) -> bool {
    is_weight_name(name) || words(name).iter().any(|word| listed(AsideAnywhere, word))
}

/// Whether a column of texts has such a name.
pub(super) fn is_aside_text_name(name: &str) -> bool {
    is_aside_name(name) || words(name).iter().any(|word| listed(AsideTexts, word))
}

/// Whether a column may be the target of a table, or one of its features, though its name says something of rows: only
/// those of parts of the data, and of where a row comes from, are neither.
pub(super) fn may_be_target(name: &str) -> bool {
    let words = words(name);
    !is_part_name(name) && !words.iter().any(|word| listed(AsideTexts, word) && !NameWord::States.is(word))
}

/// Whether the name of a column of 0 and 1 begins with such a word, as those of one feature of rows do: `site_0`, `lang_en`.
pub(super) fn begins_aside(name: &str) -> bool {
    matches!(&words(name)[..], [first, _, ..] if listed(AsideTexts, first))
}

/// Whether a name is that of another column with a word behind it that says something about it, or is the second of
/// such, as `cat_a2` is beside `cat_a1`.
pub(super) fn is_about_another(name: &str, is_column: &dyn Fn(&str) -> bool) -> bool {
    let Some((at, separator)) = name.char_indices().rev().find(|(_, c)| !c.is_alphanumeric()) else {
        return false;
    };
    let (base, word) = (&name[..at], &name[at + separator.len_utf8()..]);
    let first = || {
        format!(
            "{}{}1",
            &name[..at + separator.len_utf8()],
            word.trim_end_matches(|c: char| c.is_ascii_digit())
        )
    };
    listed(AsideBehind, word) && (is_column(base) || first() != name && is_column(&first()))
}

/// Whether a list has the name of what tokenisers make of a text.
pub(super) fn is_token_name(name: &str) -> bool {
    let name = words(name).join("_").to_lowercase();
    let plain = ["decoder_", "encoder_"].iter().find_map(|start| name.strip_prefix(start)).unwrap_or(&name);
    NameWord::Tokens.is(plain)
}

/// Whether a list has the name of a place in an image or a text, or of the numbers that a model makes of one.
pub(super) fn is_place_name(name: &str) -> bool {
    NameWord::Lists.is(&words(name).join("_"))
}

/// Whether a list has the name of what says, number by number, which of another list are known, or how much they weigh.
pub(super) fn is_known_name(name: &str) -> bool {
    is_weight_name(name) || NameWord::Known.is_in(&words(name))
}

/// Whether a word of the name is that of what happened in the end, as the last column of a table of features says.
pub(super) fn is_outcome_name(name: &str) -> bool {
    NameWord::Outcomes.is_in(&words(name))
}

/// Whether a column has the name of the weights of rows.
pub(crate) fn is_weight_name(name: &str) -> bool {
    words(name).last().is_some_and(|word| NameWord::Weights.is(word))
}

/// Whether a word says so; a number at its end does not matter.
fn listed(kind: NameWord, word: &str) -> bool {
    /// Letters of a word behind which a number does not matter.
    const LETTERS: usize = 3;
    let plain = word.trim_end_matches(|c: char| c.is_ascii_digit());
    kind.is(word) || plain.len() >= LETTERS && kind.is(plain)
}

fn strip<'n>(name: &'n str, start: &str) -> Option<&'n str> {
    let (front, rest) = name.split_at_checked(start.len())?;
    front.eq_ignore_ascii_case(start).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_that_columns_are_no_labels() {
        for name in [
            "is_train",
            "Gender",
            "pred_cat",
            "sample_weight",
            "index",
            "idx",
            "level_0",
            "eval",
            "kfold",
            "fold_3",
            "rater1",
            "annotator_2",
            "w",
            "count",
            "unlabeled",
            "has_label",
            "n_labels",
            "is_deleted",
            "IsCrowd",
            "iscrowd",
            "very_unclear",
            "hasError",
            "test2",
            "Geschlecht",
            "es_prueba",
            "nb_raters",
            "NumFindings",
            "n_tags",
            "annotiert",
            "is_maschio",
        ] {
            assert!(is_aside_name(name), "{name}");
        }
        for name in [
            "trains",
            "machine_learning",
            "hard_hat",
            "word_count",
            "auto_parts",
            "index_finger",
            "cat",
            "y_1",
            "has_cat",
            "manual_car",
            "l_w",
            "truck",
        ] {
            assert!(!is_aside_name(name), "{name}");
        }
        assert!(
            is_aside_text_name("source") && is_aside_text_name("user_lang") && !is_aside_text_name("cuisine")
        );
        assert!(is_outcome_name("covid_positive") && is_outcome_name("Churned") && !is_outcome_name("windy"));
        assert!(is_known_name("is_labeled") && is_known_name("w") && !is_known_name("y"));
        assert!(is_part_name("is_train") && !is_part_name("active"));
        assert!(is_place_name("BBox") && is_place_name("bounding_box") && !is_place_name("box_office"));
        assert!(begins_aside("site_0") && begins_aside("langEn"));
        assert!(!begins_aside("site") && !begins_aside("l_site"));
        let is_column = |name: &str| ["cat", "y_1", "dog_a1"].contains(&name);
        for name in ["cat_missing", "cat-isna", "y_1_lag", "y_1_lag2", "dog_a2"] {
            assert!(is_aside(name, &is_column), "{name}");
        }
        for name in ["dog_missing", "dog_a1", "cat_dog", "cat", "missing_cat"] {
            assert!(!is_aside(name, &is_column), "{name}");
        }
        assert!(
            is_weight_name("SampleWeight") && !is_weight_name("overweight") && !is_weight_name("weight_loss")
        );
    }
}
