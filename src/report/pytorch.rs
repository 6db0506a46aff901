//! How a training loop uses the primary vector: code that fits the kind of the scheme and the layout.

use super::Report;
use crate::counts::has_classes;
use crate::weights::{Kind, Scheme};

/// The file that the code loads.
const LOAD: &str = "load_file(\"pos_weight.safetensors\")";

/// Code in Python that loads the primary vector and uses it as its scheme means it.
pub(super) fn pytorch(report: &Report<'_>) -> String {
    let vector = report.weights.primary();
    let heads: Vec<&str> = report.counts.heads().iter().map(|head| head.column.as_str()).collect();
    let rows = report.counts.rows();
    let is_known = report.counts.tallies().iter().all(|tally| tally.known() == rows);
    let used = match (has_classes(report.unit, report.layout), heads.is_empty()) {
        (false, _) if is_known => of_labels(vector.kind, vector.scheme).to_owned(),
        (false, _) => of_known_labels(vector.kind, vector.scheme),
        (true, true) => of_classes(vector.kind, vector.scheme).to_owned(),
        (true, false) => of_heads(vector.kind, vector.scheme).to_owned(),
    };
    let used = used.replace("C_LABELS", &report.counts.len().to_string()).replace("LOAD", LOAD);
    let heads = serde_json::to_string(&heads).unwrap_or_default();
    format!("import torch\nfrom safetensors.torch import load_file\n\n{}", used.replace("HEADS", &heads))
}

/// A target with 0 or 1 for each label.
fn of_labels(kind: Kind, scheme: Scheme) -> &'static str {
    match (kind, scheme) {
        (Kind::PosWeight, _) => {
            "pos_weight = LOAD[\"pos_weight\"]  # shape [C_LABELS], label order\n\
             loss = torch.nn.BCEWithLogitsLoss(pos_weight=pos_weight)"
        }
        (Kind::ClassWeight, _) => {
            "weight = LOAD[\"pos_weight\"]  # shape [C_LABELS], label order\n\
             loss = torch.nn.BCEWithLogitsLoss(weight=weight)"
        }
        (Kind::Pair, Scheme::FocalAlpha) => {
            "tensors = LOAD\n\
             positive, negative = tensors[\"pos_weight\"], tensors[\"focal-alpha_negative\"]  # shape [C_LABELS], label order\n\n\n\
             def loss(logits, targets, gamma=2.0):\n    \
             entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction=\"none\")\n    \
             weight = targets * positive + (1 - targets) * negative\n    \
             return (weight * (1 - torch.exp(-entropy)) ** gamma * entropy).mean()"
        }
        (Kind::Pair, _) => {
            "tensors = LOAD\n\
             positive, negative = tensors[\"pos_weight\"], tensors[\"balanced_negative\"]  # shape [C_LABELS], label order\n\n\n\
             def loss(logits, targets):\n    \
             weight = targets * positive + (1 - targets) * negative\n    \
             return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, weight=weight)"
        }
        (Kind::Additive, Scheme::PriorBias) => {
            "bias = LOAD[\"pos_weight\"]  # shape [C_LABELS], label order\n\
             with torch.no_grad():\n    \
             layer.bias.copy_(bias)  # layer: the last one of the model\n\
             loss = torch.nn.BCEWithLogitsLoss()"
        }
        (Kind::Additive, Scheme::LdamMargin { .. }) => {
            "margin = LOAD[\"pos_weight\"]  # shape [C_LABELS], label order\n\n\n\
             def loss(logits, targets):\n    \
             logits = logits - targets * margin\n    \
             return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)"
        }
        (Kind::Additive, _) => {
            "adjustment = LOAD[\"pos_weight\"]  # shape [C_LABELS], label order\n\n\n\
             def loss(logits, targets):  # in training alone; predictions take the logits as they are\n    \
             return torch.nn.functional.binary_cross_entropy_with_logits(logits + adjustment, targets)"
        }
        (Kind::Sampling, _) => {
            "factor = LOAD[\"pos_weight\"]  # shape [C_LABELS], label order\n\
             rows = (targets * factor).amax(dim=1).clamp(min=1)  # targets of all rows, shape [N, C_LABELS]\n\
             sampler = torch.utils.data.WeightedRandomSampler(rows, num_samples=int(rows.sum()))\n\
             loss = torch.nn.BCEWithLogitsLoss()"
        }
    }
}

/// The same where some targets are missing: these are NaN, and no part of the loss.
fn of_known_labels(kind: Kind, scheme: Scheme) -> String {
    const PAIR: &str = "weight = targets * positive + (1 - targets) * negative\n    ";
    let entropy = |logits: &str, more: &str| {
        let function = "torch.nn.functional.binary_cross_entropy_with_logits";
        format!("terms = {function}({logits}, targets, {more}reduction=\"none\")")
    };
    let shape = "  # shape [C_LABELS], label order";
    let one = |name: &str| format!("{name} = LOAD[\"pos_weight\"]{shape}\n");
    let pair = |scheme: &str| {
        format!(
            "tensors = LOAD\npositive, negative = tensors[\"pos_weight\"], tensors[\"{scheme}_negative\"]{shape}\n"
        )
    };
    let (before, terms) = match (kind, scheme) {
        (Kind::PosWeight, _) => (one("pos_weight"), entropy("logits", "pos_weight=pos_weight, ")),
        (Kind::ClassWeight, _) => (one("weight"), entropy("logits", "weight=weight, ")),
        (Kind::Pair, Scheme::FocalAlpha) => {
            let focal = "terms = weight * (1 - torch.exp(-terms)) ** gamma * terms";
            (pair("focal-alpha"), format!("{PAIR}{}\n    {focal}", entropy("logits", "")))
        }
        (Kind::Pair, _) => (pair("balanced"), format!("{PAIR}{}", entropy("logits", "weight=weight, "))),
        (Kind::Additive, Scheme::PriorBias) => {
            let layer =
                "with torch.no_grad():\n    layer.bias.copy_(bias)  # layer: the last one of the model\n";
            (format!("{}{layer}", one("bias")), entropy("logits", ""))
        }
        (Kind::Additive, Scheme::LdamMargin { .. }) => {
            (one("margin"), entropy("logits - targets * margin", ""))
        }
        (Kind::Additive, _) => (one("adjustment"), entropy("logits + adjustment", "")),
        (Kind::Sampling, _) => {
            let rows = "rows = (targets.nan_to_num() * factor).amax(dim=1).clamp(min=1)  # targets of all rows, shape [N, C_LABELS]\n\
                        sampler = torch.utils.data.WeightedRandomSampler(rows, num_samples=int(rows.sum()))\n";
            (format!("{}{rows}", one("factor")), entropy("logits", ""))
        }
    };
    let gamma = if scheme == Scheme::FocalAlpha { ", gamma=2.0" } else { "" };
    let training = if before.starts_with("adjustment") { "; in training alone" } else { "" };
    format!(
        "{before}\n\n\
         def loss(logits, targets{gamma}):  # a missing target is NaN{training}\n    \
         known = ~torch.isnan(targets)\n    \
         targets = targets.nan_to_num()\n    \
         {terms}\n    \
         return terms[known].mean()"
    )
}

/// A target with the index of one class.
fn of_classes(kind: Kind, scheme: Scheme) -> &'static str {
    match (kind, scheme) {
        (Kind::PosWeight | Kind::ClassWeight | Kind::Pair, _) => {
            "weight = LOAD[\"pos_weight\"]  # shape [C_LABELS], class order\n\
             loss = torch.nn.CrossEntropyLoss(weight=weight)"
        }
        (Kind::Additive, Scheme::PriorBias) => {
            "bias = LOAD[\"pos_weight\"]  # shape [C_LABELS], class order; of one sigmoid per class\n\
             with torch.no_grad():\n    \
             layer.bias.copy_(bias)  # layer: the last one of the model\n\
             loss = torch.nn.BCEWithLogitsLoss()  # targets: one_hot(classes, C_LABELS).float()"
        }
        (Kind::Additive, Scheme::LdamMargin { .. }) => {
            "margin = LOAD[\"pos_weight\"]  # shape [C_LABELS], class order\n\n\n\
             def loss(logits, classes):\n    \
             logits = logits - torch.nn.functional.one_hot(classes, C_LABELS) * margin\n    \
             return torch.nn.functional.cross_entropy(logits, classes)"
        }
        (Kind::Additive, _) => {
            "adjustment = LOAD[\"pos_weight\"]  # shape [C_LABELS], class order; of one sigmoid per class\n\n\n\
             def loss(logits, classes):  # in training alone; predictions take the logits as they are\n    \
             targets = torch.nn.functional.one_hot(classes, C_LABELS).float()\n    \
             return torch.nn.functional.binary_cross_entropy_with_logits(logits + adjustment, targets)"
        }
        (Kind::Sampling, _) => {
            "factor = LOAD[\"pos_weight\"]  # shape [C_LABELS], class order\n\
             rows = factor[classes]  # classes of all rows, shape [N]\n\
             sampler = torch.utils.data.WeightedRandomSampler(rows, num_samples=int(rows.sum()))\n\
             loss = torch.nn.CrossEntropyLoss()"
        }
    }
}

/// Targets, logits and vectors by the column of each head.
fn of_heads(kind: Kind, scheme: Scheme) -> &'static str {
    match (kind, scheme) {
        (Kind::PosWeight | Kind::ClassWeight | Kind::Pair, _) => {
            "tensors = LOAD\n\
             losses = {\n    \
                 head: torch.nn.CrossEntropyLoss(weight=tensors[f\"pos_weight.{head}\"])\n    \
                 for head in HEADS\n\
             }\n\n\n\
             def loss(logits, classes):  # one tensor of each per head\n    \
             return sum(losses[head](logits[head], classes[head]) for head in losses)"
        }
        (Kind::Additive, Scheme::PriorBias) => {
            "tensors = LOAD\n\
             with torch.no_grad():\n    \
             for head in HEADS:  # of one sigmoid per class\n        \
             layers[head].bias.copy_(tensors[f\"pos_weight.{head}\"])  # layers: the last one of each head\n\
             loss = torch.nn.BCEWithLogitsLoss()  # targets: one_hot(classes[head], number of classes).float()"
        }
        (Kind::Additive, Scheme::LdamMargin { .. }) => {
            "tensors = LOAD\n\
             margins = {head: tensors[f\"pos_weight.{head}\"] for head in HEADS}\n\n\n\
             def loss(head, logits, classes):\n    \
             margin = torch.nn.functional.one_hot(classes, len(margins[head])) * margins[head]\n    \
             return torch.nn.functional.cross_entropy(logits - margin, classes)"
        }
        (Kind::Additive, _) => {
            "tensors = LOAD\n\
             adjustments = {head: tensors[f\"pos_weight.{head}\"] for head in HEADS}  # of one sigmoid per class\n\n\n\
             def loss(head, logits, classes):  # in training alone; predictions take the logits as they are\n    \
             targets = torch.nn.functional.one_hot(classes, len(adjustments[head])).float()\n    \
             return torch.nn.functional.binary_cross_entropy_with_logits(logits + adjustments[head], targets)"
        }
        (Kind::Sampling, _) => {
            "tensors = LOAD\n\
             # classes: those of all rows, one tensor of shape [N] per head\n\
             factors = [tensors[f\"pos_weight.{head}\"][classes[head]] for head in HEADS]\n\
             rows = torch.stack(factors).amax(dim=0)\n\
             sampler = torch.utils.data.WeightedRandomSampler(rows, num_samples=int(rows.sum()))\n\
             loss = torch.nn.CrossEntropyLoss()"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{of_classes, of_heads, of_known_labels, of_labels};
    use crate::weights::{Kind, SCHEMES, Scheme};

    /// What the code of every scheme does with its vector, for labels, classes and heads.
    #[test]
    fn the_code_fits_the_kind_of_the_scheme() {
        for info in &SCHEMES {
            let [labels, classes, heads] =
                [of_labels, of_classes, of_heads].map(|code| code(info.kind, info.default));
            let expected = match (info.kind, info.default) {
                (Kind::PosWeight, _) => {
                    ["BCEWithLogitsLoss(pos_weight=pos_weight)", "CrossEntropyLoss(weight="]
                }
                (Kind::ClassWeight, _) => ["BCEWithLogitsLoss(weight=weight)", "CrossEntropyLoss(weight="],
                (Kind::Pair, Scheme::FocalAlpha) => ["focal-alpha_negative", "CrossEntropyLoss(weight="],
                (Kind::Pair, _) => ["balanced_negative", "CrossEntropyLoss(weight="],
                (Kind::Additive, Scheme::PriorBias) => ["bias.copy_", "bias.copy_"],
                (Kind::Additive, Scheme::LdamMargin { .. }) => {
                    ["logits - targets * margin", "cross_entropy(logits"]
                }
                (Kind::Additive, _) => ["logits + adjustment", "logits + adjustment"],
                (Kind::Sampling, _) => ["WeightedRandomSampler", "WeightedRandomSampler"],
            };
            assert!(labels.contains(expected[0]), "{}: {labels}", info.name);
            assert!(classes.contains(expected[1]) && heads.contains(expected[1]), "{}: {classes}", info.name);
            assert!(heads.contains("HEADS") && heads.contains("pos_weight.{head}"), "{}: {heads}", info.name);
            assert_eq!(
                labels.contains("pos_weight=pos_weight"),
                info.kind == Kind::PosWeight,
                "{}",
                info.name
            );
            assert!(!classes.contains("pos_weight=pos_weight"), "{}", info.name);
            // Every word of the code for targets that are all known stands in that for the others.
            let known = of_known_labels(info.kind, info.default);
            let is_there = |word: &str| known.contains(word.trim_end_matches(['(', ')', ':']));
            let words =
                labels.split([' ', '\n', ',', '(', ')']).filter(|word| word.contains(['[', '.', '*', '-']));
            let missing: Vec<&str> = words
                .filter(|word| !is_there(word) && !word.contains("BCEWithLogitsLoss") && *word != "-entropy")
                .collect();
            assert!(missing.is_empty(), "{}: {missing:?} in {known}", info.name);
            assert!(known.contains("terms[known].mean()") && known.contains("nan_to_num()"), "{known}");
        }
    }
}
