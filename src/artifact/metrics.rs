//! Metrics of a run in the text format of Prometheus, for the textfile collector of its node exporter.
//!
//! Only successful runs write them: a failed job shows as a last success that is old.

use super::results::RunResults;
use crate::counts::LabelCounts;

/// Labels with a line of their own; more would make a monitoring system slow.
const LABELS: usize = 500;

/// The metrics of a run that ended at `now`, in seconds since 1970, with `counts` where it counted.
#[must_use]
pub(crate) fn metrics(results: &RunResults, counts: Option<&LabelCounts>, now: f64) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, samples: &[(String, f64)]| {
        text.push_str(&format!("# HELP posweight_{name} {help}\n# TYPE posweight_{name} gauge\n"));
        for (labels, value) in samples {
            text.push_str(&format!("posweight_{name}{labels} {value}\n"));
        }
    };
    let one = |value: f64| [(String::new(), value)];
    gauge("last_success_timestamp_seconds", "When a run last succeeded.", &one(now));
    gauge("duration_seconds", "How long it took.", &one(results.elapsed_seconds));
    gauge("read_bytes", "Bytes of column chunks that it read.", &one(results.inputs.bytes_read as f64));
    gauge(
        "rows",
        "Rows that were counted; with where, those that meet it.",
        &one(results.inputs.rows as f64),
    );
    let shards: Vec<_> = ["counted", "reused", "skipped"]
        .map(|status| {
            let n = results.shards.iter().filter(|shard| shard.status == status).count();
            (format!("{{status=\"{status}\"}}"), n as f64)
        })
        .to_vec();
    gauge("shards", "Shards by what became of them.", &shards);
    if let Some(result) = &results.result {
        gauge("labels", "Labels.", &one(result.labels as f64));
        let of =
            |value: Option<f64>| value.map(|value| (String::new(), value)).into_iter().collect::<Vec<_>>();
        gauge("max_weight", "The largest weight.", &of(result.max_weight));
        gauge("mean_ir", "IRLbl, averaged over labels with positives.", &of(result.mean_ir));
    }
    if let Some(counts) = counts {
        let mut rarest: Vec<usize> = (0..counts.len()).collect();
        if rarest.len() > LABELS {
            rarest.select_nth_unstable_by_key(LABELS, |&label| (counts.tallies()[label].positives, label));
            rarest.truncate(LABELS);
        }
        rarest.sort_unstable();
        let prevalences: Vec<_> = rarest
            .into_iter()
            .filter_map(|label| {
                let (positives, negatives) = counts.sides(label);
                let known = positives + negatives;
                let name = escaped(counts.labels().name(label));
                (known > 0.0).then(|| (format!("{{label=\"{name}\"}}"), positives / known))
            })
            .collect();
        gauge("label_prevalence", "Positives / known rows, of the rarest labels.", &prevalences);
    }
    text
}

fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_quotes() {
        assert_eq!(escaped("a\\\"b\nc"), "a\\\\\\\"b\\nc");
    }
}
