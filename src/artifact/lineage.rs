//! OpenLineage events: where a result came from, for catalogues that collect such.
//!
//! Source: the OpenLineage specification 2-0-2, object `RunEvent` and the facets named below.

use serde_json::{Value as Json, json};

use super::results::RunResults;

const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const PRODUCER: &str = concat!("urn:posweight:", env!("CARGO_PKG_VERSION"));

/// What all events of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct LineageRun {
    /// UUID of the run.
    pub id: String,
    /// Namespace of the job.
    pub namespace: String,
    /// Name of the job.
    pub job: String,
    /// Sources as the spec names them.
    pub inputs: Vec<String>,
    /// Output folder, if there is one.
    pub output: Option<String>,
    /// `namespace/job/run` of the run that started this one.
    pub parent: Option<String>,
}

impl LineageRun {
    /// The run begins at `time`, RFC 3339.
    #[must_use]
    pub(crate) fn start(&self, time: &str) -> Json {
        self.event("START", time, None)
    }

    /// The run ended at `time`, RFC 3339, with `results`.
    #[must_use]
    pub(crate) fn end(&self, time: &str, results: &RunResults) -> Json {
        let kind = match results.status {
            "aborted" => "ABORT",
            "failed" | "checks_failed" => "FAIL",
            _ => "COMPLETE",
        };
        self.event(kind, time, Some(results))
    }

    fn event(&self, kind: &str, time: &str, results: Option<&RunResults>) -> Json {
        let mut run = json!({});
        if let Some([namespace, job, id]) = self.parent.as_deref().and_then(parts) {
            run["parent"] = facet(
                "1-1-0/ParentRunFacet",
                json!({
                    "run": { "runId": id }, "job": { "namespace": namespace, "name": job }
                }),
            );
        }
        if let Some(error) = results.and_then(|results| results.error.as_ref()) {
            run["errorMessage"] = facet(
                "1-0-1/ErrorMessageRunFacet",
                json!({
                    "message": error.message, "programmingLanguage": "Rust"
                }),
            );
        }
        let metrics = results.map(|results| {
            let of = &results.inputs;
            json!({ "dataQualityMetrics": facet("1-0-2/DataQualityMetricsInputDatasetFacet", json!({
                "rowCount": of.rows, "bytes": of.bytes, "fileCount": of.shards, "columnMetrics": {}
            })) })
        });
        // Several sources are counted as one, so only one that stands alone has numbers of its own.
        let alone = self.inputs.len() == 1;
        let inputs = self.inputs.iter().map(|name| {
            let mut input = json!({ "namespace": "file", "name": name });
            if let Some(metrics) = metrics.as_ref().filter(|_| alone) {
                input["inputFacets"].clone_from(metrics);
            }
            input
        });
        let outputs = self.output.iter().map(|name| {
            let mut output = json!({ "namespace": "file", "name": name });
            if let Some(results) = results.filter(|results| !results.outputs.is_empty()) {
                let size: u64 = results.outputs.iter().map(|file| file.bytes).sum();
                let mut statistics = json!({ "size": size, "fileCount": results.outputs.len() });
                if let Some(result) = &results.result {
                    statistics["rowCount"] = json!(result.labels);
                }
                output["outputFacets"] = json!({
                    "outputStatistics": facet("1-0-2/OutputStatisticsOutputDatasetFacet", statistics)
                });
            }
            output
        });
        json!({
            "eventType": kind,
            "eventTime": time,
            "producer": PRODUCER,
            "schemaURL": EVENT,
            "run": { "runId": self.id, "facets": run },
            "job": { "namespace": self.namespace, "name": self.job },
            "inputs": inputs.collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
        })
    }
}

fn parts(parent: &str) -> Option<[&str; 3]> {
    let (rest, id) = parent.rsplit_once('/')?;
    let (namespace, job) = rest.split_once('/')?;
    Some([namespace, job, id])
}

fn facet(name: &str, mut content: Json) -> Json {
    let (_, object) = name.split_once('/').unwrap_or(("", name));
    content["_producer"] = json!(PRODUCER);
    content["_schemaURL"] = json!(format!("https://openlineage.io/spec/facets/{name}.json#/$defs/{object}"));
    content
}
