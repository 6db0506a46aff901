//! Distinct groups of rows that have a positive, such as the patients with a finding.

/// The groups in which each label has a positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupedPositives {
    /// The column whose values are the groups.
    pub column: String,
    /// All groups, with or without a positive.
    pub groups: u64,
    /// By label: groups with at least one positive. Those of several data sets do not add up, since a group may be
    /// in more than one of them.
    pub positives: Vec<u64>,
}

impl GroupedPositives {
    /// The fewest groups of a label that has any.
    #[must_use]
    pub(crate) fn fewest(&self) -> Option<u64> {
        self.positives.iter().copied().filter(|groups| *groups > 0).min()
    }
}
