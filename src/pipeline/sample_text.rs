//! What a sampling plan does, in words.

use super::sample::Sampled;
use super::sampling::Sampling;
use crate::error::plural;
use crate::report;
use crate::report::numbers::{brief, counted, thousands};
use crate::sampling::Method;

impl Sampled {
    /// The plan in a few lines, of shards that `source` describes.
    #[must_use]
    pub(crate) fn text(&self, source: &str) -> String {
        let Sampling { method, seed, epoch, .. } = &self.sampling;
        let draws = format!("seed {seed}, epoch {epoch}");
        if !self.compared.is_empty() {
            return report::plans::compared(&self.compared, &draws, source);
        }
        let mut text = report::plan::plan(&self.preview, self.split.as_ref(), method, &draws, source);
        let facts = &self.planned.facts;
        if let (Some(asked), Some(done)) = (facts.asked, facts.done) {
            let sets =
                facts.labelsets.map(|sets| format!(", of {}", plural(sets, "label set"))).unwrap_or_default();
            let why = if done < asked { ": the plan has no more to do" } else { "" };
            text.push_str(&format!("{done} of {} asked for{sets}{why}\n", plural(asked, "row")));
        }
        if let (Some(groups), Some(column)) = (facts.groups, &self.sampling.groups) {
            text.push_str(&format!("{} of {column}, each in one fold\n", counted(groups, "group")));
        }
        self.beyond(method, &mut text);
        if let (Method::Remedial { one_sided }, Some(empty)) = (method, facts.empty_copies) {
            let rows = counted(facts.touched, "row");
            let becomes = if facts.touched == 1 { "becomes" } else { "become" };
            text.push_str(&format!("{rows} {becomes} two with some of the labels each"));
            if *one_sided {
                let have = if empty == 1 { "has" } else { "have" };
                text.push_str(&format!("; {} of the copies {have} no label", thousands(empty)));
            }
            text.push('\n');
            if empty > 0 {
                text.push_str("  all labels of such a row are on one side of MeanIR; one_sided=keep leaves these rows whole\n");
            }
        }
        if matches!(method, Method::Remedial { .. }) && !self.sampling.materialize {
            text.push_str("this plan edits labels: train on the shards that --materialize writes\n");
        }
        text
    }

    /// The same, of a plan that is written beside weights.
    #[must_use]
    pub(crate) fn text_of_result(&self, source: &str) -> String {
        let folder = format!("sampled/{}=NAME", self.sampling.fold_column);
        let (of, other, written) = match self.split {
            Some(_) => ("of all folds", "one fold", folder.as_str()),
            None => ("before the plan", "those after it", "sampled/"),
        };
        let shards = if self.id_column().is_some() {
            // Copies of lines are no copies of rows.
            "its lines, joined to the plan by id"
        } else if self.sampling.materialize {
            written
        } else {
            "the shards that --materialize writes"
        };
        format!(
            "{}the label weights in this folder are of the rows {of}; for {other}, compute weights of {shards}\n",
            self.text(source)
        )
    }

    /// How many labels are on which side of MeanIR, for the plans that go by it.
    fn beyond(&self, method: &Method, text: &mut String) {
        match method {
            Method::MlRos { .. } | Method::MlRus { .. } | Method::MlRusMajority { .. }
                if self.preview.measures_before.get("mean_ir").is_none() =>
            {
                text.push_str("no label has positives, so there is no MeanIR to go by\n");
            }
            Method::MlRos { .. } => {
                let (line, minority, left) = self.preview.beyond();
                if minority == 0 {
                    text.push_str(&format!("no label is above MeanIR {}: no row is cloned\n", brief(line)));
                    return;
                }
                let labels = plural(minority as u64, "label");
                text.push_str(&format!(
                    "{left} of {labels} above MeanIR {} are still above it\n",
                    brief(line)
                ));
            }
            Method::MlRus { .. } => {
                let (line, majority, [left, past]) = self.preview.passed();
                if majority == 0 {
                    text.push_str(&format!("no label is below MeanIR {}: no row is dropped\n", brief(line)));
                    return;
                }
                let labels = plural(majority as u64, "label");
                text.push_str(&format!(
                    "{left} of {labels} below MeanIR {} are still below it, {past} above it now\n  \
                     by the positives of the most frequent label before the plan\n",
                    brief(line)
                ));
            }
            _ => {}
        }
    }
}
