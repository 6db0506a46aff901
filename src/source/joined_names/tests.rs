use super::*;

fn joint(names: &[&str], are_pieces: bool) -> Option<Joint> {
    joined_names(names.iter().map(|name| (*name, 10)), are_pieces).map(|found| found.joint)
}

fn separators(names: &[&str]) -> Vec<String> {
    match joint(names, false) {
        Some(Joint::Separators(separators)) => separators,
        None => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// All sets of one to three of five labels.
fn sets(by: &str) -> Vec<String> {
    let labels = ["bird", "cat", "cow", "dog", "horse"];
    let mut all: Vec<String> = Vec::new();
    for bits in 1_usize..32 {
        let set: Vec<&str> = (0..5).filter(|i| bits >> i & 1 == 1).map(|i| labels[i]).collect();
        if set.len() <= 3 {
            all.push(set.join(by));
        }
    }
    all
}

#[test]
fn any_mark_between_known_names_is_a_separator() {
    for by in [
        "|", ";", ",", " ", "\t", "/", "+", "&", "#", "_", "-", ".", ":", "::", "->", "~", "\n", "\r\n",
        "\u{1f}", "\u{a0}", "、", "،", " - ", ", ", " | ", "\\", "@", "%", "·",
    ] {
        let names = sets(by);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(separators(&names), [by], "{by:?}");
        // Labels that never stand alone.
        let several: Vec<&str> = names.iter().filter(|name| name.contains(by)).copied().collect();
        if is_strong(by) {
            assert_eq!(separators(&several), [by], "{by:?}");
        }
    }
    // Two names show it at a bar.
    assert_eq!(separators(&["bird", "cat", "dog", "bird|cat", "cat|dog"]), ["|"]);
}

#[test]
fn sets_of_one_size_are_joined() {
    for by in ["+", "/", "&", "_", " ", " & "] {
        for size in [2, 3] {
            let names = sets(by).into_iter().filter(|name| name.split(by).count() == size);
            let names: Vec<String> = names.collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(separators(&names), [by], "{size} {by:?}");
        }
    }
}

#[test]
fn in_few_rows_two_joined_names_are_enough() {
    let joint = |names: &[&str]| {
        let found = joined_names(names.iter().map(|name| (*name, 2)), false);
        found.map(|found| found.joint)
    };
    for by in ["+", "/", "&", "-", "_", " ", " and "] {
        let both = [format!("cat{by}dog"), format!("cat{by}fox")];
        let names = ["cat", "dog", "fox", &both[0], &both[1]];
        assert_eq!(joint(&names), Some(Joint::Separators(vec![by.to_owned()])), "{by:?}");
    }
    for names in [
        &["red car", "blue car", "red bus", "blue bus"][..],
        &["0-1", "1-2", "2-3", "0", "1", "2"],
        &["en-fr", "fr-en", "en-de", "de-en"],
        &["left_arm", "right_arm", "left_leg", "right_leg"],
        &["New York", "New Jersey", "York"],
    ] {
        assert_eq!(joint(names), None, "{names:?}");
    }
    // In a handful of rows, one name that is made of others.
    let handful = ["stat.ML", "cs.CV stat.ML", "math.CO", "quant-ph", "stat.ML math.CO"];
    let joint = |rows| joined_names(handful.iter().map(|name| (*name, rows)), false).map(|found| found.joint);
    assert_eq!(joint(1), Some(Joint::Separators(vec![" ".to_owned()])));
    assert_eq!(joint(20), None);
}

#[test]
fn few_pairs_among_many_names_of_one_label_are_enough_where_they_stand_in_both_orders() {
    let alone = ["road", "water", "haze", "clear", "cloudy", "primary", "cultivation", "habitation"];
    let joint = |joined: &[String]| {
        let names = alone.iter().copied().chain(joined.iter().map(String::as_str));
        joined_names(names.map(|name| (name, 20)), false).map(|found| found.joint)
    };
    let join = |pairs: &[[usize; 2]], by: &str| -> Vec<String> {
        pairs.iter().map(|[a, b]| format!("{}{by}{}", alone[*a], alone[*b])).collect()
    };
    for by in ["/", "_", "-", " ", "+"] {
        let both = join(&[[0, 1], [1, 0], [2, 4], [4, 2]], by);
        assert_eq!(joint(&both), Some(Joint::Separators(vec![by.to_owned()])), "{by:?}");
        let one = join(&[[0, 1], [2, 4], [3, 5], [1, 6]], by);
        assert_eq!(joint(&one).is_some(), by == "+", "{by:?}");
    }
}

#[test]
fn several_separators_are_found_one_after_the_other() {
    let mut names = sets("|");
    names.extend(sets(";"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(separators(&names).len(), 2);
    let pairs = ["a", "b", "c", "d", "a|b;c", "b;c", "c;d", "a;b|d", "a|c;d"];
    assert_eq!(separators(&pairs).len(), 2);
    let plant = [
        "healthy",
        "scab",
        "rust",
        "complex",
        "powdery_mildew",
        "frog_eye_leaf_spot",
        "scab frog_eye_leaf_spot",
        "scab frog_eye_leaf_spot complex",
        "frog_eye_leaf_spot complex",
        "rust complex",
        "powdery_mildew complex",
        "rust frog_eye_leaf_spot",
    ];
    assert_eq!(separators(&plant), [" "]);
    assert_eq!(separators(&["a", "b", "c", "a b", "b a", "a c", "c a", "b c", "c b"]), [" "]);
}

#[test]
fn a_few_names_far_rarer_than_their_parts_are_joined() {
    let genres = ["pop", "rock", "folk", "jazz", "funk", "blues", "soul"];
    let both = ["pop rock", "folk rock", "jazz funk", "blues rock", "soul jazz"];
    let joint = |rows| {
        let alone = genres.iter().map(|name| (*name, 1000));
        joined_names(alone.chain(both.iter().map(|name| (*name, rows))), false).map(|found| found.joint)
    };
    assert_eq!(joint(3), Some(Joint::Separators(vec![" ".to_owned()])));
    assert_eq!(joint(200), None);
}

#[test]
fn lists_sides_and_blanks_are_seen() {
    assert_eq!(joint(&["bird", "cat", "[\"bird\"]", "[\"bird\", \"cat\"]"], false), Some(Joint::Lists));
    let sides = joint(&["cat=0", "cat=1", "dog=0", "dog=1"], true);
    assert!(matches!(sides, Some(Joint::Sides(_))), "{sides:?}");
    assert_eq!(joint(&[" bird", " cat", "bird", "cat"], true), Some(Joint::Blanks));
    let found = joined_names([("a", 9), ("b", 8), ("a; b", 7), ("b;a", 6)].into_iter(), true).unwrap();
    assert!(found.has_blanks && found.joined == 2 && found.names == 4);
    assert_eq!(found.examples, ["a; b", "b;a"]);
}

#[test]
fn names_of_one_label_stay_whole() {
    for names in [
        // Birds, places, findings, genres.
        &["Common Yellowthroat", "Yellow Warbler", "Common Raven", "Palm Warbler", "Raven"][..],
        &["New York", "York", "New Jersey", "Jersey", "New Hampshire", "Hampshire", "New Mexico", "Mexico"],
        &["No Finding", "Edema", "Pulmonary Edema", "Lung Opacity", "Pleural Effusion", "Effusion"],
        &["non-food", "food", "non-fiction", "fiction"],
        &["pop", "rock", "pop rock", "folk", "folk rock", "jazz", "funk", "jazz funk", "blues", "blues rock"],
        &[
            "Action",
            "Adventure",
            "Action & Adventure",
            "War",
            "Politics",
            "War & Politics",
            "Sci-Fi & Fantasy",
        ],
        &["dog", "hot dog", "bear", "teddy bear", "stop sign", "traffic light", "fire hydrant", "light"],
        // Hierarchies, of which all nodes have rows.
        &[
            "animal",
            "animal/dog",
            "animal/cat",
            "animal/dog/poodle",
            "plant",
            "plant/tree",
            "dog",
            "cat",
            "tree",
        ],
        &["Books > Fiction", "Books > Science", "Toys > Science", "Toys > Games", "Books", "Toys"],
        // Codes, numbers, ranges, scales, dates, sides of the body.
        &["A00", "A00.1", "A00.9", "B20", "B20.1", "B20.9", "Z00.1"],
        &["cs.LG", "cs.CV", "math.AG", "stat.ML", "hep-th", "astro-ph.GA", "eess.IV", "stat.AP"],
        &["0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"],
        &["0", "1", "2", "3", "4", "5", "0-1", "1-2", "2-3", "3-4", "4-5"],
        &["18-24", "25-34", "35-44", "45-54", "55-64", "65+"],
        &["2020-01-02", "2020-01-03", "2020-02-01", "2021-01-01", "2021-02-02", "2021-03-01"],
        &["left_arm", "right_arm", "left_leg", "right_leg", "left_hand", "right_hand", "head", "torso"],
        &["happy-male", "sad-male", "happy-female", "sad-female", "angry-male", "angry-female", "unknown"],
        &["en-fr", "fr-en", "de-en", "en-de", "fr-de", "de-fr", "es-en", "en-es", "es-fr", "fr-es"],
        &["1-0", "0-1", "1/2-1/2"],
        // Products of parts, each at its place.
        &[
            "red car", "red bus", "red van", "blue car", "blue bus", "blue van", "old car", "old bus",
            "old van",
        ],
        &["R&amp;B", "Drum &amp; Bass", "Rock", "Pop"],
        &["O'Neil", "women's shoes", "men's shoes", "C++", "C#", "c", "AT&T"],
        &["grade=1", "grade=2", "stage=1", "stage=2"],
        &[
            "tench, Tinca tinca",
            "goldfish, Carassius auratus",
            "great white shark, white shark",
            "hammerhead",
        ],
        &["a", "b", "a|b"],
    ] {
        assert_eq!(joint(names, true), None, "{names:?}");
    }
    // One name with a blank too many is no pattern.
    assert_eq!(joint(&["cat", "dog", "cat "], true), None);
    assert_eq!(joint(&["cat", "dog", "cat ", "dog "], false), None);
    assert_eq!(joint(&[], true), None);
}

#[test]
fn a_large_vocabulary_with_words_of_others_stays_whole() {
    // Tags of one and of two words, whose words are tags only in part.
    let mut names: Vec<String> = (0..3000).map(|i| format!("w{i}")).collect();
    names.extend((0..2000).map(|i| format!("w{} x{}", i * 7 % 3000, i % 900)));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(separators(&names), [""; 0]);
}
