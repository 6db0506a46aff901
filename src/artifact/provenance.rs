//! What a counts file says of itself beside the counts: how they were made, and from which shards.

use std::collections::BTreeSet;

use serde_json::Value as Json;

/// Most shards of which a file keeps hashes: about 1 MB.
const MOST_SHARDS: usize = 1 << 16;

/// How counts were made, and from which shards.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Provenance {
    /// What decides the result; `None` in files of versions that did not write it.
    pub spec: Option<Json>,
    /// Of merged counts: keys of a spec that the results do not share, or do not say. `spec` has none of them.
    pub mixed: BTreeSet<String>,
    /// Where this is known, which shards have rows.
    pub shards: Option<ShardHashes>,
}

impl Provenance {
    /// What both say together.
    pub(super) fn merge(&self, other: &Self) -> Self {
        let mut mixed: BTreeSet<String> = self.mixed.union(&other.mixed).cloned().collect();
        let spec = match (&self.spec, &other.spec) {
            (Some(Json::Object(one)), Some(Json::Object(two))) => {
                let differ = |key: &&String| one.get(*key) != two.get(*key);
                mixed.extend(one.keys().chain(two.keys()).filter(differ).cloned());
                let mut both = one.clone();
                both.retain(|key, _| !mixed.contains(key));
                Some(Json::Object(both))
            }
            _ => None,
        };
        let shards = self.shards.as_ref().zip(other.shards.as_ref());
        Self { spec, mixed, shards: shards.and_then(|(one, two)| one.with(two)) }
    }
}

/// Hashes of shards, in order. A shard that was listed twice is there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShardHashes(Vec<u64>);

impl ShardHashes {
    /// `None` for more shards than a file keeps hashes of.
    pub(crate) fn of(hashes: impl Iterator<Item = u64>) -> Option<Self> {
        let mut hashes: Vec<u64> = hashes.take(MOST_SHARDS + 1).collect();
        hashes.sort_unstable();
        (hashes.len() <= MOST_SHARDS).then_some(Self(hashes))
    }

    /// Each hash once.
    pub(crate) fn distinct(&self) -> impl Iterator<Item = u64> {
        let is_first = |at: &usize| *at == 0 || self.0[at - 1] != self.0[*at];
        (0..self.0.len()).filter(is_first).map(|at| self.0[at])
    }

    fn with(&self, other: &Self) -> Option<Self> {
        Self::of(self.0.iter().chain(&other.0).copied())
    }

    /// 16 hexadecimal digits of each.
    pub(super) fn to_text(&self) -> String {
        self.0.iter().map(|hash| format!("{hash:016x}")).collect()
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let hashes = text.as_bytes().chunks(16).map(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 16)?;
            u64::from_str_radix(digits, 16).ok()
        });
        hashes.collect::<Option<Vec<u64>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merged_counts_say_what_all_of_them_say() {
        let of = |spec: Json, shards: &[u64]| Provenance {
            spec: Some(spec),
            shards: ShardHashes::of(shards.iter().copied()),
            ..Provenance::default()
        };
        let one = of(json!({ "null_as": "negative", "scheme": "sqrt" }), &[7, 3]);
        let two = of(json!({ "null_as": "negative", "clip": [0, 3] }), &[5]);
        let both = one.merge(&two);
        assert_eq!(both.spec, Some(json!({ "null_as": "negative" })));
        assert_eq!(both.mixed.iter().collect::<Vec<_>>(), ["clip", "scheme"]);
        assert_eq!(both.shards.as_ref().map(|shards| shards.distinct().collect()), Some(vec![3, 5, 7]));
        // What was mixed once stays so, whatever comes to it.
        assert!(both.merge(&one).mixed.contains("scheme"));
        assert_eq!(one.merge(&Provenance::default()), Provenance::default());
    }

    #[test]
    fn hashes_are_read_as_they_were_written() {
        let hashes = ShardHashes::of([u64::MAX, 0, 0x1234, 0].into_iter()).unwrap();
        assert_eq!(ShardHashes::from_text(&hashes.to_text()), Some(hashes.clone()));
        assert_eq!(hashes.distinct().collect::<Vec<_>>(), [0, 0x1234, u64::MAX]);
        assert_eq!(ShardHashes::from_text("12"), None);
        assert_eq!(ShardHashes::of(0..=MOST_SHARDS as u64), None);
    }
}
