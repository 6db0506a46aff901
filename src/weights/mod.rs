//! From counts to weights: one finite number per label and scheme, always.
//!
//! ```text
//! sides(label) ─▶ formula ─▶ power ─▶ normalise ─▶ clip ─▶ policy for labels without both sides
//! ```
//!
//! One infinity or NaN in `pos_weight` makes every loss NaN, even if the label never occurs. So a label without
//! positives, without negatives or without known rows gets the value of the [`Policy`], whatever the scheme, and
//! a [`Status`] that says why.

mod formula;
mod policy;
mod scheme;

pub(crate) use policy::{Adjust, Fallback, Normalize, Policy, Status};
pub use scheme::SCHEMES;
pub(crate) use scheme::{Kind, Reference, Scheme};

use crate::counts::LabelCounts;
use crate::error::{Error, Result, plural};

/// Which weights to compute, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighing {
    /// The schemes; the first gives the primary vector.
    pub schemes: Vec<Scheme>,
    /// Power, scaling and clipping.
    pub adjust: Adjust,
    /// Weights of labels without a formula weight.
    pub policy: Policy,
}

/// One number per label. Shape `[C]`, in the order of the target tensor; all finite, also as f32.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeightVector {
    /// Name in files.
    pub name: String,
    /// Its scheme.
    pub scheme: Scheme,
    /// Its use.
    pub kind: Kind,
    /// The weights.
    pub values: Vec<f64>,
    /// Number of clipped weights.
    pub clipped: u64,
    /// How the formula was applied, per head: the position after its last label, and the curve.
    curves: Vec<(usize, Curve)>,
}

/// Computes the weight for any number of positives and negatives.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Curve {
    raw: formula::Raw,
    /// The divisor of `--normalize`.
    scale: f64,
    adjust: Adjust,
}

impl WeightVector {
    /// The formula weight of label `label` with these positives and negatives, if all other labels stay as they are.
    #[must_use]
    pub(crate) fn at(&self, label: usize, positives: f64, negatives: f64) -> f64 {
        let head = self.curves.iter().find(|(end, _)| label < *end);
        let Some((_, curve)) = head else { return self.values[label] };
        let raw = curve.raw.of_label(&self.scheme, positives, negatives);
        if self.kind == Kind::Additive {
            return raw;
        }
        let Curve { scale, adjust, .. } = *curve;
        let weight = if adjust.power == 1.0 { raw } else { raw.powf(adjust.power) } / scale;
        adjust.clip.map_or(weight, |(low, high)| weight.clamp(low, high))
    }
}

/// All weights of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    /// The vectors, the primary first; never empty.
    pub vectors: Vec<WeightVector>,
    /// Per label, whether its weights come from the formula.
    pub status: Vec<Status>,
    /// All negatives over all positives; 1 when there is no positive or no negative.
    pub global_pos_weight: f64,
}

impl Weights {
    /// The vector of the first scheme.
    #[must_use]
    pub(crate) fn primary(&self) -> &WeightVector {
        &self.vectors[0]
    }

    /// The weights of negatives that belong to `vector`, which has those of positives; `None` where it is no pair.
    #[must_use]
    pub(crate) fn negatives_of(&self, vector: &WeightVector) -> Option<&WeightVector> {
        let name = formula::name_of_negatives(&vector.name);
        self.vectors.iter().find(|other| other.kind == Kind::Pair && other.name == name)
    }

    /// ln(positives / negatives) of a label of `counts`, an initial bias; 0 for one without both sides.
    #[must_use]
    pub(crate) fn prior_bias(&self, counts: &LabelCounts, label: usize) -> f64 {
        match (self.status[label], counts.sides(label)) {
            (Status::Ok, (positives, negatives)) => (positives / negatives).ln(),
            _ => 0.0,
        }
    }
}

/// Computes the weight of every label by every scheme; of each head by itself, where there are several.
///
/// # Errors
/// [`Error::Usage`] for no scheme, a duplicate scheme, or bad parameters; [`Error::Input`] naming the labels
/// if a policy is [`Fallback::Error`] and applies.
pub(crate) fn weigh(counts: &LabelCounts, weighing: &Weighing) -> Result<Weights> {
    let Weighing { schemes, adjust, .. } = weighing;
    adjust.check()?;
    if schemes.is_empty() {
        return Err(Error::usage("no weight scheme is given").hint("name one with --scheme"));
    }
    if let Some(twice) = (1..schemes.len()).find(|&i| schemes[..i].contains(&schemes[i])) {
        return Err(
            Error::usage(format!("duplicate --scheme {}", schemes[twice])).hint("name each scheme once")
        );
    }
    let mut weights = if counts.heads().is_empty() {
        weigh_head(counts, weighing)?
    } else {
        let heads = counts.heads().iter().map(|head| weigh_head(&counts.part(head)?, weighing));
        join(&heads.collect::<Result<Vec<_>>>()?)
    };
    weights.global_pos_weight = formula::global(counts).unwrap_or(1.0);
    Ok(weights)
}

/// The weights of several heads, one after the other.
fn join(heads: &[Weights]) -> Weights {
    let mut all = Weights { vectors: Vec::new(), status: Vec::new(), global_pos_weight: 1.0 };
    for head in heads {
        let before = all.status.len();
        all.status.extend(&head.status);
        if all.vectors.is_empty() {
            all.vectors.clone_from(&head.vectors);
            continue;
        }
        for (vector, more) in all.vectors.iter_mut().zip(&head.vectors) {
            vector.values.extend(&more.values);
            vector.clipped += more.clipped;
            vector.curves.extend(more.curves.iter().map(|(end, curve)| (before + end, *curve)));
        }
    }
    all
}

/// Computes the weights of one head.
fn weigh_head(counts: &LabelCounts, weighing: &Weighing) -> Result<Weights> {
    let Weighing { schemes, adjust, policy } = weighing;
    let status: Vec<Status> =
        (0..counts.len()).map(|i| Status::of(&counts.tallies()[i], counts.sides(i), policy)).collect();
    refuse(counts, &status, policy)?;
    let basis = formula::Basis::of(counts, &status);
    let mut vectors = Vec::with_capacity(schemes.len());
    for scheme in schemes {
        for (name, kind, raw, values) in formula::vectors(scheme, &basis) {
            let curve = Curve { raw, scale: 1.0, adjust: *adjust };
            let curves = vec![(counts.len(), curve)];
            let mut vector = WeightVector { name, scheme: *scheme, kind, values, clipped: 0, curves };
            finish(&mut vector, *adjust, &status, policy);
            if let Some(i) = vector.values.iter().position(|w| w.is_nan() || w.abs() > f64::from(f32::MAX)) {
                return Err(Error::usage(format!(
                    "--scheme {scheme} gives label {:?} a weight of {}, beyond what a 32-bit float holds",
                    counts.labels().name(i),
                    vector.values[i]
                ))
                .hint("limit the weights with --clip LO,HI"));
            }
            vectors.push(vector);
        }
    }
    Ok(Weights { vectors, status, global_pos_weight: 1.0 })
}

/// The weight of one label from its own counts, as [`weigh`] computes it by default: neutral (1, or 0 for
/// additive schemes) without positives or without negatives. `against` is the number of other labels that the
/// formula needs: all rows N, or their weight (inverse-propensity, repeat-factor), the reference (inverse-frequency), or the
/// positives of the rarest label (ldam-margin). Effective numbers are unscaled.
#[must_use]
pub(crate) fn weigh_label(scheme: &Scheme, positives: f64, negatives: f64, against: f64) -> f64 {
    if positives > 0.0 && negatives > 0.0 {
        let against = match *scheme {
            Scheme::InversePropensity { a, b } => formula::propensity_constant(against, a, b),
            _ => against,
        };
        return formula::of_label(scheme, positives, negatives, against);
    }
    if scheme.info().kind == Kind::Additive { 0.0 } else { 1.0 }
}

/// The error for labels whose policy is [`Fallback::Error`].
fn refuse(counts: &LabelCounts, status: &[Status], policy: &Policy) -> Result<()> {
    let stops = |status: Status| match status {
        Status::Ok => false,
        Status::NoNegatives => policy.zero_negatives == Fallback::Error,
        Status::NoPositives | Status::NoKnownRows | Status::BelowMinPositives => {
            policy.zero_positives == Fallback::Error
        }
    };
    let stopped: Vec<usize> = (0..status.len()).filter(|&i| stops(status[i])).collect();
    if stopped.is_empty() {
        return Ok(());
    }
    let shown =
        stopped.iter().take(10).map(|&i| format!("{:?} ({})", counts.labels().name(i), status[i].as_str()));
    Err(Error::input(format!(
        "{} without a weight: {}",
        plural(stopped.len() as u64, "label"),
        shown.collect::<Vec<_>>().join(", ")
    ))
    .hint("set their weight with --zero-positives and --zero-negatives: one, max, zero or a number"))
}

fn finish(vector: &mut WeightVector, adjust: Adjust, status: &[Status], policy: &Policy) {
    let ok = |i: &usize| status[*i] == Status::Ok;
    let values = &mut vector.values;
    if vector.kind != Kind::Additive {
        if (adjust.power - 1.0).abs() > 0.0 {
            (0..values.len()).filter(ok).for_each(|i| values[i] = values[i].powf(adjust.power));
        }
        let served = || (0..values.len()).filter(ok).map(|i| values[i]);
        let sum = || served().sum::<f64>();
        let scale = match adjust.normalize {
            Normalize::None => 1.0,
            Normalize::Mean => sum() / served().count() as f64,
            Normalize::Sum => sum(),
            Normalize::Max => served().fold(0.0, f64::max),
        };
        if adjust.normalize != Normalize::None && scale > 0.0 {
            values.iter_mut().for_each(|w| *w /= scale);
            vector.curves.iter_mut().for_each(|(_, curve)| curve.scale = scale);
        }
        if let Some((low, high)) = adjust.clip {
            for i in (0..values.len()).filter(ok) {
                let clipped = values[i].clamp(low, high);
                vector.clipped += u64::from((clipped - values[i]).abs() > 0.0);
                values[i] = clipped;
            }
        }
    }
    let largest = (0..values.len()).filter(ok).map(|i| values[i]).reduce(f64::max);
    let neutral = if vector.kind == Kind::Additive { 0.0 } else { 1.0 };
    let value = |fallback: Fallback| match fallback {
        Fallback::One | Fallback::Error => neutral,
        Fallback::Max => largest.unwrap_or(neutral),
        Fallback::Zero => 0.0,
        Fallback::Value(value) => value,
    };
    for (weight, status) in values.iter_mut().zip(status) {
        match status {
            Status::Ok => {}
            Status::NoNegatives => *weight = value(policy.zero_negatives),
            Status::NoPositives | Status::NoKnownRows | Status::BelowMinPositives => {
                *weight = value(policy.zero_positives);
            }
        }
    }
}
